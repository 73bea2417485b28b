//! The model and the store take the same random steps, call by call, and must agree after each: whether the call
//! succeeded, the attempts and the use of each link, the slot, how many sessions there are and how many notices.
use domain::{
    AccountId, Actor, ClientInfo, EmailAddress, EventContext, Link as Row, LinkAuthorization, LinkState,
    MessageId, Notice, Purpose as LinkPurpose, Session, SignInEmail, SignInMethod, Timestamp, UndoLink,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use shared::app::App;
use shared::requirements::PasswordChecks;
use shared::store::{LinkSignIn, NoticeKeys, Slot as RowSlot, Undo};
use stateright::Model;

use super::{Action, At, Life, Purpose, Shown, Slot, State, Who};
use crate::support::World;

/// A tick in seconds: a link of ten minutes works in the tick of its request and in the next.
const TICK: u64 = 400;

const LIFE: Life = Life {
    purpose: Purpose::SignIn,
    cast: &[Who::Asker, Who::Elsewhere, Who::Thief, Who::Thief],
    tries: 5,
    requests: 2,
    copies: 2,
    links: 3,
    losses: 2,
    disturbed: true,
    operated: 4,
    without: &[],
};

/// The real side: an account with a backup email, to which the links go.
struct Real {
    world: World,
    account: AccountId,
    address: EmailAddress,
    requests: Vec<(MessageId, Timestamp)>,
    links: Vec<Row>,
    /// What each window has read of its link, and when its button was pressed.
    windows: Vec<Option<(Row, Timestamp)>>,
    /// The sessions that were opened.
    sessions: Vec<Session>,
    /// Notices that were queued, without those of sign-ins.
    notices: usize,
}

impl Real {
    async fn new() -> Self {
        let world = World::new();
        let account = world.person("mina").backup("spare@example.org").create().await.id;
        let address = EmailAddress::parse("spare@example.org").expect("an address");
        let windows = vec![None; LIFE.cast.len()];
        let (requests, links, sessions) = (Vec::new(), Vec::new(), Vec::new());
        let mut real = Self { world, account, address, requests, links, windows, sessions, notices: 0 };
        // Before the test: the request for the backup email and its notice.
        real.notices = real.world.dump()["OutboxTable"].len();
        real.ask();
        real
    }

    fn app(&self) -> &App<PasswordChecks> {
        &self.world.operator
    }

    fn operator(&self) -> EventContext<'_> {
        EventContext::new(&self.account, None, Actor::Operator)
    }

    fn ask(&mut self) {
        // A request is later than all before, by its key too.
        self.world.after(std::time::Duration::from_millis(1));
        self.requests.push((self.app().message_id(), self.app().now()));
    }

    /// Takes the step; returns whether the call succeeded.
    async fn take(&mut self, state: &State, action: Action) -> bool {
        match action {
            Action::Tick => self.world.after(std::time::Duration::from_secs(TICK)),
            Action::Ask => self.ask(),
            Action::Email(request) => return self.email(request).await,
            Action::Get(link) => {
                let store = &self.app().store;
                let hash = &self.links[link].token_hash;
                store.find_link(hash, LinkPurpose::SignIn).await.expect("the database works");
                store.find_slot(&self.links[link]).await.expect("the database works");
            }
            Action::Press(window, link) => {
                self.windows[window] = Some((self.links[link].clone(), self.app().now()));
            }
            Action::Step(window) | Action::Lose(window) => return self.step(state, window).await,
            Action::TakeTwice(window) => {
                self.step(state, window).await;
                return self.step(state, window).await;
            }
            Action::Remove => {
                let account = self.load().await;
                let app = self.app();
                let (notice, source) = (app.message_id(), source());
                let removed = app.store.remove_backup(&account, notice, source, app.now()).await;
                self.notices += 1;
                return removed.expect("the database works");
            }
            Action::Undo => self.undo().await,
            Action::Disable => {
                let (app, operator) = (self.app(), self.operator());
                let disabled = app.store.disable_account(operator, app.message_id(), app.now()).await;
                return disabled.expect("the database works");
            }
            Action::Enable => {
                let (app, operator) = (self.app(), self.operator());
                let enabled = app.store.enable_account(operator, app.message_id(), app.now()).await;
                return enabled.expect("the database works");
            }
            Action::EndSessions => {
                let (app, operator) = (self.app(), self.operator());
                let ended = app.store.end_all_sessions(operator, app.message_id(), app.now()).await;
                ended.expect("the database works");
            }
        }
        true
    }

    async fn load(&self) -> domain::Account {
        let account = self.app().store.load_account(&self.account).await;
        account.expect("the database works").expect("there is an account")
    }

    async fn email(&mut self, request: usize) -> bool {
        let account = self.load().await;
        let (id, requested_at) = self.requests[request].clone();
        if account.is_disabled() || account.has_ended_all_since(requested_at) {
            return false;
        }
        let link = Row {
            token_hash: self.app().entropy.token().hash(),
            purpose: LinkPurpose::SignIn,
            account_id: self.account.clone(),
            address: self.address.clone(),
            request: id,
            generation: Some(account.generation),
            expires_at: requested_at + LinkPurpose::SignIn.lifetime(),
            spent_at: None,
            tries: 0,
            client: None,
        };
        let kept = self.app().store.create_sign_in_link(&link).await.expect("the database works");
        if kept.is_ok() {
            self.links.push(link);
        }
        kept.is_ok()
    }

    /// Undoes a change and leaves the backup email as it is.
    async fn undo(&mut self) {
        let account = self.load().await;
        let app = self.app();
        let link = UndoLink {
            token_hash: app.entropy.token().hash(),
            account_id: account.id.clone(),
            sent_to: None,
            event: None,
            notice: Notice::BackupUsed { address: self.address.clone() },
            at: app.now(),
            source: source(),
            username: None,
            spent_at: None,
        };
        app.store.create_undo_link(&link).await.expect("the database works");
        let restored = &account.recovery_emails(app.now());
        let (since, event_id, source) = (&link.event_id(), &app.message_id(), &source());
        let primary = &account.primary_emails();
        let taking = Undo { link: &link, account: &account, since, restored, primary, event_id, source };
        app.store.undo(taking, app.now()).await.expect("the database works").expect("nobody else is here");
        self.notices += 1;
    }

    /// The one call that this window makes next.
    async fn step(&mut self, state: &State, window: usize) -> bool {
        let (link, now) = self.windows[window].clone().expect("its button was pressed");
        let app = self.app();
        match state.windows[window].at {
            At::ReadingLink => {
                let found = app.store.find_link(&link.token_hash, LinkPurpose::SignIn).await;
                let found = found.expect("the database works").expect("links stay");
                let live = found.state(now) == LinkState::Live;
                self.windows[window] = Some((found, now));
                live
            }
            At::ReadingSlot => app.store.find_slot(&link).await.expect("the database works") == RowSlot::Own,
            At::ReadingAccount => {
                let account = self.load().await;
                account.sign_in_email(&link.address, now).is_some()
                    && link.generation == Some(account.generation)
            }
            At::TakingTry => {
                app.store.record_code_attempt(&link, now).await.expect("the database works").is_some()
            }
            At::Comparing { .. } => {
                let key = &app.needs.keys;
                // A guess is the code of another request.
                let typed = match state.windows[window].who {
                    Who::Thief => key.code_of(&MessageId::new(0, 0)),
                    _ => key.code_of(&link.request),
                };
                key.is_code_of(&link.request, &typed)
            }
            At::Opening(shown) => {
                let secret = app.entropy.token();
                let method = SignInMethod::from(SignInEmail::Backup);
                // The flow has read the account before; the transaction checks that it still is of this generation.
                let generation = link.generation.expect("the mailer stores it");
                let account = domain::Account { generation, ..self.load().await };
                let session = Session::begin(secret.hash(), &account, method, source(), now);
                let sign_in = LinkSignIn {
                    account: &account,
                    session: &session,
                    former: None,
                    link: &link,
                    authorization: if shown == Shown::Asker {
                        LinkAuthorization::SameBrowser
                    } else {
                        LinkAuthorization::Code
                    },
                    sign_in_email: SignInEmail::Backup,
                    notice: &NoticeKeys { id: app.message_id(), hourly: Vec::new() },
                };
                let opened = app.store.counted(&app.needs.keys).open_session_with_link(sign_in, now).await;
                let opened = opened.expect("the database works");
                self.sessions.extend(opened.then_some(session));
                opened
            }
            At::Idle | At::Done => unreachable!("it has no call to make"),
        }
    }

    /// What is stored, as the model's state.
    async fn assert_is(&self, state: &State) {
        let (links, slot, opened) = state.stored();
        let store = &self.app().store;
        for (link, (tries, spent)) in self.links.iter().zip(&links) {
            let row = store.find_link(&link.token_hash, LinkPurpose::SignIn).await;
            let row = row.expect("the database works").expect("links stay");
            assert_eq!((row.tries, row.spent_at.is_some()), (u32::from(*tries), *spent));
            let request = self.requests.iter().position(|(id, _)| *id == link.request).expect("its request");
            let expected = match slot {
                Slot::Of(holder) if holder == request => RowSlot::Own,
                Slot::Of(_) => RowSlot::Others,
                Slot::Empty | Slot::UsedBy(_) => RowSlot::Closed,
            };
            assert_eq!(store.find_slot(link).await.expect("the database works"), expected);
        }
        assert_eq!(self.links.len(), links.len());
        let tables = self.world.dump();
        assert_eq!(tables["SessionsTable"].len(), opened, "sessions");
        assert_eq!(tables["OutboxTable"].len(), self.notices + opened, "every opening has its notice");
        let account = self.load().await;
        assert_eq!(account.is_disabled(), state.disabled);
        let honoured = self.sessions.iter().filter(|session| session.is_valid_for(&account)).count();
        assert_eq!(honoured, state.honoured().count(), "sessions that are honoured");
    }
}

