//! The life of a backup email: two accounts that want the same addresses, windows in which people confirm, remove and
//! take back at the same time, a hold that ends while they do, an operator who disables and enables, an index that
//! lags, a mailer that sends twice.
//!
//! Each call to the database is one step. The step of the model and the call of the code that it stands for:
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Ask`] | `Store::request_backup` |
//! | [`Action::Email`] | `Store::create_confirmation_link`; the mailer is at-least-once |
//! | [`Action::Tell`] | `Store::create_undo_link`, for a notice of the outbox; at-least-once too |
//! | [`Action::Begin`] | POST: `App::now`, then `Store::find_link`, `Store::find_undo_link` or `Store::touch_session` |
//! | [`At::Reading`] | `Store::load_account` |
//! | [`At::Sweeping`] | `Store::release_expired_claim`: who has the claim, though its time is over |
//! | [`At::Releasing`] | the same: the record `email#former` goes, if its time is over |
//! | [`At::Freeing`] | the same: the claim goes, if its time is over |
//! | [`At::Writing`] | `Store::confirm_backup`, `Store::remove_backup`, `Store::undo`: one transaction, on the account as it was read |
//! | [`Action::Cancel`] | `Store::cancel_pending`: of a request that was read before, which only that request's record obeys |
//! | [`Action::Disable`] | `Store::disable_account` |
//! | [`Action::Enable`] | `Store::enable_account` |
//! | [`Action::Tick`] | time: a hold is over after [`Life::hold`] of them |
//! | [`Action::Thaw`] | time: `backup_frozen_until` has passed |
//! | [`Action::CatchUp`] | the index takes over what the base table has |
//!
//! An answer that is lost leaves the same state as one that is not; the retry is another run of a window. A
//! transaction that conflicts has not happened and is tried again, and a window that is closed takes no more steps. Whom
//! an address opens (`Store::find_by_email`, then `Store::load_account`) is asked of every state.
mod keys;
mod model;
mod state;
mod steps;
mod tests;

pub use keys::{Claim, Confirmed, Exchanged, Keys};

/// The accounts, by number.
pub const ACCOUNTS: [usize; 2] = [0, 1];
/// The addresses, by number.
pub const ADDRESSES: [usize; 3] = [0, 1, 2];

/// A rule of the code; a model without one has to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Confirming and restoring claim the address, on the condition that nobody has it.
    Claim,
    /// Giving an address free asks that the claim is one's own.
    OwnClaim,
    /// A change asks that the backup email is what it was when the account was read.
    AsRead,
    /// Only a confirmed address opens a door.
    ConfirmedOnly,
    /// The index only finds; the account itself, read consistently, decides.
    BaseDecides,
    /// A change and its notice are one transaction.
    NoticeTogether,
    /// Asking leaves the address in force alone.
    FormerStays,
    /// Confirming asks that the pending record is that of the link's request.
    OwnPending,
    /// Taking back deletes the pending record.
    UndoEndsPending,
    /// A change asks that changes are not frozen.
    Frozen,
    /// A link that takes back works once.
    UndoOnce,
    /// A held address opens nothing before its time.
    Held,
    /// A former address opens nothing after its time.
    FormerEnds,
    /// While the new address is held, the one in force stays, as the former one.
    FormerKept,
    /// Confirming and restoring sweep the record of whoever had the address until its time was over.
    Swept,
    /// Confirming claims an address over a claim only when that one's time is over.
    ClaimEnds,
    /// Sweeping asks that the time of what it takes away is over.
    SweepsLapsed,
    /// A change asks that the account is not disabled.
    Enabled,
    /// A change asks that all sessions have not ended since it was asked for.
    AskedSince,
    /// Confirming reads the time after the account.
    TimeLast,
    /// Taking back does not end a hold.
    UndoKeepsHold,
    /// Taking back puts what was in force before in force at once, though it was confirmed anew and is held.
    UndoAtOnce,
}

/// What must never happen in a step; what must hold in a state is asked of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// The backup email changed while changes were frozen.
    ChangedWhileFrozen,
    /// The backup email changed in a step that is no change: asking, cancelling, time.
    ChangedByTheWay,
    /// A request was confirmed that had been cancelled, or had been replaced by a newer one.
    Replaced,
    /// A request was confirmed that was made before everything was taken back.
    Undone,
    /// A change was taken back twice by one link.
    UndoneTwice,
    /// Taking back left neither the former address nor, because somebody else has it, none.
    NotRestored,
    /// An account had an address in force, and has none after a step that is neither its removal nor its taking back.
    LeftWithNone,
    /// The backup email was confirmed or removed while the account was disabled.
    ChangedWhileDisabled,
    /// A request was confirmed, or a session removed something, from before the account was disabled.
    Revived,
}

