//! Whole flows, from the event to the answer, where no account exists. Password sign-in is left out: an Argon2id run
//! for each input leaves too few inputs.
#![no_main]
use std::cell::LazyCell;

use shared::app::App;
use shared::config::Needs;
use shared::runtime::answer;
use shared::testing::requests::{ask, assert_calm, empty_tables, variable};
use shared::testing::{Bench, TestClock};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static SITE: LazyCell<(App, Runtime)> = const { LazyCell::new(site) };
}

fn site() -> (App, Runtime) {
    let bench = Bench::new(&TestClock::at(1_795_348_800), 0, empty_tables());
    let app = bench.app(Needs::DailyEmails, variable);
    let tokio = Builder::new_current_thread().enable_time().build().expect("a runtime");
    (app, tokio)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else { return };
    let Some(event) = ask(data) else { return };
    SITE.with(|site| {
        let (app, tokio) = &**site;
        let reply = tokio.block_on(async {
            match which % 8 {
                0 => answer(app, event, &account::handle).await,
                1 => answer(app, event, &request_backup::handle).await,
                2 => answer(app, event, &confirm_backup::handle).await,
                3 => answer(app, event, &remove_backup::handle).await,
                4 => answer(app, event, &forgot_username::handle).await,
                5 => answer(app, event, &request_magic_link::handle).await,
                6 => answer(app, event, &open_magic_link::handle).await,
                _ => answer(app, event, &sign_out::handle).await,
            }
        });
        assert_calm(&reply.expect("every reply renders"));
    });
});
