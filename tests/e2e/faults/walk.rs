//! The flows as a person uses them: a thin layer, so that a change of a flow affects only this file.
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use dev::browser::{Browser, SiteRequest, SiteResponse};
use dev::clock;
use dev::gateway::callers::PRODUCT;
use dev::stack::{RETURN_URI, Stack};
use serde_json::{Value, json};

use super::flow::Flow;
use super::image::Snapshot;
use crate::client::{new_browser, sign_in};

/// The stream tries again with ever longer pauses, each time with the SDK's own retries.
pub const PATIENCE: Duration = Duration::from_mins(1);

const USERNAME: &str = "mina";
const PRIMARY: &str = "mina@example.com";
/// The recipient of the email that [`Scene::request_another_email`] requests.
pub const ANOTHER: &str = "joris@example.org";
const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "otter kettle violet";
const BACKUP: &str = "mina.spare@example.org";
const OTHER_BACKUP: &str = "mina.other@example.net";
const OF_PRODUCT: &str = "noor@example.net";
const OTHER_OF_PRODUCT: &str = "noor@example.org";

/// The state before the tested request, prepared once; each run starts from its snapshot.
pub struct Scene<'s> {
    stack: &'s Stack,
    pub flow: Flow,
    pub snapshot: Snapshot,
    /// With the cookies from before the request.
    browser: Browser,
    /// Another browser of the same person.
    other: Browser,
    /// The token of the emailed link, or the name of the session to end.
    token: Option<String>,
}

impl<'s> Scene<'s> {
    /// Does everything before the flow's own request.
    pub async fn set(stack: &'s Stack, flow: Flow) -> Result<Self> {
        let (mut browser, mut other, mut token) = (new_browser(stack)?, new_browser(stack)?, None);
        match flow {
            Flow::ForgotUsername | Flow::RequestLink | Flow::Mailer | Flow::CreateAccount => {}
            Flow::SignOut
            | Flow::EndSession
            | Flow::EndOthers
            | Flow::SetPassword
            | Flow::RequestPrimary
            | Flow::ConfirmPrimary => {
                sign_in(&mut browser, PRIMARY, PASSWORD).await?;
                sign_in(&mut other, PRIMARY, PASSWORD).await?;
            }
            Flow::Cancel => {
                sign_in(&mut browser, PRIMARY, PASSWORD).await?;
                define(stack, &mut browser, BACKUP).await?;
            }
            Flow::ChangeAccount
            | Flow::DisableAccount
            | Flow::EndAccountSessions
            | Flow::HandOver
            | Flow::OpenHandOver => {
                let made = send_as_product(stack, &mut browser, put(OF_PRODUCT)).await?;
                ensure!(made.status == 201, "creating: {} {}", made.status, made.body);
            }
            Flow::Define => sign_in(&mut browser, PRIMARY, PASSWORD).await?,
            Flow::Confirm => {
                sign_in(&mut browser, PRIMARY, PASSWORD).await?;
                token = Some(define(stack, &mut browser, BACKUP).await?);
            }
            Flow::SignIn | Flow::Remove | Flow::OpenLink | Flow::TakeBack | Flow::Change | Flow::Promote => {
                sign_in(&mut browser, PRIMARY, PASSWORD).await?;
                let link = define(stack, &mut browser, BACKUP).await?;
                let confirmed = browser.post("/backup/confirm", &json!({ "token": link })).await?;
                ensure!(confirmed.status == 200, "confirming: {} {}", confirmed.status, confirmed.body);
            }
        }
        match flow {
            Flow::OpenLink => {
                browser = new_browser(stack)?;
                browser.post("/login/link", &json!({ "email": BACKUP })).await?;
                token = Some(mailed(stack, BACKUP, "/login/open?token=").await?);
            }
            Flow::TakeBack => token = Some(mailed(stack, PRIMARY, "/undo?token=").await?),
            Flow::Change => {
                // Two requests so close together would reach a limit.
                stack.tables().empty("LimitsTable")?;
                token = Some(define(stack, &mut browser, OTHER_BACKUP).await?);
            }
            Flow::Promote => {
                sign_in(&mut other, PRIMARY, PASSWORD).await?;
                browser.post("/login/link", &json!({ "email": BACKUP })).await?;
                let link = mailed(stack, BACKUP, "/login/open?token=").await?;
                let opened = browser.post("/login/open", &json!({ "token": link })).await?;
                ensure!(opened.status == 200, "opening: {} {}", opened.status, opened.body);
                confirm_long_ago(stack)?;
            }
            Flow::ConfirmPrimary => {
                let asked = browser.post("/account/primary", &json!({ "email": BACKUP })).await?;
                ensure!(asked.status == 202, "asking: {} {}", asked.status, asked.body);
                token = Some(mailed(stack, BACKUP, "/primary/confirm?token=").await?);
            }
            Flow::DisableAccount | Flow::EndAccountSessions => {
                browser.post("/login/link", &json!({ "email": OF_PRODUCT })).await?;
                let link = mailed(stack, OF_PRODUCT, "/login/open?token=").await?;
                let opened = browser.post("/login/open", &json!({ "token": link })).await?;
                ensure!(opened.status == 200, "opening: {} {}", opened.status, opened.body);
            }
            Flow::OpenHandOver => {
                let given = send_as_product(stack, &mut browser, hand_over()).await?;
                let link = given.body["link"].as_str().and_then(|link| link.split_once("?token="));
                token = Some(link.with_context(|| format!("no link: {}", given.body))?.1.to_owned());
                let_hand_overs_last(stack)?;
            }
            Flow::EndSession => token = Some(name_of_session(&mut other).await?),
            _ => {}
        }
        let snapshot = Snapshot::take(stack).await?;
        Ok(Self { stack, flow, snapshot, browser, other, token })
    }