/// What a notice tells: a change, as `Notice` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Whom it is for.
    pub account: usize,
    /// What was in force before.
    pub former: Option<usize>,
    /// When that was to begin to open the account, if it was held.
    pub held_until: u8,
    /// Truth: until when that rests.
    pub rests_until: u8,
    /// Whether it can be taken back: what takes back cannot.
    pub undoable: bool,
    /// Its links, made by the mailer: whether each was used.
    pub links: [Option<bool>; 2],
}

/// A request for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Who asked.
    pub account: usize,
    /// For which address.
    pub address: usize,
    /// The account's `ends` when it was asked for.
    pub asked_in: u8,
    /// Its links, made by the mailer: whether each was used.
    pub links: [Option<bool>; 2],
    /// Truth: it was cancelled, replaced by a newer one, or confirmed.
    pub over: bool,
    /// Truth: a change was taken back since.
    pub backup_after_undo: bool,
    /// Truth: the account was disabled since.
    pub disabled: bool,
}

/// The records of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Account {
    /// `email#backup` and `email#former`.
    pub keys: Keys,
    /// `email#pending`: the request.
    pub pending: Option<usize>,
    /// `backup_frozen_until` lies ahead.
    pub frozen: bool,
    /// `sessions_valid_from`: how often all sessions have ended.
    pub ends: u8,
    /// Truth: how often a change was taken back.
    pub raised: u8,
    /// `disabled_at`.
    pub disabled: bool,
    /// Truth: the addresses whose mail the owner has shown to read.
    pub proven: [bool; ADDRESSES.len()],
    /// Truth: until when each of them rests.
    pub rests_until: [u8; ADDRESSES.len()],
}

/// What a window is about to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errand {
    /// Confirm with this link of this request.
    Confirm { request: usize, link: usize },
    /// Remove the backup email of this account.
    Remove { account: usize },
    /// Take the change of this notice back with this link.
    TakeBack { notice: usize, link: usize },
}

/// How far a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// It is about to read the account.
    Reading,
    /// It is about to read the claim of the address.
    Sweeping,
    /// It is about to delete the former address of this account.
    Releasing { holder: usize },
    /// It is about to delete the claim of this account.
    Freeing { holder: usize },
    /// It is about to write.
    Writing,
}

/// A window: what it is about to do, and the account as it read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// What it does.
    pub errand: Errand,
    /// How far it is.
    pub at: At,
    /// The `now` of its request.
    pub now: u8,
    /// The keys that it read.
    pub read: Keys,
    /// The account's `ends` that it read.
    pub ends: u8,
    /// It reads the account again, because that had changed.
    pub again: bool,
    /// The former address was found to be somebody else's: take back all the rest.
    pub taken: bool,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub now: u8,
    /// The accounts.
    pub accounts: [Account; 2],
    /// The claim of each address: whose it is.
    pub claims: [Option<Claim>; ADDRESSES.len()],
    /// The index: whether the address leads to the account.
    pub index: [[bool; ADDRESSES.len()]; 2],
    /// The requests, oldest first.
    pub requests: Vec<Request>,
    /// The outbox's notices, oldest first.
    pub notices: Vec<Notice>,
    /// The windows.
    pub windows: [Option<Window>; 2],
    /// What the operator has done.
    pub operated: u8,
    /// Truth: changes of a backup email.
    pub changes: u8,
    /// What must never happen and did.
    pub wrongs: Vec<Wrong>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// An account asks for an address.
    Ask { account: usize, address: usize },
    /// The mailer makes a link for a request.
    Email(usize),
    /// The mailer makes a link for a notice.
    Tell(usize),
    /// A button is pressed in a window.
    Begin(usize, Errand),
    /// A window makes its next call.
    Step(usize),
    /// What is pending is cancelled.
    Cancel(usize),
    /// An operator disables an account.
    Disable(usize),
    /// An operator enables an account.
    Enable(usize),
    /// Time passes.
    Tick,
    /// The time of rest is over.
    Thaw(usize),
    /// The index takes over what an account has of an address.
    CatchUp { account: usize, address: usize },
}

/// The model and its bounds.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// The addresses that each account asks for, in this order.
    pub wishes: [&'static [usize]; 2],
    /// Links of one request or notice at most: how often the mailer sends.
    pub copies: usize,
    /// Mail comes at once. A link can only be used later than it was made, so this leaves out no use of it.
    pub prompt: bool,
    /// Changes at most.
    pub changes: u8,
    /// Windows.
    pub windows: usize,
    /// Ticks that a new address is held; without a hold no time passes.
    pub hold: u8,
    /// The last tick.
    pub end: u8,
    /// Steps of the operator at most, all at the first account.
    pub operated: u8,
    /// Whether the index lags.
    pub lagging: bool,
    /// The rules that are left out.
    pub without: &'static [Rule],
}
