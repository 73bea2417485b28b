//! Which addresses look like one mailbox. A backup email in the primary's mailbox is lost together with it.
use crate::EmailAddress;

impl EmailAddress {
    /// Whether both look like addresses of one mailbox: equal but for what follows a `+` in the local part (sub-addressing,
    /// RFC 5233). A guess, because only the host of a mailbox knows. Dots count: few hosts ignore them, and elsewhere they
    /// make two people's mailboxes.
    pub fn looks_like_mailbox_of(&self, other: &Self) -> bool {
        self.mailbox() == other.mailbox()
    }

    /// User and domain, without the detail of a sub-address. A local part that begins with `+` has no user, so it stays whole.
    fn mailbox(&self) -> (&str, &str) {
        let (local, domain) = self.canonical().rsplit_once('@').unwrap_or((self.canonical(), ""));
        let user = local.split_once('+').map(|(user, _)| user).filter(|user| !user.is_empty());
        (user.unwrap_or(local), domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_plus_looks_like_the_mailbox_without() {
        for (one, other, same) in [
            ("mina@example.com", "mina+spare@example.com", true),
            ("mina+work@example.com", "mina+spare@example.com", true),
            ("mina+a+b@example.com", "mina@example.com", true),
            ("mina+@example.com", "mina@example.com", true),
            ("Mina@Example.com", "mina+SPARE@example.COM", true),
            ("mina@bücher.example", "mina+x@xn--bcher-kva.example", true),
            ("mina@example.com", "mina@example.com", true),
            ("mina@example.com", "mina@example.org", false),
            ("mina@example.com", "mina+spare@mail.example.com", false),
            ("mina@example.com", "minas+spare@example.com", false),
            ("mina@example.com", "spare+mina@example.com", false),
            ("mina@example.com", "mi.na@example.com", false),
            ("mina@example.com", "mina-spare@example.com", false),
            ("+one@example.com", "+other@example.com", false),
        ] {
            let [one, other] = [one, other].map(|text| EmailAddress::parse(text).expect("an address"));
            assert_eq!(one.looks_like_mailbox_of(&other), same, "{} {}", one.as_str(), other.as_str());
            assert_eq!(other.looks_like_mailbox_of(&one), same, "{} {}", one.as_str(), other.as_str());
        }
    }
}
