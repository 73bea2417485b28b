//! Email addresses: parsed once, compared in one canonical form, masked in logs.
use std::fmt;
use std::hash::{Hash, Hasher};

use email_address::{EmailAddress as Rfc5322, Options};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use serde::{Deserialize, Serialize};

/// RFC 5321 section 4.5.3.1.3 less the angle brackets.
pub const MAX_BYTES: usize = 254;
/// Characters that a mask shows at each end of the local part.
const MASK_SHOWS: usize = 2;
/// RFC 5321 section 4.5.3.1.1.
pub const MAX_LOCAL_BYTES: usize = 64;
/// A text with an address in it is not longer than this.
const MOST_READ: usize = 1_024;
/// The scheme of a link to an address (RFC 6068).
const MAILTO: &str = "mailto:";

/// An address that email can be sent to.
///
/// The local part is stored as typed, the domain in lower-case ASCII (IDNA). Two addresses are equal when
/// their canonical forms are: mailboxes that differ only in the case of the local part do not occur in
/// practice, and to distinguish them would let a stranger claim `Mina@` as well as `mina@`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EmailAddress {
    address: String,
    canonical: String,
}

/// Why a text is not an address that email can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Nothing but space.
    #[error("the address is empty")]
    Empty,
    /// Over 254 bytes, or a local part over 64.
    #[error("the address is too long")]
    TooLong,
    /// Not `local@domain` by RFC 5322.
    #[error("the address is malformed")]
    Malformed,
    /// SES accepts only ASCII before the `@`.
    #[error("the local part is not ASCII")]
    LocalPartNotAscii,
    /// `"quoted string"@domain`: legal, unused, and a source of parser differences.
    #[error("the local part is quoted")]
    LocalPartQuoted,
    /// `user@[192.0.2.1]` or `user@192.0.2.1`.
    #[error("the domain is an IP address")]
    IpAddress,
    /// The domain is not valid in IDNA, or has no dot.
    #[error("the domain is not a host name")]
    BadDomain,
}

impl EmailAddress {
    /// Parses what a person typed or pasted: `Mina <mina@example.com>` and `mailto:mina@example.com` too. White space around
    /// it, and what nobody sees, is dropped; full-width forms count as the ASCII that they look like.
    pub fn parse(typed: &str) -> Result<Self, NotAnAddress> {
        if typed.len() > MOST_READ {
            return Err(NotAnAddress::TooLong);
        }
        let typed = &unwrapped(typed)?;
        if typed.is_empty() {
            return Err(NotAnAddress::Empty);
        }
        if typed.len() > MAX_BYTES {
            return Err(NotAnAddress::TooLong);
        }
        let (local, domain) = typed.rsplit_once('@').ok_or(NotAnAddress::Malformed)?;
        if local.starts_with('"') {
            return Err(NotAnAddress::LocalPartQuoted);
        }
        if domain.starts_with('[') || domain.parse::<std::net::IpAddr>().is_ok() {
            return Err(NotAnAddress::IpAddress);
        }
        if !local.is_ascii() {
            return Err(NotAnAddress::LocalPartNotAscii);
        }
        if local.len() > MAX_LOCAL_BYTES {
            return Err(NotAnAddress::TooLong);
        }
        let domain = ascii_domain(domain)?;
        let address = format!("{local}@{domain}");
        if address.len() > MAX_BYTES {
            return Err(NotAnAddress::TooLong);
        }
        let options =
            Options::default().with_minimum_sub_domains(2).without_display_text().without_domain_literal();
        Rfc5322::parse_with_options(&address, options).map_err(|_| NotAnAddress::Malformed)?;
        Ok(Self { canonical: address.to_ascii_lowercase(), address })
    }

