use super::*;

const COMPLETE: [(&str, &str); 11] = [
    ("ACCOUNTS_TABLE", "a"),
    ("LINKS_TABLE", "l"),
    ("SESSIONS_TABLE", "s"),
    ("LIMITS_TABLE", "i"),
    ("OUTBOX_TABLE", "o"),
    ("HISTORY_TABLE", "h"),
    ("AWS_REGION", "eu-north-1"),
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("PRODUCT_NAME", "Sparekey"),
    ("METRICS_NAMESPACE", "Sparekey/test"),
];

/// Everything that any function may need.
struct Everything {
    public_url: String,
}

impl Requirements for Everything {
    fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let keys = environment.hashing_keys();
        let (waiting_period, former_hashes) =
            (environment.backup_waiting_period(), environment.former_hashes());
        let hold = environment.primary_hold();
        let (daily_emails, from) = (environment.daily_emails(), environment.email_from());
        let (public_url, sets) = (environment.public_url(), environment.configuration_sets());
        let _ = (keys?, waiting_period?, hold?, former_hashes?, daily_emails?, from?, sets?);
        Some(Self { public_url: public_url? })
    }
}

const MORE: [(&str, &str); 7] = [
    ("HASHING_KEY", "0123456789abcdef0123456789abcdef"),
    ("DAILY_MAILS", "24000"),
    ("MAIL_FROM", "no-reply@example.com"),
    ("PUBLIC_URL", "https://account.example.com"),
    ("CONFIGURATION_SET", "sparekey"),
    ("SIGN_IN_LINK_CONFIGURATION_SET", "sparekey-links"),
    ("NOTICE_CONFIGURATION_SET", "sparekey-notices"),
];

fn problems<R: Requirements>(changes: &[(&str, &str)]) -> Vec<String> {
    let variable = |name: &str| {
        let mut all = changes.iter().chain(&COMPLETE).chain(&MORE);
        all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    match read::<R>(&variable) {
        Ok(_) => Vec::new(),
        Err(Incomplete(problems)) => problems,
    }
}

#[test]
fn a_complete_environment_is_read() {
    let variable = |name: &str| {
        COMPLETE.iter().chain(&MORE).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let (config, everything) = read::<Everything>(&variable).expect("complete");
    assert_eq!((&*config.tables.links, &*everything.public_url), ("l", "https://account.example.com"));
    assert!(read_tables(&variable).is_ok());
}

#[test]
fn all_problems_are_reported_at_once_and_by_name() {
    for (name, value, problem) in [
        ("OUTBOX_TABLE", "", "OUTBOX_TABLE is not set"),
        ("HISTORY_TABLE", "", "HISTORY_TABLE is not set"),
        ("AWS_REGION", "", "AWS_REGION is not set"),
        ("AWS_ACCESS_KEY_ID", "", "AWS_ACCESS_KEY_ID is not set"),
        ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is not set"),
        ("AWS_MAX_ATTEMPTS", "many", "AWS_MAX_ATTEMPTS is not a number above 0"),
        ("AWS_MAX_ATTEMPTS", "0", "AWS_MAX_ATTEMPTS is not a number above 0"),
        ("AWS_RETRY_MODE", "never", "AWS_RETRY_MODE is neither standard nor adaptive"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL is not one of error, warn, info, debug, trace"),
        (
            "TIME_ZONE",
            "Mars/Olympus",
            "TIME_ZONE is not a zone of the IANA database, such as Europe/Copenhagen",
        ),
        ("HASHING_KEY", "", "HASHING_KEY is not set"),
        ("HASHING_KEY", "short", "HASHING_KEY: a key is shorter than 32 characters"),
        ("HASHING_KEY", " ", "HASHING_KEY: there is no key"),
        (
            "HASHING_KEY",
            "0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef",
            "HASHING_KEY: both keys are the same",
        ),
        ("ORIGIN_KEY", "short", "ORIGIN_KEY: a key is shorter than 32 characters"),
        ("ORIGIN_KEY", " ", "ORIGIN_KEY: there is no key"),
        ("BACKUP_HOLD_HOURS", "a day", "BACKUP_HOLD_HOURS is not a number of hours from 0 to 168"),
        ("BACKUP_HOLD_HOURS", "169", "BACKUP_HOLD_HOURS is not a number of hours from 0 to 168"),
        ("PRIMARY_HOLD_HOURS", "-1", "PRIMARY_HOLD_HOURS is not a number of hours from 0 to 168"),
        ("DAILY_MAILS", "", "DAILY_MAILS is not set"),
        ("DAILY_MAILS", "many", "DAILY_MAILS is not a number"),
        (
            "DAILY_MAILS",
            "11999",
            "DAILY_MAILS is less than 12000 a day, which would let one client use up the mail of others",
        ),
        ("CONFIGURATION_SET", "", "CONFIGURATION_SET is not set"),
        ("SIGN_IN_LINK_CONFIGURATION_SET", "", "SIGN_IN_LINK_CONFIGURATION_SET is not set"),
        ("NOTICE_CONFIGURATION_SET", "", "NOTICE_CONFIGURATION_SET is not set"),
        ("PUBLIC_URL", "", "PUBLIC_URL is not set"),
    ] {
        assert_eq!(problems::<Everything>(&[(name, value)]), [problem]);
    }
    let changes = [
        ("OUTBOX_TABLE", ""),
        ("MAIL_FROM", "nobody"),
        ("PUBLIC_URL", "http://example.com"),
        ("FORMER_HASHES", "md5"),
    ];
    assert_eq!(problems::<Everything>(&changes).len(), 4);
}

#[test]
fn a_function_requires_only_what_it_needs() {
    let changes = MORE.map(|(name, _)| (name, ""));
    assert_eq!(problems::<()>(&changes), [""; 0]);
    assert_eq!(problems::<Everything>(&changes).len(), MORE.len());
}

#[test]
fn a_public_url_is_https_and_bare() {
    for good in ["https://example.com", "https://example.com:8443", "http://127.0.0.1:3000"] {
        assert!(is_public_url(good), "{good}");
    }
    for bad in [
        "example.com",
        "http://example.com",
        "https://example.com/",
        "https://example.com/x",
        "https://u@example.com",
        "https://example.com?x=1",
        "",
    ] {
        assert!(!is_public_url(bad), "{bad}");
    }
}
