//! What happened to an account, and where the request came from, as text. The notice and the page that undoes the
//! change show the same.
use domain::{ClientInfo, Notice, Timestamp};

use crate::texts::Texts;

/// What happened to an account. Addresses are masked: the owner knows them, and other readers need not.
pub fn event(notice: &Notice, at: Timestamp, texts: &Texts) -> String {
    let (former, backup) = match notice {
        Notice::BackupChanged { former, address, .. }
        | Notice::BackupPromoted { former, address, .. }
        | Notice::PrimaryChanged { former, address, .. } => former.masked_apart(address),
        Notice::BackupAdded { address, .. }
        | Notice::BackupRemoved { address, .. }
        | Notice::BackupUsed { address }
        | Notice::BackupUndeliverable { address, .. }
        | Notice::FormerPrimaryUsed { address }
        | Notice::PrimaryRequested { address, .. }
        | Notice::Undone { backup: Some(address), .. } => (String::new(), address.masked()),
        Notice::SessionsEnded | Notice::PasswordSet { .. } | Notice::Undone { backup: None, .. } => {
            (String::new(), String::new())
        }
    };
    let date = texts.date_time(at);
    let arguments = [("date", &*date), ("former", &*former), ("backup", &*backup)];
    let lead = texts.format(&format!("{}-lead", notice.stem()), &arguments);
    let (first, effect) = match notice {
        Notice::BackupAdded { usable_from, .. } => (usable_from, "added"),
        Notice::BackupChanged { usable_from, .. } => (usable_from, "changed"),
        Notice::Undone { password_void: true, .. } => {
            return format!("{lead} {}", texts.message("taken-back-password"));
        }
        Notice::BackupPromoted { former_until: Some(until), .. }
        | Notice::PrimaryChanged { former_until: until, .. } => {
            let effect = if *until > at { "promoted-held" } else { "promoted-at-once" };
            let until = texts.date_time(*until);
            return format!("{lead} {}", texts.format(effect, &[("former", &*former), ("until", &*until)]));
        }
        _ => return lead,
    };
    let former_waited =
        matches!(notice, Notice::BackupChanged { former_usable_from: Some(from), .. } if *from > at);
    let effect = match first {
        Some(from) if former_waited => {
            texts.format("changed-held-both", &[("date", &texts.date_time(*from))])
        }
        None => texts.message(&format!("{effect}-at-once")),
        Some(from) => texts.format(&format!("{effect}-held"), &[("date", &texts.date_time(*from))]),
    };
    format!("{lead} {effect}")
}

/// The kind of device, as a line of a list begins with it.
pub fn device(source: &ClientInfo, texts: &Texts) -> String {
    texts.message(&format!("session-on-{}", source.device.as_str()))
}

/// What the client's address begins with; nothing if that was not stored.
pub fn network(source: &ClientInfo, texts: &Texts) -> Option<String> {
    let begin = Some(source.network_begin()).filter(|begin| !begin.is_empty())?;
    Some(texts.format("session-network", &[("network", begin)]))
}

/// Where the request came from that did it; nothing for what nobody did.
pub fn source_of(notice: &Notice, source: &ClientInfo, texts: &Texts) -> Option<String> {
    notice.has_source().then(|| self::source(source, texts))
}

/// Where a request came from.
pub fn source(source: &ClientInfo, texts: &Texts) -> String {
    let device = texts.message(&format!("device-{}", source.device.as_str()));
    match source.network_begin() {
        "" => texts.format("source-device", &[("device", &*device)]),
        begin => texts.format("source", &[("device", &*device), ("network", begin)]),
    }
}
