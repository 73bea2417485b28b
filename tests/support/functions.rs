//! The functions behind routes, each with what its `main` gives it.
use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_runtime::Context;
use serde_json::Value;
use shared::app::App;
use shared::config::{self, Incomplete, Requirements};
use shared::publishing::Publishing;
use shared::requirements::{
    AccountAdministration, BackupConfirmation, ClientRequests, DeliveryReports, EmailRequests,
    HandOverSignIns, HandOvers, LinkCodes, PasswordChecks, PrimaryChanges, PrimaryConfirmations, RateLimits,
    Sender, TokenIssuing, TokenVerification,
};
use shared::runtime::{Methods, answer, get, post};
use shared::web::guard::Event;

use super::platform::{TestPlatform, Variable};

/// One deployment of all functions behind routes.
pub struct Functions {
    /// Shows the account.
    pub account: App<LinkCodes>,
    /// Opens sign-in links.
    pub open_magic_link: App<LinkCodes>,
    /// Confirms backup emails.
    pub confirm_backup: App<BackupConfirmation>,
    /// Requests backup emails.
    pub request_backup: App<EmailRequests>,
    /// Requests sign-in links.
    pub request_magic_link: App<EmailRequests>,
    /// Requests usernames.
    pub forgot_username: App<EmailRequests>,
    /// Verifies passwords.
    pub password_login: App<PasswordChecks>,
    /// Removes backup emails.
    pub remove_backup: App,
    /// Undoes changes.
    pub undo_change: App,
    /// Ends sessions.
    pub end_session: App<RateLimits>,
    /// Sets passwords.
    pub set_password: App<PasswordChecks>,
    /// Makes backup emails primary ones.
    pub promote_backup: App<PrimaryChanges>,
    /// Requests other primary emails.
    pub request_primary: App<EmailRequests>,
    /// Confirms them.
    pub confirm_primary: App<PrimaryConfirmations>,
    /// Signs out.
    pub sign_out: App,
    /// Describes the site to products.
    pub oidc_metadata: App<TokenVerification>,
    /// Gives products codes.
    pub oidc_authorize: App<ClientRequests>,
    /// Gives them tokens.
    pub oidc_token: App<TokenIssuing>,
    /// Tells them who has signed in.
    pub oidc_userinfo: App<ClientRequests>,
    /// Signs out for them.
    pub oidc_sign_out: App<ClientRequests>,
    /// Manages accounts for them.
    pub admin_account: App<AccountAdministration>,
    /// Hands people over for them.
    pub admin_hand_over: App<HandOvers>,
    /// Signs those in.
    pub open_hand_over: App<HandOverSignIns>,
}

impl Functions {
    /// Starts every function with the variables that `variables` has for its name.
    pub fn start(platform: &TestPlatform, variables: impl Fn(&str) -> BTreeMap<String, String>) -> Self {
        /// Starts one.
        fn app<R: Requirements>(platform: &TestPlatform, variables: &BTreeMap<String, String>) -> App<R> {
            platform.app(&|name| variables.get(name).cloned())
        }
        Self {
            account: app(platform, &variables("account")),
            open_magic_link: app(platform, &variables("open-magic-link")),
            confirm_backup: app(platform, &variables("confirm-backup")),
            request_backup: app(platform, &variables("request-backup")),
            request_magic_link: app(platform, &variables("request-magic-link")),
            forgot_username: app(platform, &variables("forgot-username")),
            password_login: app(platform, &variables("password-login")),
            remove_backup: app(platform, &variables("remove-backup")),
            undo_change: app(platform, &variables("undo-change")),
            end_session: app(platform, &variables("end-session")),
            set_password: app(platform, &variables("set-password")),
            promote_backup: app(platform, &variables("promote-backup")),
            request_primary: app(platform, &variables("request-primary")),
            confirm_primary: app(platform, &variables("confirm-primary")),
            sign_out: app(platform, &variables("sign-out")),
            oidc_metadata: app(platform, &variables("oidc-metadata")),
            oidc_authorize: app(platform, &variables("oidc-authorize")),
            oidc_token: app(platform, &variables("oidc-token")),
            oidc_userinfo: app(platform, &variables("oidc-userinfo")),
            oidc_sign_out: app(platform, &variables("oidc-sign-out")),
            admin_account: app(platform, &variables("admin-account")),
            admin_hand_over: app(platform, &variables("admin-hand-over")),
            open_hand_over: app(platform, &variables("open-hand-over")),
        }
    }

