//! The life of a backup email: two accounts that want the same addresses, windows in which people confirm, remove and
//! undo at the same time, a waiting period that ends meanwhile, an operator who disables and enables, an index that
//! lags, a mailer that sends twice. What an undo restores is computed by the real `History::before`.
//!
//! Each call to the database is one step. The steps of the model and the calls that they represent:
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Ask`] | `Store::request_backup` |
//! | [`Action::Email`] | `Store::create_confirmation_link`; the mailer is at-least-once |
//! | [`Action::Tell`] | `Store::create_undo_link`, for a notice of the outbox; at-least-once too |
//! | [`Action::Begin`] | POST: `App::now`, then `Store::find_link`, `Store::find_undo_link` or `Store::touch_session` |
//! | [`At::Reading`] | `Store::load_account` |
//! | [`At::Recalling`] | `Store::load_history`, for an undo |
//! | [`At::Sweeping`] | `Store::release_expired_claim`, for each address that is confirmed or restored: reads an expired claim |
//! | [`At::Releasing`] | the same: deletes the record `email#former`, if it has expired |
//! | [`At::Freeing`] | the same: deletes the claim, if it has expired |
//! | [`At::Writing`] | `Store::confirm_backup`, `Store::remove_backup`, `Store::undo`: one transaction, on the account as it was read |
//! | [`Action::Cancel`] | `Store::cancel_pending`: on condition that the pending record is still that of the request that was read |
//! | [`Action::Disable`] | `Store::disable_account` |
//! | [`Action::Enable`] | `Store::enable_account` |
//! | [`Action::Tick`] | time: a waiting period is [`Life::waiting_period`] ticks |
//! | [`Action::Thaw`] | time: `backup_frozen_until` has passed |
//! | [`Action::CatchUp`] | the index catches up with the base table |
//!
//! A lost answer leaves the same state as one that arrives; its retry is another run of a window. A transaction that
//! conflicts has not happened and is tried again, and a closed window takes no more steps. Every state is checked for the
//! accounts that an address opens (`Store::find_by_email`, then `Store::load_account`).
mod emails;
mod model;
mod state;
mod steps;
mod tests;
mod undo;

pub use emails::{Addresses, Claim, Confirmed, Exchanged, Former, RecoveryEmails};

/// The accounts, by number.
pub const ACCOUNTS: [usize; 2] = [0, 1];
/// The addresses, by number.
pub const ADDRESSES: [usize; 3] = [0, 1, 2];

/// A rule of the code. A model without one of them must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Confirming and restoring claim the address, on condition that nobody has it.
    Claim,
    /// The account's own claim does not count as another account's.
    OwnIsFree,
    /// Releasing an address requires that the claim is the account's own.
    OwnClaim,
    /// A change requires that the backup email is what it was when the account was read.
    AsRead,
    /// Only a confirmed address opens an account.
    ConfirmedOnly,
    /// The index only finds; the account itself, read consistently, decides.
    BaseDecides,
    /// A change and its notice are one transaction.
    NoticeTogether,
    /// A request does not change the active address.
    FormerStays,
    /// Confirming requires that the pending record is that of the link's request.
    OwnPending,
    /// An undo deletes the pending record.
    UndoEndsPending,
    /// A change requires that changes are not frozen.
    Frozen,
    /// An undo link works once.
    UndoOnce,
    /// An address opens nothing during its waiting period.
    Waits,
    /// A former address opens nothing after it has expired.
    FormerEnds,
    /// During the waiting period of the new address, the active one stays, as the former one.
    FormerKept,
    /// Confirming and restoring delete another account's expired record of the address.
    Swept,
    /// Confirming replaces another claim only if that has expired.
    ClaimEnds,
    /// Deleting such a record requires that it has expired.
    SweepsLapsed,
    /// A change requires that the account is not disabled.
    Enabled,
    /// A change requires that all sessions have not ended since it was requested.
    AskedSince,
    /// Confirming reads the time after the account.
    TimeLast,
    /// An undo does not end a waiting period.
    UndoKeepsHold,
    /// An undo makes the address that was active before active at once, even if it was confirmed again and would wait.
    UndoAtOnce,
    /// A waiting period that an undo restores goes on with the time that was left, instead of ending when it would have.
    UndoResumes,
    /// An undo restores the former address beside the backup email.
    UndoRestoresFormer,
    /// An undo requires that all sessions have not ended since the account was read, as by another undo.
    UndoAsRead,
}

/// What must never happen in a step. Invariants of a state are checked on the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// The backup email changed while changes were frozen.
    ChangedWhileFrozen,
    /// The backup email changed in a step that is not a change: a request, a cancellation, time.
    ChangedByTheWay,
    /// A request was confirmed that had been cancelled, or had been replaced by a newer one.
    Replaced,
    /// A request was confirmed that was made before an undo.
    Undone,
    /// One link undid a change twice.
    UndoneTwice,
    /// An undo left other addresses than those from before the event, or others active.
    NotRestored,
    /// An account had an active address, and has none after a step that is neither a removal nor an undo.
    LeftWithNone,
    /// The backup email was confirmed or removed while the account was disabled.
    ChangedWhileDisabled,
    /// A request was confirmed, or a session removed something, from before the account was disabled.
    Revived,
}

