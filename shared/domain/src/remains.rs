//! What is left of an account that was deleted. `docs/accounts-api.md` has the same list.

/// For how long something stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// This many days at most. DynamoDB deletes an expired item within two days; that time is included.
    Days(u32),
    /// As long as the functions' logs: the parameter `LogRetentionDays`.
    AsLogs,
    /// Until somebody else deletes it.
    Unknown,
}

/// Something that a deletion does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remains {
    /// What it is.
    pub what: &'static str,
    /// What of the person it contains.
    pub contains: &'static str,
    /// For how long it stays.
    pub kept: Kept,
}

const fn remains(what: &'static str, contains: &'static str, kept: Kept) -> Remains {
    Remains { what, contains, kept }
}

/// What is left of each deleted account, at most. Links and sessions open nothing without it.
pub const REMAINS: [Remains; 14] = [
    remains("logs", "the account id, and when it was used", Kept::AsLogs),
    remains("backups of the tables (point in time)", "everything", Kept::Days(35)),
    remains("streams of the tables", "what happened on the last day", Kept::Days(1)),
    remains(
        "links that were sent, which open nothing",
        "the address that they were sent to; of a notice the username, and what it says",
        Kept::Days(9),
    ),
    remains(
        "links of hand-overs and codes for products, which open nothing",
        "the account id, and an address of the product",
        Kept::Days(3),
    ),
    remains(
        "sessions that began in the second of the deletion, which have ended",
        "the account id, and from what device and network",
        Kept::Days(32),
    ),
    remains("that it was deleted", "the account id and the external id", Kept::Days(3)),
    remains("requests for emails by somebody who was not signed in", "what was typed", Kept::Days(5)),
    remains("requests of other accounts for one of its addresses", "that address", Kept::Unknown),
    remains("counts of limits", "keyed hashes of the account id and of what was typed", Kept::Days(367)),
    remains("reports of failed email that could not be noted", "the address", Kept::Days(5)),
    remains(
        "the suppression list of SES, if email to an address bounced or was reported as spam",
        "the address",
        Kept::Unknown,
    ),
    remains(
        "events on the bus (EventBusName), in its archives and in queues of products",
        "the ids, and what happened; with EventAddresses the addresses",
        Kept::Unknown,
    ),
    remains("emails that were sent", "what they say", Kept::Unknown),
];
