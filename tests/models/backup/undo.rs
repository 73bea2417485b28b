//! What an undo reads, restores and writes.
use std::sync::LazyLock;

use domain::{
    AccountEvent, ClientInfo, ConfirmedAddress, EmailAddress, FormerAddress, History, MessageId, Timestamp,
};

use super::{
    ADDRESSES, At, Confirmed, Exchanged, Former, Life, Notice, RecoveryEmails, Rule, State, What, Window,
    Wrong,
};

/// Moments of a tick. A history is much shorter.
const MOMENTS: u16 = 1_000;

/// The addresses as the code has them.
static EMAIL_ADDRESSES: LazyLock<[EmailAddress; ADDRESSES.len()]> = LazyLock::new(|| {
    ADDRESSES.map(|number| EmailAddress::parse(&format!("a{number}@example.org")).expect("an address"))
});

/// When this notice happened. Events of one tick have different times, in the order of their commits.
pub fn moment(tick: u8, number: usize) -> u16 {
    u16::from(tick) * MOMENTS + u16::try_from(number).expect("a short history")
}

fn time(moment: u16) -> Timestamp {
    Timestamp::from_unix_seconds(i64::from(moment))
}

/// The nearest tick: the moments of events shift a resumed waiting period by less than half a tick.
fn tick(time: Timestamp) -> u8 {
    let tick = (time.unix_seconds() + i64::from(MOMENTS / 2)) / i64::from(MOMENTS);
    u8::try_from(tick).expect("a small number")
}

fn number(address: &EmailAddress) -> usize {
    EMAIL_ADDRESSES.iter().position(|known| known == address).expect("a known address")
}

fn to_real(emails: RecoveryEmails) -> domain::RecoveryEmails {
    domain::RecoveryEmails {
        backup: emails.backup.map(|Confirmed { address, since, usable_from }| ConfirmedAddress {
            usable_from: time(moment(usable_from, 0)),
            ..ConfirmedAddress::new(EMAIL_ADDRESSES[address].clone(), time(since))
        }),
        former: emails.former.map(|Former { address, since, until }| FormerAddress {
            address: EMAIL_ADDRESSES[address].clone(),
            since: time(since),
            until: time(moment(until, 0)),
        }),
    }
}

fn from_real(emails: &domain::RecoveryEmails) -> RecoveryEmails {
    let since = |since: Timestamp| u16::try_from(since.unix_seconds()).expect("a small number");
    RecoveryEmails {
        backup: emails.backup.as_ref().map(|backup| Confirmed {
            address: number(&backup.address),
            since: since(backup.since),
            usable_from: tick(backup.usable_from),
        }),
        former: emails.former.as_ref().map(|former| Former {
            address: number(&former.address),
            since: since(former.since),
            until: tick(former.until),
        }),
    }
}

impl State {
    fn id(&self, number: usize) -> MessageId {
        MessageId::first_of(time(moment(self.notices[number].at, number)))
    }

    /// The numbers of an account's notices, oldest first.
    fn notices_of(&self, account: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (0..self.notices.len()).filter(move |number| self.notices[*number].account == account)
    }

    fn event(&self, number: usize) -> AccountEvent {
        let Notice { what, at, before, .. } = self.notices[number];
        let address = |address: usize| EMAIL_ADDRESSES[address].clone();
        let notice = match what {
            What::Confirmed(confirmed) => {
                domain::Notice::BackupAdded { address: address(confirmed), usable_from: None }
            }
            What::Removed(removed) => {
                domain::Notice::BackupRemoved { address: address(removed), usable_from: None }
            }
            What::Undone { since } => {
                let since = Some(self.id(since));
                domain::Notice::Undone { backup: None, since, password_void: false, primary: None }
            }
        };
        let (id, at) = (self.id(number), time(moment(at, number)));
        let (source, before) = (ClientInfo::default(), Some(to_real(before)));
        AccountEvent { id, notice, at, source, before, before_primary: None }
    }

    /// Truth: what was before this notice by the order of the commits, when that was, and the ends of the waiting
    /// periods then. If the notice was undone already, what was after that undo.
    fn before(&self, number: usize, now: u8) -> (RecoveryEmails, u8, [u8; ADDRESSES.len()]) {
        let account = self.notices[number].account;
        let covers = |undo: &usize| matches!(self.notices[*undo].what, What::Undone { since } if since <= number && number < *undo);
        let from = self.notices_of(account).rev().find(covers).map_or(number, |undo| undo + 1);
        match self.notices_of(account).find(|notice| *notice >= from) {
            Some(next) => {
                let Notice { before, at, waits_until, .. } = self.notices[next];
                (before, at, waits_until)
            }
            None => (self.accounts[account].emails.live(now), now, self.accounts[account].waits_until),
        }
    }
}

impl Life {
    /// `Store::load_history`.
    pub fn recall(&self, state: &State, window: Window) -> Window {
        self.aim(state, Window { known: state.notices.len(), ..window })
    }

    /// Computes what an undo restores, from the account and the history as they were read.
    pub fn aim(&self, state: &State, window: Window) -> Window {
        let restores = self.restores(state, window);
        let sweeps = self.sweeps() && restores.backup.is_some();
        let at = if sweeps { At::Sweeping { place: 0 } } else { At::Writing };
        Window { at, restores, ..window }
    }