/// What a notice is about. All are changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// `Notice::BackupAdded` or `BackupChanged`.
    Confirmed(usize),
    /// `Notice::BackupRemoved`.
    Removed(usize),
    /// `Notice::Undone`: everything since this notice.
    Undone { since: usize },
}

/// A notice of a change, and its event in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Its account.
    pub account: usize,
    /// What happened.
    pub what: What,
    /// When its request began. Its id sorts by that, and then by the order of the commits.
    pub at: u8,
    /// The recovery emails before.
    pub before: RecoveryEmails,
    /// Its links, created by the mailer: whether each was used.
    pub links: [Option<bool>; 2],
    /// Truth: the ends of the account's waiting periods at that time.
    pub waits_until: [u8; ADDRESSES.len()],
    /// Truth: an undo has ended what it confirmed.
    pub ended: bool,
}

impl Notice {
    /// Whether it can be undone: an undo cannot.
    pub fn is_undoable(&self) -> bool {
        !matches!(self.what, What::Undone { .. })
    }
}

/// A request for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// The account that requested it.
    pub account: usize,
    /// The address.
    pub address: usize,
    /// The account's `ends` at the time of the request.
    pub asked_in: u8,
    /// Its links, created by the mailer: whether each was used.
    pub links: [Option<bool>; 2],
    /// Truth: it was cancelled, replaced by a newer one, or confirmed.
    pub over: bool,
    /// Truth: a change was undone since.
    pub backup_after_undo: bool,
    /// Truth: the account was disabled since.
    pub disabled: bool,
}

/// The records of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ModelAccount {
    /// `email#backup` and `email#former`.
    pub emails: RecoveryEmails,
    /// `email#pending`: the request.
    pub pending: Option<usize>,
    /// `backup_frozen_until` is in the future.
    pub frozen: bool,
    /// `generation`: how often all sessions have ended.
    pub ends: u8,
    /// Truth: how often a change was undone.
    pub raised: u8,
    /// `disabled_at`.
    pub disabled: bool,
    /// Truth: the addresses whose email the owner has proved to read.
    pub proven: [bool; ADDRESSES.len()],
    /// Truth: the end of the waiting period of each.
    pub waits_until: [u8; ADDRESSES.len()],
}

/// What a window is about to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errand {
    /// Confirm with this link of this request.
    Confirm { request: usize, link: usize },
    /// Remove the backup email of this account.
    Remove { account: usize },
    /// Undo the change of this notice with this link.
    Undo { notice: usize, link: usize },
}

/// The next call of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// It is about to read the account.
    Reading,
    /// It is about to read the history.
    Recalling,
    /// It is about to read the claim of its first or second address.
    Sweeping { place: usize },
    /// It is about to delete the former address of this account.
    Releasing { place: usize, holder: usize },
    /// It is about to delete the claim of this account.
    Freeing { place: usize, holder: usize },
    /// It is about to write.
    Writing,
}

/// A window: what it is about to do, and the account as it read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// What it does.
    pub errand: Errand,
    /// Its next call.
    pub at: At,
    /// The `now` of its request.
    pub now: u8,
    /// The recovery emails that it read.
    pub read: RecoveryEmails,
    /// The account's `ends` that it read.
    pub ends: u8,
    /// It reads the account again, because that has changed.
    pub again: bool,
    /// For an undo: how many notices there were when it read the history.
    pub known: usize,
    /// For an undo: addresses that other accounts have. It restores everything else.
    pub taken: Addresses,
    /// For an undo: what it restores.
    pub restores: RecoveryEmails,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub now: u8,
    /// The accounts.
    pub accounts: [ModelAccount; 2],
    /// The claim of each address.
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
    /// What happened and must never happen.
    pub wrongs: Vec<Wrong>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// An account requests an address.
    Ask { account: usize, address: usize },
    /// The mailer creates a link for a request.
    Email(usize),
    /// The mailer creates a link for a notice.
    Tell(usize),
    /// A button is pressed in a window.
    Begin(usize, Errand),
    /// A window makes its next call.
    Step(usize),
    /// The pending address is cancelled.
    Cancel(usize),
    /// An operator disables an account.
    Disable(usize),
    /// An operator enables an account.
    Enable(usize),
    /// Time passes.
    Tick,
    /// The freeze is over.
    Thaw(usize),
    /// The index catches up with an account's record of an address.
    CatchUp { account: usize, address: usize },
}

/// The model and its bounds.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// The addresses that each account requests, in this order.
    pub wishes: [&'static [usize]; 2],
    /// Links of one request or notice at most: how often the mailer sends.
    pub copies: usize,
    /// Emails arrive at once. A link can only be used after it was created, so this excludes no use of it.
    pub prompt: bool,
    /// Changes at most.
    pub changes: u8,
    /// Windows.
    pub windows: usize,
    /// Ticks of a new address's waiting period; with 0 no time passes.
    pub waiting_period: u8,
    /// The last tick.
    pub end: u8,
    /// Steps of the operator at most, all at the first account.
    pub operated: u8,
    /// Whether accounts remove their backup email.
    pub removing: bool,
    /// Whether the index lags.
    pub lagging: bool,
    /// The rules that are left out.
    pub without: &'static [Rule],
}
