//! The life of a backup email: two accounts that want the same addresses, windows in which people confirm, remove and
//! take back at the same time, an index that lags, a mailer that sends twice.
//!
//! Each call to the database is one step. The step of the model and the call of the code that it stands for:
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Ask`] | `Store::ask_for_backup` |
//! | [`Action::Mail`] | `Store::keep_confirmation_link`; the mailer is at-least-once |
//! | [`Action::Tell`] | `Store::keep_undo_link`, for a notice of the outbox; at-least-once too |
//! | [`Action::Begin`] | `Store::load_account` after `Store::find_link` or `Store::find_undo_link` |
//! | [`Action::Finish`] | `Store::confirm_backup`, `Store::remove_backup`, `Store::take_back`: one transaction, on the account as it was read |
//! | [`Action::Cancel`] | `Store::cancel_pending`: of a request that was read before, which only that request's record obeys |
//! //! | [`Action::Thaw`] | time: `backup_frozen_until` has passed |
//! | [`Action::CatchUp`] | the index takes over what the base table has |
//!
//! An answer that is lost leaves the same state as one that is not; the retry is another run of a window. A
//! transaction that conflicts has not happened and is tried again, and a window that is closed takes no more steps. Whom an address
//! opens
//! (`Store::find_by_email`, then `Store::load_account`) is asked of every state.
mod steps;
mod tests;

/// Accounts and addresses, by number.
pub const BOTH: [usize; 2] = [0, 1];

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
    TakenBack,
    /// A change was taken back twice by one link.
    UndoneTwice,
    /// Taking back left neither the former address nor, because somebody else has it, none.
    NotRestored,
}

/// What a notice tells: a change, as `Notice` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Whom it is for.
    pub account: usize,
    /// What was in force before.
    pub former: Option<usize>,
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
    /// Its links, made by the mailer: whether each was used.
    pub links: [Option<bool>; 2],
    /// Truth: it was cancelled, replaced by a newer one, or confirmed.
    pub over: bool,
    /// Truth: a change was taken back since.
    pub taken_back: bool,
}

/// The records of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Account {
    /// `email#backup`.
    pub backup: Option<usize>,
    /// `email#pending`: the request.
    pub pending: Option<usize>,
    /// `backup_frozen_until` lies ahead.
    pub frozen: bool,
    /// How often `sessions_valid_from` was raised.
    pub raised: u8,
    /// Truth: the addresses whose mail the owner has shown to read.
    pub proven: [bool; 2],
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

/// A window: what it is about to do, and the account as it read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// What it does.
    pub errand: Errand,
    /// The backup email that it read.
    pub backup: Option<usize>,
    /// The former address was found to be somebody else's: take back all the rest.
    pub taken: bool,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The accounts.
    pub accounts: [Account; 2],
    /// The claim of each address: whose it is.
    pub claims: [Option<usize>; 2],
    /// The index: whether the address leads to the account.
    pub index: [[bool; 2]; 2],
    /// The requests, oldest first.
    pub requests: Vec<Request>,
    /// The outbox's notices, oldest first.
    pub notices: Vec<Notice>,
    /// The windows.
    pub windows: [Option<Window>; 2],
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
    Mail(usize),
    /// The mailer makes a link for a notice.
    Tell(usize),
    /// A window reads the account.
    Begin(usize, Errand),
    /// A window writes.
    Finish(usize),
    /// What is pending is cancelled.
    Cancel(usize),
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
    /// Whether the index lags.
    pub lagging: bool,
    /// The rules that are left out.
    pub without: &'static [Rule],
}