    /// `History::before`, without the rules that are left out.
    fn restores(&self, state: &State, window: Window) -> RecoveryEmails {
        let super::Errand::Undo { notice, .. } = window.errand else { return window.restores };
        let account = state.notices[notice].account;
        let known = state.notices_of(account).filter(|number| *number < window.known);
        let history = History::new(known.map(|number| state.event(number)).collect());
        let chosen = history.find_undoable(state.id(notice).as_str()).expect("it is in the history");
        let taken = ADDRESSES.into_iter().filter(|address| window.taken[*address]);
        let taken: Vec<_> = taken.map(|address| EMAIL_ADDRESSES[address].clone()).collect();
        let (current, now) = (window.read.live(window.now), time(moment(window.now, window.known)));
        let mut restores = from_real(&history.before(chosen, &to_real(current), &taken, now));
        let before = state.notices[notice].before;
        if let Some(backup) = &mut restores.backup {
            if !self.has(Rule::UndoKeepsHold) {
                backup.usable_from = backup.usable_from.min(window.now);
            }
            let waiting = current.backup.filter(|current| current.address == backup.address);
            if let Some(waiting) = waiting.filter(|_| !self.has(Rule::UndoAtOnce)) {
                backup.usable_from = backup.usable_from.max(waiting.usable_from);
            }
            let earlier = before.backup.filter(|before| before.address == backup.address);
            if let Some(earlier) = earlier.filter(|_| !self.has(Rule::UndoResumes)) {
                backup.usable_from = earlier.usable_from;
            }
        }
        if let (Some(former), Some(earlier)) = (&mut restores.former, before.former)
            && !self.has(Rule::UndoResumes)
        {
            former.until = earlier.until;
        }
        restores.former = restores.former.filter(|_| self.has(Rule::UndoRestoresFormer));
        restores
    }

    /// `Store::undo`.
    pub fn undo(
        &self,
        state: &mut State,
        number: usize,
        link: usize,
        window: Window,
    ) -> Result<(), Exchanged> {
        let account = state.notices[number].account;
        if state.notices[number].links[link] != Some(false) && self.has(Rule::UndoOnce) {
            return Err(Exchanged::Done);
        }
        if state.accounts[account].ends != window.ends && self.has(Rule::UndoAsRead) {
            return Err(Exchanged::Changed);
        }
        let truth = state.before(number, window.now);
        let exchanged = self.exchange(state, account, (window.read, window.restores), window.now);
        if exchanged != Exchanged::Done {
            return Err(exchanged);
        }
        if state.notices[number].links[link] == Some(true) {
            state.note(Wrong::UndoneTwice);
        }
        self.note_change(state, account, What::Undone { since: number }, (window.read, window.now));
        state.notices[number].links[link] = Some(true);
        if self.has(Rule::UndoEndsPending) {
            state.end_request(account);
            state.accounts[account].pending = None;
        }
        let owned = |request: &&mut super::Request| request.account == account;
        state.requests.iter_mut().filter(owned).for_each(|request| request.backup_after_undo = true);
        state.accounts[account].frozen = true;
        state.accounts[account].raised += 1;
        state.accounts[account].ends += 1;
        state.end_since(number);
        state.judge_undo(account, truth, window);
        Ok(())
    }

    /// The notice of a change that was written, with the emails that the account had when it was read, and the time.
    pub fn note_change(
        &self,
        state: &mut State,
        account: usize,
        what: What,
        (read, at): (RecoveryEmails, u8),
    ) {
        if state.accounts[account].frozen && !matches!(what, What::Undone { .. }) {
            state.note(Wrong::ChangedWhileFrozen);
        }
        state.changes += 1;
        if self.has(Rule::NoticeTogether) {
            let waits_until = state.accounts[account].waits_until;
            let before = read.live(at);
            // The email about an undo has no link.
            let links = if matches!(what, What::Undone { .. }) { [None; 2] } else { self.first_links() };
            state.notices.push(Notice { account, what, at, before, links, waits_until, ended: false });
        }
    }
}

impl State {
    /// Truth: what the account confirmed from this notice on has ended.
    fn end_since(&mut self, number: usize) {
        let account = self.notices[number].account;
        let from = moment(self.notices[number].at, number);
        for (number, notice) in self.notices.iter_mut().enumerate() {
            notice.ended |= notice.account == account && moment(notice.at, number) >= from;
        }
    }

    /// Judges what an undo restored, by what was before its event. If requests took so long that the order of the ids
    /// is not that of the commits, that is ambiguous. Whether what the code counts as taken is another account's is judged
    /// where it finds that.
    fn judge_undo(
        &mut self,
        account: usize,
        (before, then, waits_until): (RecoveryEmails, u8, [u8; ADDRESSES.len()]),
        window: Window,
    ) {
        let in_order = self.notices_of(account).map(|number| self.notices[number].at).is_sorted();
        let now = self.accounts[account].emails;
        let ends = &mut self.accounts[account].waits_until;
        for address in now.addresses() {
            let end = waits_until[address];
            let resumed = if end > then { window.now + (end - then) } else { end };
            ends[address] = if in_order { resumed } else { resumed.min(ends[address]) };
        }
        let free = |address: &usize| !window.taken[*address];
        let expected: Vec<usize> = before.addresses().into_iter().filter(free).collect();
        let active = before.active_backup(then).filter(free);
        if in_order && (now.addresses() != expected || now.active_backup(window.now) != active) {
            self.note(Wrong::NotRestored);
        }
    }
}