    /// Sends the tested request from the prepared browser; returns the browser as it is afterwards.
    pub async fn act(&self) -> Result<(SiteResponse, Browser)> {
        self.act_again(&self.browser).await
    }

    /// The same request from a browser that has made it before.
    pub async fn act_again(&self, browser: &Browser) -> Result<(SiteResponse, Browser)> {
        let mut browser = browser.clone();
        let answer = match self.request() {
            request if self.flow.is_of_product() => {
                send_as_product(self.stack, &mut browser, request).await?
            }
            request => browser.send(&request).await?,
        };
        Ok((answer, browser))
    }

    fn request(&self) -> SiteRequest {
        let (path, body) = match self.flow {
            Flow::CreateAccount => return put(OF_PRODUCT),
            Flow::ChangeAccount => return put(OTHER_OF_PRODUCT),
            Flow::DisableAccount => return of_product(Method::POST, "/disable", None),
            Flow::EndAccountSessions => return of_product(Method::POST, "/end-sessions", None),
            Flow::HandOver => return hand_over(),
            Flow::OpenHandOver => ("/hand-over", json!({ "token": self.token })),
            Flow::Define => ("/account/backup", json!({ "email": BACKUP })),
            Flow::Confirm | Flow::Change => ("/backup/confirm", json!({ "token": self.token })),
            Flow::ForgotUsername => ("/forgot-username", json!({ "email": PRIMARY })),
            Flow::RequestLink | Flow::Mailer => ("/login/link", json!({ "email": PRIMARY })),
            Flow::OpenLink => ("/login/open", json!({ "token": self.token })),
            Flow::SignIn => ("/login", json!({ "identifier": BACKUP, "password": PASSWORD })),
            Flow::Remove => ("/account/backup/remove", json!({ "what": "confirmed" })),
            Flow::TakeBack => ("/undo", json!({ "token": self.token, "username": USERNAME })),
            Flow::Cancel => ("/account/backup/remove", json!({ "what": "pending" })),
            Flow::SignOut => ("/logout", json!({})),
            Flow::EndSession => ("/account/sessions/end", json!({ "session": self.token })),
            Flow::EndOthers => ("/account/sessions/end", json!({ "others": true })),
            Flow::Promote => ("/account/primary/promote", json!({ "keep_former": false })),
            Flow::RequestPrimary => ("/account/primary", json!({ "email": BACKUP })),
            Flow::ConfirmPrimary => ("/primary/confirm", json!({ "token": self.token })),
            Flow::SetPassword => ("/account/password", json!({ "password": NEW_PASSWORD })),
        };
        SiteRequest::json(Method::POST, path, Some(body))
    }

