//! Accounts, sessions, notices and emails to render.
use std::time::Duration;

use domain::{
    Account, AccountEvent, AccountId, AccountKind, Activity, Backup, ChangedField, ClientInfo,
    ConfirmedAddress, DeliveredTo, DeliveryFailure, Device, EmailAddress, FormerAddress, FormerPrimary,
    Generation, History, Language, LogEntry, LoggedAction, MessageId, Notice, PendingAddress, PrimaryEmails,
    RecoveryEmails, Session, SignInMethod, Timestamp, Token, UndoLink, Username,
};
use shared::mail::{Asked, Email, PrimaryAddress, SignInAddress, ToldAddress, UnconfirmedAddress};

use crate::support::NOON;

pub fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).expect("an address")
}

pub fn since() -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(NOON).expect("noon fits"))
}

pub fn account(kind: AccountKind, backup: Backup) -> Account {
    Account {
        id: AccountId::new("a"),
        external_id: None,
        username: Username::parse("<b>mína&").expect("a username"),
        kind,
        password_hash: None,
        password_event: None,
        language: Language::En,
        generation: Generation::FIRST,
        sessions_ended_at: None,
        backup_frozen_until: None,
        disabled_at: None,
        deleting_since: None,
        created_at: since(),
        primary: ConfirmedAddress::new(address("mina@bücher.example"), since()),
        pending_primary: None,
        former_primaries: vec![FormerPrimary {
            email: ConfirmedAddress::new(address("former@example.com"), since()),
            replaced_at: since(),
            until: since() + Duration::from_hours(1),
            kept_until: since() + Duration::from_hours(2),
        }],
        backup,
        former: None,
    }
}

pub fn backups() -> [Backup; 4] {
    let confirmed = || Some(ConfirmedAddress::new(address("old@example.org"), since()));
    let pending = || {
        let request = MessageId::new(NOON * 1_000, 7);
        Some(PendingAddress {
            address: address("new@example.org"),
            since: since(),
            request,
            generation: Generation::FIRST,
        })
    };
    [
        Backup::new(None, None),
        Backup::new(None, pending()),
        Backup::new(confirmed(), None),
        Backup::new(confirmed(), pending()),
    ]
}

pub fn session(number: u8, method: SignInMethod) -> Session {
    let network = "203.0.113.9".parse().expect("an IP address");
    let hash = Token::from_bytes([number; 32]).hash();
    let account = account(AccountKind::Regular, Backup::None);
    Session::begin(hash, &account, method, ClientInfo::new("iPhone", network), since())
}

/// One session of each sign-in method.
pub fn sessions(count: u8) -> Vec<Session> {
    let methods = [
        SignInMethod::Password,
        SignInMethod::LinkToPrimary,
        SignInMethod::LinkToBackup,
        SignInMethod::HandOver,
    ];
    (0..count).map(|number| session(number + 2, methods[usize::from(number) % methods.len()])).collect()
}

/// Every page in every state: its template, what it shows, its HTML.
pub fn notices() -> [Notice; 18] {
    let backup = || address("spare@example.org");
    let changed = |usable_from| Notice::BackupChanged {
        former: address("old@example.org"),
        former_usable_from: None,
        address: backup(),
        usable_from,
    };
    let undone = |backup, password_void| Notice::Undone { backup, since: None, password_void, primary: None };
    [
        Notice::BackupAdded { address: backup(), usable_from: None },
        Notice::BackupAdded { address: backup(), usable_from: Some(since()) },
        changed(None),
        changed(Some(since())),
        Notice::BackupRemoved { address: backup(), usable_from: None },
        Notice::BackupPromoted {
            former: address("mina@bücher.example"),
            address: backup(),
            former_until: Some(since()),
        },
        Notice::BackupPromoted {
            former: address("mina@bücher.example"),
            address: backup(),
            former_until: None,
        },
        Notice::PrimaryRequested { address: backup(), replaced: None },
        Notice::PrimaryChanged {
            former: address("mina@bücher.example"),
            address: backup(),
            former_until: since() + Duration::from_hours(72),
        },
        Notice::FormerPrimaryUsed { address: backup() },
        Notice::BackupUsed { address: backup() },
        Notice::BackupUndeliverable { address: backup(), why: DeliveryFailure::Bounced },
        Notice::BackupUndeliverable { address: backup(), why: DeliveryFailure::Complained },
        Notice::SessionsEnded,
        Notice::PasswordSet { had_password: None },
        undone(Some(backup()), false),
        undone(None, false),
        undone(None, true),
    ]
}

pub fn source(device: Device) -> ClientInfo {
    ClientInfo { device, network: "203.0.x.x".into(), ..ClientInfo::default() }
}

pub fn undo_links() -> Vec<UndoLink> {
    let devices = [
        Device::Iphone,
        Device::Ipad,
        Device::Android,
        Device::Windows,
        Device::Mac,
        Device::ChromeOs,
        Device::Linux,
        Device::Unknown,
    ];
    let links = notices().into_iter().zip(devices.into_iter().cycle()).map(|(notice, device)| UndoLink {
        token_hash: Token::from_bytes([9; 32]).hash(),
        account_id: AccountId::new("a"),
        sent_to: None,
        event: None,
        notice,
        at: since(),
        source: source(device),
        username: None,
        spent_at: None,
    });
    links.collect()
}

