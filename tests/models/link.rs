//! The life of a link: who may open it, how often and until when.
//!
//! One account, its address, one or two requests for a link to it, their emails, and windows in which people and
//! programs press the button. Each call to the database is one step, so that everything that can happen between two
//! calls of one window happens in some run. The steps of the model and the calls that they represent:
//!
//! | step | call |
//! | --- | --- |
//! | [`Action::Ask`] | `Store::request_email`, or `Store::request_backup` |
//! | [`Action::Email`] | `Store::create_sign_in_link`, or `Store::create_confirmation_link`; the mailer is at-least-once |
//! | [`Action::Get`] | GET or HEAD of the link: reads only |
//! | [`Action::Press`] | POST of the button: `App::now` is read, once |
//! | [`At::ReadingLink`] | `Store::find_link`, then `Link::state` |
//! | [`At::ReadingSlot`] | `Store::find_slot` (a confirmation's slot is the account's pending record) |
//! | [`At::ReadingAccount`] | `Store::load_account`, then whether this browser needs a code |
//! | [`At::TakingTry`] | `Store::record_code_attempt` |
//! | [`At::Comparing`] | `HashingKey::is_code_of` |
//! | [`At::Opening`] | `Store::open_session_with_link`, or `Store::confirm_backup`: one transaction |
//! | [`Action::Lose`] | a write whose answer is lost: it happened, but the person sees an error and presses again |
//! | [`Action::TakeTwice`] | `Store::record_code_attempt` whose answer is lost: the SDK calls again |
//! | [`Action::Remove`] | `Store::remove_backup`, or `Store::cancel_pending` |
//! | [`Action::Undo`] | the undo of a notice: raises the generation, deletes the pending record |
//! | [`Action::Disable`] | `Store::disable_account` |
//! | [`Action::Enable`] | `Store::enable_account` |
//! | [`Action::EndSessions`] | `Store::end_all_sessions` |
//!
//! A transaction that conflicts with another has not happened and is tried again, so it is not a step. An abandoned
//! window takes no more steps, which every run allows.
mod steps;

mod tests;
mod tie;

/// The lifetime of a link in ticks; a tick represents any time.
pub const LIFETIME: u8 = 1;
/// The last tick: the first at which a link from the start has expired.
const END: u8 = 2;

/// What the link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It opens a session.
    SignIn,
    /// It makes a pending address the backup email.
    Confirm,
}

/// Who uses a window with the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The browser that requested it: it has the cookie of the request, or a session of the account.
    Asker,
    /// The owner's other device: they type the code that the requesting page shows.
    Elsewhere,
    /// Has the email but not the code, and guesses. In the model no guess is right.
    Thief,
    /// A mail gateway: presses buttons, has no cookie and no code.
    Gateway,
}

/// A rule of the code. A model without one of them must fail, which shows that the rule is needed and that the model
/// detects its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The spending write requires that the link was not spent.
    Unspent,
    /// The read and the spending write require that the link has not expired. Both use the same `now`, so one of them
    /// would be enough.
    Unexpired,
    /// A code is compared only after a conditional write has counted an attempt.
    TryFirst,
    /// Counting an attempt requires that one is left.
    TriesLeft,
    /// The spending write requires that wrong codes have not used up the attempts.
    Unlocked,
    /// Opening requires that the slot is the request's own.
    OwnSlot,
    /// A slot stays its request's after a link of it was used.
    UsedSlotStays,
    /// Opening requires that the address still is the account's.
    HeldAddress,
    /// Opening requires that the link's generation is the account's.
    Generation,
    /// The mailer makes no sign-in link for a request from before the last end of all sessions, or of the same second.
    TieDies,
    /// Opening requires that the account is not disabled.
    Enabled,
    /// Disabling ends all sessions, and cancels earlier requests.
    DisablingEnds,
    /// A browser that did not request the link needs a code.
    LinkAuthorization,
    /// GET reads only.
    SafeGet,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// A request opened twice.
    OpenedTwice,
    /// A browser without cookie, session and right code opened.
    Unproven,
    /// More codes were compared on one link than it has attempts.
    TooManyCompared,
    /// A link opened after as many wrong codes as it has attempts.
    AfterLock,
    /// A link opened after a newer one was made.
    Replaced,
    /// A link opened although it had expired when its button was pressed.
    Expired,
    /// A link opened whose address was removed, or whose request was cancelled.
    Removed,
    /// A link opened that was requested before an undo, or before all sessions ended.
    Undone,
    /// A link opened while the account was disabled.
    Disabled,
    /// GET or HEAD changed something.
    GetChanged,
}

/// A request for a link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// When it was made.
    pub requested_at: u8,
    /// The account's generation then. Only a request for a confirmation knows it.
    pub generation: u8,
    /// Truth: a change was undone, or all sessions ended since.
    pub backup_after_undo: bool,
    /// Truth: it was cancelled.
    pub cancelled: bool,
}

/// The row of a link, and the truth about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its request, by number.
    pub request: usize,
    /// The generation it was created under.
    pub generation: u8,
    /// Attempts that were counted.
    pub tries: u8,
    /// It was used.
    pub spent: bool,
    /// Truth: codes that were compared, and those that were wrong.
    pub compared: u8,
    wrong: u8,
}

/// The owner of the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Nobody.
    Empty,
    /// This request, and its links may work.
    Of(usize),
    /// This request, and one of its links was used.
    UsedBy(usize),
}

/// How a window was authorized to use the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// Cookie or session.
    Asker,
    /// The right code; an attempt was counted for it.
    Code,
    /// Nothing: only in a model without [`Rule::LinkAuthorization`].
    Nothing,
}