    /// Asserts that the expected browsers are signed out, whatever cookies they kept, and no others.
    pub async fn assert_ended(&self, browser: &Browser) -> Result<()> {
        let is_in =
            async |who: &Browser| Ok::<_, anyhow::Error>(who.clone().get("/account").await?.status == 200);
        let (kept, now, other) =
            (is_in(&self.browser).await?, is_in(browser).await?, is_in(&self.other).await?);
        let wanted = match self.flow {
            Flow::SignOut => (false, false, true),
            Flow::DisableAccount | Flow::EndAccountSessions => (false, false, false),
            Flow::EndSession | Flow::EndOthers | Flow::Promote | Flow::ConfirmPrimary => (true, true, false),
            Flow::SetPassword => {
                // Whose answer was lost signs in with the new password.
                ensure!(!kept && !other, "in: {:?}", (kept, now, other));
                return sign_in(&mut new_browser(self.stack)?, PRIMARY, NEW_PASSWORD).await;
            }
            _ => return Ok(()),
        };
        ensure!((kept, now, other) == wanted, "in: {:?}, not {wanted:?}", (kept, now, other));
        Ok(())
    }

    /// Another person's request, so that two emails are pending.
    pub async fn request_another_email(&self) -> Result<()> {
        let form = json!({ "email": ANOTHER });
        let answer = new_browser(self.stack)?.post("/forgot-username", &form).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }
}

/// A product's request about its account.
fn of_product(method: Method, action: &str, body: Option<Value>) -> SiteRequest {
    SiteRequest::json(method, &format!("/admin/accounts/employee-4711{action}"), body)
}

/// The product's account as it is to be, with this primary email.
fn put(email: &str) -> SiteRequest {
    let wanted = json!({ "username": "noor", "email": email, "email_verified": true, "kind": "regular" });
    of_product(Method::PUT, "", Some(wanted))
}

fn hand_over() -> SiteRequest {
    of_product(Method::POST, "/hand-over", Some(json!({ "return_to": RETURN_URI })))
}

/// Signs a request as the product that may do everything, and sends it.
async fn send_as_product(stack: &Stack, browser: &mut Browser, request: SiteRequest) -> Result<SiteResponse> {
    let product = stack.callers().named(PRODUCT).cloned().context("no product")?;
    browser.send(&product.signer().signed(request, stack.page_url(), clock::now())?).await
}

/// Requests a backup email; returns the token of the email.
async fn define(stack: &Stack, mina: &mut Browser, address: &str) -> Result<String> {
    let asked = mina.post("/account/backup", &json!({ "email": address })).await?;
    ensure!(asked.status == 202, "defining: {} {}", asked.status, asked.body);
    mailed(stack, address, "/backup/confirm?token=").await
}

/// Waits for an email with such a link; returns the link's token.
async fn mailed(stack: &Stack, to: &str, link: &str) -> Result<String> {
    let fits = |email: &dev::mailbox::ReceivedEmail| {
        email.to == to && email.links.iter().any(|own| own.contains(link))
    };
    let email = stack.mailbox().wait_for(PATIENCE, fits).await;
    let email = email.with_context(|| format!("no email to {to} with {link}"))?;
    let tokens = email.links.iter().filter_map(|own| own.split_once(link));
    Ok(tokens.map(|(_, token)| token.to_owned()).next().unwrap_or_default())
}

/// Makes all confirmed addresses old enough for any change.
fn confirm_long_ago(stack: &Stack) -> Result<()> {
    let tables = stack.tables();
    for mut row in tables.items("AccountsTable")? {
        if row["verified_at"].is_object() {
            row["verified_at"] = json!({ "N": "1" });
            tables.put("AccountsTable", &row)?;
        }
    }
    Ok(())
}

/// Makes all links of hand-overs last an hour: all faults together take longer than the minute that such a link lives.
fn let_hand_overs_last(stack: &Stack) -> Result<()> {
    let tables = stack.tables();
    for mut row in tables.items("LinksTable")? {
        if row["return_to"].is_object() {
            row["expires_at"] = json!({ "N": (clock::now().unix_timestamp() + 3600).to_string() });
            tables.put("LinksTable", &row)?;
        }
    }
    Ok(())
}

/// The name under which a browser's own session is listed.
async fn name_of_session(browser: &mut Browser) -> Result<String> {
    let page = browser.get("/account").await?;
    let own = page.body["sessions"][0]["session"].as_str();
    own.map(str::to_owned).with_context(|| format!("no list of sessions: {}", page.body))
}
