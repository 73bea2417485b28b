//! What happened to an account, and where the request came from, as text. The notice and the page that undoes the
//! change show the same.
use domain::{AccountKind, ClientInfo, Notice, Timestamp};

use crate::texts::Texts;

/// Something that happened to an account, as its owner is told.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    /// What.
    pub notice: &'a Notice,
    /// When.
    pub at: Timestamp,
    /// Where the request came from that did it.
    pub source: &'a ClientInfo,
    /// Who authenticates the owner now.
    pub kind: AccountKind,
}

impl Happening<'_> {
    /// The subject of its notice.
    pub fn subject(&self, texts: &Texts) -> String {
        if self.is_request_of_product() {
            return texts.message("primary-requested-by-product");
        }
        texts.message(&format!("{}-subject", self.notice.stem()))
    }

    /// What happened. Addresses are masked: the owner knows them, and other readers need not.
    pub fn text(&self, texts: &Texts) -> String {
        let Self { notice, at, kind, .. } = *self;
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
        let lead = if self.is_request_of_product() {
            texts.format("primary-requested-by-product-lead", &arguments)
        } else {
            texts.format(&format!("{}-lead", notice.stem()), &arguments)
        };
        let (first, effect) = match notice {
            Notice::BackupAdded { usable_from, .. } => (usable_from, "added"),
            Notice::BackupChanged { usable_from, .. } => (usable_from, "changed"),
            Notice::Undone { password_void: true, .. } => {
                return format!("{lead} {}", texts.message("taken-back-password"));
            }
            // No email gives access to an account that another system authenticates.
            Notice::PrimaryChanged { .. } if kind == AccountKind::Sso => return lead,
            Notice::BackupPromoted { former_until: Some(until), .. }
            | Notice::PrimaryChanged { former_until: until, .. } => {
                let effect = if *until > at { "promoted-held" } else { "promoted-at-once" };
                let until = texts.date_time(*until);
                return format!(
                    "{lead} {}",
                    texts.format(effect, &[("former", &*former), ("until", &*until)])
                );
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

    /// Where the request came from that did it; nothing for what nobody did.
    pub fn came_from(&self, texts: &Texts) -> Option<String> {
        self.notice.has_source().then(|| source(self.source, texts))
    }

    /// Nobody who is signed in has asked for it.
    const fn is_request_of_product(&self) -> bool {
        self.source.is_product && matches!(self.notice, Notice::PrimaryRequested { .. })
    }
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

/// Where a request came from.
pub fn source(source: &ClientInfo, texts: &Texts) -> String {
    if source.is_product {
        return texts.message("source-product");
    }
    let device = texts.message(&format!("device-{}", source.device.as_str()));
    match source.network_begin() {
        "" => texts.format("source-device", &[("device", &*device)]),
        begin => texts.format("source", &[("device", &*device), ("network", begin)]),
    }
}