/// The next call of a window's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// There is none.
    Idle,
    /// It is about to read the link.
    ReadingLink,
    /// It is about to read the slot.
    ReadingSlot,
    /// It is about to read the account.
    ReadingAccount,
    /// It is about to count an attempt.
    TakingTry,
    /// It is about to compare the code. `seen` is used in a broken model only.
    Comparing { seen: u8 },
    /// It is about to write.
    Opening(Shown),
    /// It has succeeded.
    Done,
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Who uses it.
    pub who: Who,
    /// The link in its address bar.
    pub link: usize,
    /// When the button was pressed: the `now` of the whole request.
    pub now: u8,
    /// The next call.
    pub at: At,
}

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The generation it began under.
    pub generation: u8,
    /// Truth: all were ended since.
    pub ended: bool,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub now: u8,
    /// The requests, oldest first.
    pub requests: Vec<Request>,
    /// The links, in the order of their creation.
    pub links: Vec<Link>,
    /// The slot of account and address.
    pub slot: Slot,
    /// The address is the account's.
    pub has_address: bool,
    /// Sessions and links of other generations are dead.
    pub generation: u8,
    /// When all sessions last ended.
    pub ended_at: Option<u8>,
    /// Changes of the backup email are frozen.
    pub frozen: bool,
    /// `disabled_at`.
    pub disabled: bool,
    /// What was opened: the request, and who opened it.
    pub opened: Vec<(usize, Who)>,
    /// The sessions.
    pub sessions: Vec<Session>,
    /// What the operator has done.
    pub operated: u8,
    /// The windows.
    pub windows: Vec<Window>,
    /// Truth: the newest request that has taken the slot.
    pub newest: usize,
    /// Answers that were lost.
    pub lost: u8,
    /// What happened and must never happen.
    pub wrongs: Vec<Wrong>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Time passes.
    Tick,
    /// A newer request for the same address.
    Ask,
    /// The mailer creates a link for this request and sends it.
    Email(usize),
    /// Somebody looks at this link.
    Get(usize),
    /// The button of this link is pressed in this window.
    Press(usize, usize),
    /// The request of this window makes its next call.
    Step(usize),
    /// The same, and its answer is lost.
    Lose(usize),
    /// The request of this window counts an attempt twice, because the first answer was lost.
    TakeTwice(usize),
    /// The address is removed, or the request cancelled.
    Remove,
    /// A change is undone through a notice.
    Undo,
    /// An operator disables the account.
    Disable,
    /// An operator enables the account.
    Enable,
    /// An operator ends all sessions.
    EndSessions,
}

/// The model and its bounds.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// What the links are for.
    pub purpose: Purpose,
    /// Who takes part.
    pub cast: &'static [Who],
    /// Attempts of a link.
    pub tries: u8,
    /// Requests at most.
    pub requests: usize,
    /// Links of one request at most: how often the mailer sends.
    pub copies: usize,
    /// Links in all.
    pub links: usize,
    /// Answers that may be lost.
    pub losses: u8,
    /// Whether time passes, addresses are removed and changes undone.
    pub disturbed: bool,
    /// Steps of the operator at most; with them time passes too.
    pub operated: u8,
    /// The rules that are left out.
    pub without: &'static [Rule],
}

impl State {
    fn note(&mut self, wrong: Wrong) {
        if let Err(place) = self.wrongs.binary_search(&wrong) {
            self.wrongs.insert(place, wrong);
        }
    }

    /// Judges an opening by what happened, not by what the database says.
    fn judge(&mut self, window: usize, shown: Shown, tries: u8) {
        let Window { link, now, .. } = self.windows[window];
        let link = self.links[link].clone();
        let request = self.requests[link.request].clone();
        let verdicts = [
            (Wrong::OpenedTwice, self.opened.iter().any(|(opened, _)| *opened == link.request)),
            (Wrong::Unproven, shown == Shown::Nothing),
            (Wrong::AfterLock, link.wrong >= tries),
            (Wrong::Replaced, self.newest > link.request),
            (Wrong::Expired, now > request.requested_at + LIFETIME),
            (Wrong::Removed, !self.has_address || request.cancelled),
            (Wrong::Undone, request.backup_after_undo),
            (Wrong::Disabled, self.disabled),
        ];
        verdicts.into_iter().filter(|(_, guilty)| *guilty).for_each(|(wrong, _)| self.note(wrong));
    }

    /// Ends all sessions so far, and cancels earlier requests.
    fn end_all(&mut self) {
        self.generation += 1;
        self.ended_at = Some(self.now);
        self.requests.iter_mut().for_each(|request| request.backup_after_undo = true);
        self.sessions.iter_mut().for_each(|session| session.ended = true);
    }

    /// The valid sessions of the account.
    pub fn honoured(&self) -> impl Iterator<Item = &Session> {
        let honours = |session: &&Session| !self.disabled && session.generation == self.generation;
        self.sessions.iter().filter(honours)
    }

    /// What is stored, without windows and truth: attempts and use of each link, the slot, the openings.
    pub fn stored(&self) -> (Vec<(u8, bool)>, Slot, usize) {
        let links = self.links.iter().map(|link| (link.tries, link.spent)).collect();
        (links, self.slot, self.opened.len())
    }

    fn is_free_of(&self, wrong: Wrong) -> bool {
        !self.wrongs.contains(&wrong)
    }

    fn has_opened(&self, who: Who) -> bool {
        self.opened.iter().any(|(_, by)| *by == who)
    }
}
