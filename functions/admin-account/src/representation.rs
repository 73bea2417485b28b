//! What a product sends and sees of an account.
use domain::remains::{Kept, REMAINS, Remains};
use domain::{
    Account, AccountKind, EmailAddress, ExternalId, ImportedHash, Language, WantedAccount, WantedUsername,
};
use serde::Serialize;
use shared::web::{Problem, Reply, Request, StatusCode};

/// The fields of a PUT.
const FIELDS: [&str; 6] = ["username", "email", "email_verified", "kind", "locale", "password_hash"];

/// An account as its product sees it: no hash, and no address that the person has not given to the product.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a product sees a field for each")]
struct Representation<'a> {
    external_id: Option<&'a ExternalId>,
    account_id: &'a str,
    username: &'a str,
    email: &'a EmailAddress,
    /// The primary always is.
    email_verified: bool,
    /// An address that becomes the primary once it is confirmed.
    pending_email: Option<&'a EmailAddress>,
    kind: AccountKind,
    locale: Language,
    disabled: bool,
    /// Then the deletion has to be finished with another DELETE.
    being_deleted: bool,
    has_password: bool,
    has_backup_email: bool,
    created_at: String,
}

/// What a PUT wants, and the hash of the password if it has one.
pub struct Wanted {
    /// The account.
    pub account: WantedAccount,
    /// It counts only when the account is created: afterwards the password is the person's.
    pub password_hash: Option<ImportedHash>,
}

/// The account as a reply. It says nothing that the conditions of an update do not compare.
pub fn reply(status: StatusCode, account: &Account) -> Reply {
    let pending = account.pending_primary.as_ref();
    Reply::representation(
        status,
        &Representation {
            external_id: account.external_id.as_ref(),
            account_id: account.id.as_str(),
            username: account.username.as_str(),
            email: &account.primary.address,
            email_verified: true,
            pending_email: pending.map(|primary| &primary.pending.address),
            kind: account.kind,
            locale: account.language,
            disabled: account.is_disabled(),
            being_deleted: account.deleting_since.is_some(),
            has_password: account.password_hash.is_some(),
            has_backup_email: account.backup.confirmed().is_some(),
            created_at: account.created_at.rfc3339(),
        },
    )
}

/// Reads the body of a PUT. Every problem names its field.
pub fn read(request: &Request) -> Result<Wanted, Problem> {
    let fields = request.fields(&FIELDS)?;
    let username = WantedUsername::parse(fields.text("username")?)
        .map_err(|why| Problem::invalid_field("username", &why))?;
    let email =
        EmailAddress::parse(fields.text("email")?).map_err(|why| Problem::invalid_field("email", &why))?;
    let email_verified = fields.flag("email_verified")?;
    let kind = match fields.text("kind")? {
        "regular" => AccountKind::Regular,
        "sso" => AccountKind::Sso,
        _ => return Err(Problem::invalid_field("kind", &"it is neither regular nor sso")),
    };
    let language = fields.optional_text("locale")?.map(|tag| {
        Language::from_tag(tag).ok_or_else(|| Problem::invalid_field("locale", &"there are no texts for it"))
    });
    let password_hash = fields
        .optional_text("password_hash")?
        .map(|hash| ImportedHash::parse(hash).map_err(|why| Problem::invalid_field("password_hash", &why)));
    let (language, password_hash) = (language.transpose()?, password_hash.transpose()?);
    if kind == AccountKind::Sso && password_hash.is_some() {
        return Err(Problem::invalid_field("password_hash", &"an sso account has no password here"));
    }
    let has_read_primary = request.preconditions().require_present_tag();
    let account = WantedAccount { username, email, email_verified, kind, language, has_read_primary };
    Ok(Wanted { account, password_hash })
}

/// What is left of a deleted account, and for how long.
#[derive(Serialize)]
pub struct Deleted {
    #[serde(rename = "deleted")]
    is_done: bool,
    external_id: ExternalId,
    remains: [Left; REMAINS.len()],
}

#[derive(Serialize)]
struct Left {
    what: &'static str,
    /// What of the person it contains.
    contains: &'static str,
    /// The most days that it stays; nothing where nobody knows.
    days: Option<u32>,
}

impl Deleted {
    /// An account that is deleted at the end of this request.
    pub fn new(external_id: ExternalId, log_retention_days: u32) -> Self {
        let remains = REMAINS.map(|Remains { what, contains, kept }| {
            let days = match kept {
                Kept::Days(days) => Some(days),
                Kept::AsLogs => Some(log_retention_days),
                Kept::Unknown => None,
            };
            Left { what, contains, days }
        });
        Self { is_done: true, external_id, remains }
    }
}