    /// The form that email is sent to: local part as typed, domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form that is compared, claimed and indexed: all in lower-case ASCII.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The form that its owner is shown: the domain in Unicode.
    pub fn shown(&self) -> String {
        match self.address.rsplit_once('@') {
            Some((local, domain)) if domain.contains("xn--") => {
                let (unicode, valid) = idna::domain_to_unicode(domain);
                if valid.is_ok() { format!("{local}@{unicode}") } else { self.address.clone() }
            }
            _ => self.address.clone(),
        }
    }

    /// The form for notices and the pages of their links, which others may see: the domain and two characters at each end
    /// of the local part, `Mi***es@example.com`. Of a short one it shows less, so that at least one character is hidden.
    pub fn masked(&self) -> String {
        let most_shown = self.local_part().chars().count().saturating_sub(1) / 2;
        self.masked_to(most_shown.min(MASK_SHOWS))
    }

    /// The masks of two different addresses of one sentence. They show more until they differ.
    pub fn masked_apart(&self, other: &Self) -> (String, String) {
        let masks = (self.masked(), other.masked());
        if masks.0 != masks.1 || self == other {
            return masks;
        }
        let longest = self.local_part().chars().count().max(other.local_part().chars().count());
        let grown = (1..=longest).map(|shown| (self.masked_to(shown), other.masked_to(shown)));
        grown.into_iter().find(|(one, two)| one != two).unwrap_or(masks)
    }

    /// The mask that shows this many characters at each end of the local part.
    fn masked_to(&self, shown: usize) -> String {
        let (local, shown_form) = (self.local_part(), self.shown());
        let domain = shown_form.rsplit_once('@').map_or("", |(_, domain)| domain);
        let length = local.chars().count();
        if length <= 2 * shown {
            return format!("{local}@{domain}");
        }
        // Of one or two characters the first is shown: a mask of nothing would be nobody's.
        let start: String = local.chars().take(shown.max(usize::from(length <= 2))).collect();
        let end: String = local.chars().skip(length - shown).collect();
        format!("{start}***{end}@{domain}")
    }

    fn local_part(&self) -> &str {
        self.address.rsplit_once('@').map_or(&*self.address, |(local, _)| local)
    }
}

/// The text without what programs put around an address when it is copied: invisible and direction marks, a name and angle
/// brackets (RFC 5322 section 3.4), the scheme of a link and its query (RFC 6068). A name with an `@` could be an address
/// itself, so that the text means two.
fn unwrapped(typed: &str) -> Result<String, NotAnAddress> {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen: String = typed.chars().filter(|c| !ignorable.contains(*c)).map(in_ascii_width).collect();
    let mut text = seen.trim();
    if let Some((name, rest)) = text.split_once('<') {
        text = rest
            .strip_suffix('>')
            .filter(|rest| !rest.contains(['<', '>']))
            .ok_or(NotAnAddress::Malformed)?;
        if name.contains('@') {
            return Err(NotAnAddress::Malformed);
        }
    }
    let text = text.trim();
    let scheme = text.get(..MAILTO.len()).filter(|scheme| scheme.eq_ignore_ascii_case(MAILTO));
    let text = match scheme {
        Some(_) => text[MAILTO.len()..].split('?').next().unwrap_or_default(),
        None => text,
    };
    Ok(text.trim().to_owned())
}

/// Full-width forms of ASCII, as input methods of East Asia make them, and the space of the same width.
fn in_ascii_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