    /// Calls a function with an event.
    pub async fn answer(&self, function: &str, event: &Value) -> ApiGatewayV2httpResponse {
        match function {
            "account" => respond(&self.account, &get(account::get), event).await,
            "open-magic-link" => {
                let methods = get(open_magic_link::get).post(open_magic_link::post);
                respond(&self.open_magic_link, &methods, event).await
            }
            "confirm-backup" => {
                let methods = get(confirm_backup::get).post(confirm_backup::post);
                respond(&self.confirm_backup, &methods, event).await
            }
            "request-backup" => respond(&self.request_backup, &post(request_backup::post), event).await,
            "request-magic-link" => {
                let methods = get(request_magic_link::get).post(request_magic_link::post);
                respond(&self.request_magic_link, &methods, event).await
            }
            "forgot-username" => {
                let methods = get(forgot_username::get).post(forgot_username::post);
                respond(&self.forgot_username, &methods, event).await
            }
            "password-login" => {
                let methods = get(password_login::get).post(password_login::post);
                respond(&self.password_login, &methods, event).await
            }
            "remove-backup" => respond(&self.remove_backup, &post(remove_backup::post), event).await,
            "undo-change" => {
                let methods = get(undo_change::get).post(undo_change::post);
                respond(&self.undo_change, &methods, event).await
            }
            "end-session" => respond(&self.end_session, &post(end_session::post), event).await,
            "set-password" => {
                let methods = get(set_password::get).post(set_password::post);
                respond(&self.set_password, &methods, event).await
            }
            "promote-backup" => {
                let methods = get(promote_backup::get).post(promote_backup::post);
                respond(&self.promote_backup, &methods, event).await
            }
            "request-primary" => {
                let methods = get(request_primary::get).post(request_primary::post);
                respond(&self.request_primary, &methods, event).await
            }
            "confirm-primary" => {
                let methods = get(confirm_primary::get).post(confirm_primary::post);
                respond(&self.confirm_primary, &methods, event).await
            }
            "sign-out" => respond(&self.sign_out, &post(sign_out::post), event).await,
            "oidc-metadata" => respond(&self.oidc_metadata, &get(oidc_metadata::get), event).await,
            "oidc-authorize" => {
                let methods = get(oidc_authorize::get).post_of_any_site(oidc_authorize::post);
                respond(&self.oidc_authorize, &methods, event).await
            }
            "oidc-token" => respond(&self.oidc_token, &post(oidc_token::post), event).await,
            "oidc-userinfo" => {
                let methods = get(oidc_userinfo::get).post(oidc_userinfo::post);
                respond(&self.oidc_userinfo, &methods, event).await
            }
            "oidc-sign-out" => {
                let methods = get(oidc_sign_out::get).post(oidc_sign_out::post);
                respond(&self.oidc_sign_out, &methods, event).await
            }
            "admin-account" => respond(&self.admin_account, &admin_account::methods(), event).await,
            "admin-hand-over" => respond(&self.admin_hand_over, &post(admin_hand_over::post), event).await,
            "open-hand-over" => {
                let methods = get(open_hand_over::get).post(open_hand_over::post);
                respond(&self.open_hand_over, &methods, event).await
            }
            other => panic!("{other} is not behind a route"),
        }
    }
}

/// Whether a function starts in an environment of these variables.
pub fn starts(function: &str, variable: Variable<'_>) -> Result<(), Incomplete> {
    match function {
        "account" | "open-magic-link" => config::read::<LinkCodes>(variable).map(drop),
        "confirm-backup" => config::read::<BackupConfirmation>(variable).map(drop),
        "request-backup" | "request-primary" | "request-magic-link" | "forgot-username" => {
            config::read::<EmailRequests>(variable).map(drop)
        }
        "password-login" | "set-password" => config::read::<PasswordChecks>(variable).map(drop),
        "confirm-primary" => config::read::<PrimaryConfirmations>(variable).map(drop),
        "promote-backup" => config::read::<PrimaryChanges>(variable).map(drop),
        "end-session" => config::read::<RateLimits>(variable).map(drop),
        "mailer" => config::read::<Sender>(variable).map(drop),
        "delivery" => config::read::<DeliveryReports>(variable).map(drop),
        "publisher" => config::read::<Publishing>(variable).map(drop),
        "oidc-metadata" => config::read::<TokenVerification>(variable).map(drop),
        "oidc-authorize" | "oidc-sign-out" | "oidc-userinfo" => {
            config::read::<ClientRequests>(variable).map(drop)
        }
        "oidc-token" => config::read::<TokenIssuing>(variable).map(drop),
        "admin-account" => config::read::<AccountAdministration>(variable).map(drop),
        "admin-hand-over" => config::read::<HandOvers>(variable).map(drop),
        "open-hand-over" => config::read::<HandOverSignIns>(variable).map(drop),
        _ => config::read::<()>(variable).map(drop),
    }
}

/// Answers an event as the runtime does; returns what API Gateway would get.
pub async fn respond<R: Requirements>(
    app: &App<R>,
    methods: &Methods<R>,
    event: &Value,
) -> ApiGatewayV2httpResponse {
    let event: Event = serde_json::from_value(event.clone()).expect("the event is one of API Gateway's");
    let answer = Box::pin(answer(app, methods, event, Context::default())).await;
    let answer = serde_json::to_value(answer.expect("every reply renders")).expect("it is JSON");
    serde_json::from_value(answer).expect("it is what API Gateway takes")
}
