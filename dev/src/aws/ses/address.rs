//! Addresses as SES takes them in a request, and as an email program shows them. Must not know what is sent.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::refusal::{Refusal, bad_request};

/// RFC 5321: 64 bytes before the `@`, 255 after it, 254 for the whole path.
const ADDRESS_MAX_BYTES: usize = 254;
const LOCAL_PART_MAX_BYTES: usize = 64;

/// `Name <address>` or `address`, as SES takes them.
pub(super) struct Mailable<'a> {
    name: &'a str,
    pub(super) address: &'a str,
}

impl<'a> Mailable<'a> {
    /// Takes what SES takes, and refuses the rest in its words.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        if text.contains(|c: char| c.is_control()) {
            return Err(bad_request("Local address contains control or whitespace"));
        }
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => {
                (name.trim(), rest.strip_suffix('>').ok_or_else(|| bad_request("Missing '>'"))?)
            }
            None => ("", text),
        };
        // A name in clear must be ASCII, and quoted when it holds what an address list is written with.
        let quoted = name.len() >= 2 && name.starts_with('"') && name.ends_with('"');
        if !name.is_ascii() || (!quoted && name.contains([',', ';', ':', '@', '(', ')', '[', ']', '"', '\\']))
        {
            return Err(bad_request("Illegal address"));
        }
        check_address(address)?;
        Ok(Self { name, address })
    }

    /// As an email program shows it.
    pub(super) fn shown(&self) -> String {
        if self.name.is_empty() {
            return self.address.to_owned();
        }
        format!("{} <{}>", decoded_words(self.name.trim_matches('"')), self.address)
    }
}

/// The bare addresses of a list of recipients as an email shows it, in lower case.
pub(super) fn bare_addresses(to: &str) -> Vec<String> {
    let bare = |one: &str| match one.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end_matches('>').to_ascii_lowercase(),
        None => one.to_ascii_lowercase(),
    };
    to.split(", ").filter(|one| one.contains('@')).map(bare).collect()
}

fn check_address(address: &str) -> Result<(), Refusal> {
    let (local, domain) = address.rsplit_once('@').ok_or_else(|| bad_request("Missing final '@domain'"))?;
    if local.is_empty() {
        return Err(bad_request("Missing local part"));
    }
    if domain.is_empty() {
        return Err(bad_request("Missing domain"));
    }
    // SES says the same of a character beyond ASCII, which it takes in no local part.
    if !local.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad_request("Local address contains control or whitespace"));
    }
    let atoms =
        local.split('.').all(|atom| !atom.is_empty() && !atom.contains(|c| "()<>[]:;@\\,\"".contains(c)));
    if !atoms || local.len() > LOCAL_PART_MAX_BYTES || address.len() > ADDRESS_MAX_BYTES {
        return Err(bad_request("Illegal address"));
    }
    if domain.contains(char::is_whitespace) {
        return Err(bad_request("Domain contains control or whitespace"));
    }
    if !domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
        return Err(bad_request("Domain contains illegal character"));
    }
    if domain.split('.').any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-')) {
        return Err(bad_request("Domain contains illegal character"));
    }
    Ok(())
}

/// Undoes RFC 2047's `=?UTF-8?B?…?=`, so that the mailbox shows a name as an email program does. Anything else
/// stays as it is.
fn decoded_words(text: &str) -> String {
    let word = |word: &str| -> Option<String> {
        let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
        let mut fields = inner.splitn(3, '?');
        let (charset, encoding, data) = (fields.next()?, fields.next()?, fields.next()?);
        if !charset.eq_ignore_ascii_case("utf-8") {
            return None;
        }
        let bytes = match encoding {
            "B" | "b" => STANDARD.decode(data).ok()?,
            "Q" | "q" => unquoted(data)?,
            _ => return None,
        };
        String::from_utf8(bytes).ok()
    };
    let mut shown = String::new();
    let mut last_was_encoded = false;
    for part in text.split_whitespace() {
        let decoded = word(part);
        // White space between two encoded words only holds them apart.
        if !(shown.is_empty() || last_was_encoded && decoded.is_some()) {
            shown.push(' ');
        }
        last_was_encoded = decoded.is_some();
        shown.push_str(decoded.as_deref().unwrap_or(part));
    }
    shown
}

fn unquoted(data: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = data.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_names_are_shown_decoded() {
        assert_eq!(decoded_words("=?UTF-8?B?w5hyc3RlZA==?="), "Ørsted");
        assert_eq!(decoded_words("=?utf-8?Q?=C3=98rsted_A?= =?utf-8?q?B?="), "Ørsted AB");
        assert_eq!(decoded_words("The =?utf-8?q?=C3=98?= team"), "The Ø team");
        assert_eq!(decoded_words("=?utf-8?q?=C3?="), "=?utf-8?q?=C3?=");
    }
}