fn source() -> ClientInfo {
    ClientInfo::new("", std::net::Ipv4Addr::new(203, 0, 113, 7).into())
}

/// Excludes steps of the model that the store does not have: while changes are frozen, nothing is removed.
fn choices(state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    LIFE.actions(state, &mut actions);
    actions.retain(|action| *action != Action::Remove || !state.frozen);
    actions
}

/// Mostly continues a request that has begun; sometimes does something else, rarely something that ends everything.
fn allows(kind: u8, action: Action) -> bool {
    match action {
        Action::Step(_) => true,
        Action::Tick | Action::Remove | Action::Undo | Action::Disable | Action::EndSessions => kind == 7,
        _ => kind > 4,
    }
}

#[test]
fn the_store_takes_the_same_steps_as_the_model() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec((0..8_u8, any::<prop::sample::Index>()), 40..90);
    let opened = std::cell::Cell::new(0);
    // The same walks each time: how often one of them opens a session does not depend on luck.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps, |steps| {
        tokio.block_on(async {
            let (mut state, mut real) = (LIFE.init_states().remove(0), Real::new().await);
            let mut walked = Vec::new();
            for (kind, choice) in steps {
                let mut actions = choices(&state);
                let allowed = actions.iter().copied().filter(|action| allows(kind, *action));
                let allowed: Vec<_> = allowed.collect();
                if !allowed.is_empty() {
                    actions = allowed;
                }
                if actions.is_empty() {
                    break;
                }
                let action = *choice.get(&actions);
                walked.push(action);
                let went_through = real.take(&state, action).await;
                LIFE.apply(&mut state, action);
                if let Action::Step(window) = action {
                    let expected = state.windows[window].at != At::Idle;
                    assert_eq!(went_through, expected, "the last of {walked:?}");
                }
                real.assert_is(&state).await;
            }
            opened.set(opened.get() + state.opened.len());
        });
        Ok(())
    });
    if let Err(failed) = outcome {
        panic!("{failed}");
    }
    assert!(opened.get() > 0, "no walk opened anything");
}