/// Converts a domain to ASCII by IDNA (UTS 46, STD 3 rules), and requires a host name with at least one dot.
fn ascii_domain(domain: &str) -> Result<String, NotAnAddress> {
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| NotAnAddress::BadDomain)?;
    let top = ascii.rsplit('.').next().unwrap_or_default();
    if top.is_empty() || !ascii.contains('.') {
        return Err(NotAnAddress::BadDomain);
    }
    if top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnAddress::IpAddress);
    }
    Ok(ascii)
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // For logs, less than a mask shows: `a***@e***.com`.
        let (local, domain) = self.address.rsplit_once('@').unwrap_or((&self.address, ""));
        let (name, end) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        write!(f, "{}***@{}***.{end}", first(local), first(name))
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.address
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_case_space_and_international_domains() {
        for (typed, address, canonical) in [
            ("mina@example.com", "mina@example.com", "mina@example.com"),
            ("  Mina@Example.COM\n", "Mina@example.com", "mina@example.com"),
            ("mina+spare@example.com", "mina+spare@example.com", "mina+spare@example.com"),
            ("mina@bücher.example", "mina@xn--bcher-kva.example", "mina@xn--bcher-kva.example"),
            ("mina@BÜCHER.example", "mina@xn--bcher-kva.example", "mina@xn--bcher-kva.example"),
            ("mina@ｅｘａｍｐｌｅ.com", "mina@example.com", "mina@example.com"),
            ("mina@example。com", "mina@example.com", "mina@example.com"),
            ("ｍｉｎａ＠example.com", "mina@example.com", "mina@example.com"),
            ("\u{3000}mina@example.com\u{a0}", "mina@example.com", "mina@example.com"),
            ("mina@exam\u{ad}ple.com\u{200b}", "mina@example.com", "mina@example.com"),
            ("\u{202a}mina@example.com\u{202c}", "mina@example.com", "mina@example.com"),
            ("\u{feff}\u{200e}mina@example.com", "mina@example.com", "mina@example.com"),
            ("mailto:mina@example.com", "mina@example.com", "mina@example.com"),
            ("MailTo:Mina@example.com?subject=Hello", "Mina@example.com", "mina@example.com"),
            ("<mina@example.com>", "mina@example.com", "mina@example.com"),
            ("Mina <mina@example.com>", "mina@example.com", "mina@example.com"),
            ("\"Mina, at home\" < mina@example.com > ", "mina@example.com", "mina@example.com"),
            ("<mailto:mina@example.com>", "mina@example.com", "mina@example.com"),
            ("mailto@example.com", "mailto@example.com", "mailto@example.com"),
            ("o'neil/x=y@example.com", "o'neil/x=y@example.com", "o'neil/x=y@example.com"),
        ] {
            let parsed = EmailAddress::parse(typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
            assert_eq!((parsed.as_str(), parsed.canonical()), (address, canonical), "{typed:?}");
        }
    }

    #[test]
    fn refuses_what_mail_cannot_or_must_not_reach() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("mina@{}.example.com", "a.".repeat(120));
        let bytes_255 =
            format!("mina@{}.{}.{}.{}.com", "a".repeat(62), "b".repeat(62), "c".repeat(62), "d".repeat(57));
        assert_eq!(bytes_255.len(), 255);
        for (typed, why) in [
            ("", NotAnAddress::Empty),
            (" \t ", NotAnAddress::Empty),
            ("mina", NotAnAddress::Malformed),
            ("@example.com", NotAnAddress::Malformed),
            ("mina@", NotAnAddress::BadDomain),
            ("mina@localhost", NotAnAddress::BadDomain),
            ("mina@example.com.", NotAnAddress::BadDomain),
            ("mina@exa mple.com", NotAnAddress::BadDomain),
            ("mina@-example.com", NotAnAddress::BadDomain),
            ("mi na@example.com", NotAnAddress::Malformed),
            ("mina..x@example.com", NotAnAddress::Malformed),
            (".mina@example.com", NotAnAddress::Malformed),
            ("a@b@example.com", NotAnAddress::Malformed),
            ("mina@example", NotAnAddress::BadDomain),
            ("mina@example,com", NotAnAddress::BadDomain),
            ("Mina <mina@example.com", NotAnAddress::Malformed),
            ("Mina mina@example.com>", NotAnAddress::BadDomain),
            ("eve@example.net <mina@example.com>", NotAnAddress::Malformed),
            ("<eve@example.net> <mina@example.com>", NotAnAddress::Malformed),
            ("mina@example.com, eve@example.net", NotAnAddress::Malformed),
            ("mailto:", NotAnAddress::Empty),
            ("<>", NotAnAddress::Empty),
            ("mina@example.com\r\nBcc: eve@example.net", NotAnAddress::Malformed),
            ("mina\r\n@example.com", NotAnAddress::Malformed),
            ("mina\0@example.com", NotAnAddress::Malformed),
            ("\"mina\"@example.com", NotAnAddress::LocalPartQuoted),
            ("\"a@b\"@example.com", NotAnAddress::LocalPartQuoted),
            ("mina@[192.0.2.1]", NotAnAddress::IpAddress),
            ("mina@[IPv6:2001:db8::1]", NotAnAddress::IpAddress),
            ("mina@192.0.2.1", NotAnAddress::IpAddress),
            ("mina@１９２.0.2.1", NotAnAddress::IpAddress),
            ("mіna@example.com", NotAnAddress::LocalPartNotAscii), // a Cyrillic і
            ("søren@example.com", NotAnAddress::LocalPartNotAscii),
            ("mina＠＠example.com", NotAnAddress::Malformed),
            (&long_local, NotAnAddress::TooLong),
            (&long, NotAnAddress::TooLong),
            (&bytes_255, NotAnAddress::TooLong),
        ] {
            assert_eq!(EmailAddress::parse(typed).map(|parsed| parsed.address), Err(why), "{typed:?}");
        }
    }

    #[test]
    fn a_look_alike_domain_stays_a_domain_of_its_own() {
        let latin = EmailAddress::parse("mina@example.com").expect("an address");
        let cyrillic = EmailAddress::parse("mina@ехample.com").expect("an address"); // Cyrillic е and х
        assert_ne!(latin, cyrillic);
        assert!(cyrillic.canonical().contains("xn--"));
    }

    #[test]
    fn debug_and_mask_hide_the_address_and_shown_reads_well() {
        let address = EmailAddress::parse("mina@bücher.example").expect("an address");
        assert_eq!(format!("{address:?}"), "m***@x***.example");
        assert_eq!(address.shown(), "mina@bücher.example");
        for (typed, mask) in [
            ("mina@bücher.example", "m***a@bücher.example"),
            ("a@example.com", "a***@example.com"),
            ("ab@example.com", "a***@example.com"),
            ("abc@example.com", "a***c@example.com"),
            ("spare@example.com", "sp***re@example.com"),
            ("Mina.Vries@example.com", "Mi***es@example.com"),
        ] {
            assert_eq!(EmailAddress::parse(typed).expect("an address").masked(), mask);
        }
    }

    #[test]
    fn two_masks_of_one_sentence_differ() {
        for (one, two, masks) in [
            ("t1@example.net", "t2@example.net", ("t1@example.net", "t2@example.net")),
            (
                "thief.one@example.net",
                "thief.nne@example.net",
                ("thi***one@example.net", "thi***nne@example.net"),
            ),
            ("spare@example.org", "spare@example.net", ("sp***re@example.org", "sp***re@example.net")),
            ("spare@example.org", "spore@example.org", ("spare@example.org", "spore@example.org")),
        ] {
            let address = |text: &str| EmailAddress::parse(text).expect("an address");
            let (first, second) = address(one).masked_apart(&address(two));
            assert_eq!((&*first, &*second), masks);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_is_stable(typed in "\\PC{0,80}@\\PC{0,40}|\\PC*") {
            if let Ok(parsed) = EmailAddress::parse(&typed) {
                prop_assert!(parsed.as_str().is_ascii());
                prop_assert!(!parsed.as_str().contains(char::is_whitespace));
                prop_assert!(parsed.as_str().len() <= MAX_BYTES);
                let again = EmailAddress::parse(parsed.canonical()).expect("a canonical address parses");
                prop_assert_eq!(again.canonical(), parsed.canonical());
            }
        }
    }
}