/// All that recovery emails can be: none, an active one, one that waits, one that waits and the one it replaces.
pub fn recovery_emails() -> [RecoveryEmails; 4] {
    let backup = |usable_from| ConfirmedAddress {
        usable_from,
        ..ConfirmedAddress::new(address("spare@example.org"), since())
    };
    let later = since() + Duration::from_hours(1);
    let former = FormerAddress { address: address("old@example.org"), since: since(), until: later };
    [
        RecoveryEmails::default(),
        RecoveryEmails { backup: Some(backup(since())), former: None },
        RecoveryEmails { backup: Some(backup(later)), former: None },
        RecoveryEmails { backup: Some(backup(later)), former: Some(former) },
    ]
}

/// Everything that can happen to an account, after each of these states.
pub fn history() -> History {
    History::new(events())
}

/// The same with every action, the newest first.
pub fn activity() -> Vec<Activity> {
    let backup = address("spare@example.org");
    let methods = [
        SignInMethod::Password,
        SignInMethod::LinkToPrimary,
        SignInMethod::LinkToBackup,
        SignInMethod::HandOver,
    ];
    let signed_in = methods.map(|how| LoggedAction::SignedIn { how });
    let others = [
        LoggedAction::requested(&backup, None),
        LoggedAction::cancelled(&backup),
        LoggedAction::confirmed_again(&backup),
        LoggedAction::Created,
        LoggedAction::Changed { fields: vec![ChangedField::Locale] },
        LoggedAction::Disabled,
        LoggedAction::Enabled,
        LoggedAction::AllSessionsEnded,
        LoggedAction::DeletionBegun,
        LoggedAction::Deleted,
        LoggedAction::PrimaryUndeliverable { why: DeliveryFailure::Bounced },
        LoggedAction::PrimaryUndeliverable { why: DeliveryFailure::Complained },
        LoggedAction::DeliveryAllowed { to: DeliveredTo::Primary },
    ];
    let actions = signed_in.into_iter().chain(others);
    let entries = (100..).zip(actions).map(|(number, action)| LogEntry {
        id: MessageId::new(number, 0),
        action,
        at: since(),
        source: source(Device::Iphone),
    });
    Activity::newest(events(), entries, usize::MAX)
}

fn events() -> Vec<AccountEvent> {
    let befores = recovery_emails().into_iter().cycle();
    let events =
        (1..).zip(notices().into_iter().zip(befores)).map(|(number, (notice, before))| AccountEvent {
            id: MessageId::new(number, 0),
            before: Some(before).filter(|_| notice.is_change()),
            before_primary: match &notice {
                Notice::BackupPromoted { former, .. } | Notice::PrimaryChanged { former, .. } => {
                    Some(PrimaryEmails {
                        primary: ConfirmedAddress::new(former.clone(), since()),
                        former: Vec::new(),
                    })
                }
                _ => None,
            },
            notice,
            at: since() + Duration::from_secs(number),
            source: source(Device::Mac),
        });
    events.collect()
}

/// What products do, and who authenticates the owner then.
fn of_products() -> [(Notice, AccountKind); 3] {
    let changed = Notice::PrimaryChanged {
        former: address("mina@bücher.example"),
        address: address("spare@example.org"),
        former_until: since() + Duration::from_hours(72),
    };
    let requested = Notice::PrimaryRequested { address: address("spare@example.org"), replaced: None };
    [(requested, AccountKind::Regular), (changed.clone(), AccountKind::Regular), (changed, AccountKind::Sso)]
}

fn asked() -> Asked {
    Asked { at: since(), source: source(Device::Iphone) }
}

/// By a version that stored no more.
fn asked_before() -> Asked {
    Asked { at: since(), source: ClientInfo::default() }
}

pub fn emails() -> Vec<Email> {
    let [_, pending, confirmed, _] = backups();
    let pending_address = pending.pending().expect("it is pending").clone();
    let owner = account(AccountKind::Regular, confirmed);
    let backup = &owner.backup.confirmed().expect("it has a backup").address;
    let to = || SignInAddress::of(&owner, backup, since()).expect("it signs in");
    let username = || owner.username.as_str().to_owned();
    let token = || Token::from_bytes([9; 32]);
    let mut emails = vec![
        Email::VerifyBackup {
            to: UnconfirmedAddress::of(&pending_address),
            username: username(),
            token: token(),
            asked: asked(),
        },
        Email::VerifyPrimary {
            to: UnconfirmedAddress::of(&pending_address),
            username: username(),
            token: token(),
            asked: asked(),
        },
        Email::VerifyPrimary {
            to: UnconfirmedAddress::of(&pending_address),
            username: username(),
            token: token(),
            asked: Asked { at: since(), source: ClientInfo::of_product() },
        },
        Email::YourUsername { to: to(), username: username() },
        Email::SignInLink { to: to(), username: username(), token: token(), asked: asked() },
        Email::SignInLink { to: to(), username: username(), token: token(), asked: asked_before() },
    ];
    let told = owner.primary_emails();
    for address in told.told(since()) {
        emails.extend(notices().map(|notice| Email::Notice {
            to: ToldAddress::of(&owner, address, since()).expect("it is told"),
            username: username(),
            undo: notice.can_be_undone().then(token),
            notice,
            at: since(),
            source: source(Device::Mac),
            kind: AccountKind::Regular,
        }));
        emails.extend(of_products().map(|(notice, kind)| Email::Notice {
            to: ToldAddress::of(&owner, address, since()).expect("it is told"),
            username: username(),
            undo: Some(token()),
            notice,
            at: since(),
            source: ClientInfo::of_product(),
            kind,
        }));
    }
    emails.push(Email::AddressClaimAttempt {
        to: PrimaryAddress::of(&owner),
        username: username(),
        address: address("spare@example.org"),
        at: since(),
    });
    emails
}
