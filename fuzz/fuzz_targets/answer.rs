//! Whole flows, from the event to the answer, where no account exists. Password sign-in is left out: an Argon2id run
//! for each input leaves too few inputs.
#![no_main]
use std::cell::LazyCell;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use fuzz::properties::requests::{ask, assert_calm, empty_tables, variable};
use fuzz::support::platform::{TestClock, TestPlatform};
use lambda_runtime::Context;
use shared::app::App;
use shared::config::Requirements;
use shared::requirements::{BackupConfirmation, EmailRequests, LinkCodes};
use shared::runtime::{Methods, answer, get, post};
use shared::web::guard::Event;
use tokio::runtime::{Builder, Runtime};

struct Site {
    codes: App<LinkCodes>,
    confirmations: App<BackupConfirmation>,
    requests: App<EmailRequests>,
    plain: App,
    tokio: Runtime,
}

thread_local! {
    static SITE: LazyCell<Site> = const { LazyCell::new(site) };
}

fn site() -> Site {
    let platform = TestPlatform::new(&TestClock::at(1_795_348_800), 0, empty_tables());
    Site {
        codes: platform.app(&variable),
        confirmations: platform.app(&variable),
        requests: platform.app(&variable),
        plain: platform.app(&variable),
        tokio: Builder::new_current_thread().enable_time().build().expect("a runtime"),
    }
}

async fn check<R: Requirements>(app: &App<R>, methods: Methods<R>, event: Event) {
    let answer = answer(app, &methods, event, Context::default()).await.expect("every reply renders");
    let answer = serde_json::to_value(answer).expect("it is JSON");
    let response: ApiGatewayV2httpResponse =
        serde_json::from_value(answer).expect("it is what API Gateway takes");
    assert_calm(&response);
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let Some(event) = ask(data) else { return };
    SITE.with(|site| {
        site.tokio.block_on(async {
            let Site { codes, confirmations, requests, plain, .. } = &**site;
            match which % 8 {
                0 => check(codes, get(account::get), event).await,
                1 => check(requests, post(request_backup::post), event).await,
                2 => {
                    let methods = get(confirm_backup::get).post(confirm_backup::post);
                    check(confirmations, methods, event).await;
                }
                3 => check(plain, post(remove_backup::post), event).await,
                4 => check(requests, get(forgot_username::get).post(forgot_username::post), event).await,
                5 => {
                    let methods = get(request_magic_link::get).post(request_magic_link::post);
                    check(requests, methods, event).await;
                }
                6 => check(codes, get(open_magic_link::get).post(open_magic_link::post), event).await,
                _ => check(plain, post(sign_out::post), event).await,
            }
        });
    });
});
