//! Addresses of e-mail.

use std::{fmt, str::FromStr};

use lettre::message::Mailbox;

use crate::outgoing::excerpt;

/// Someone's address, perhaps with a name: `ada@example.org`, `Ada <ada@example.org>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddress(pub(super) Mailbox);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address such as ada@example.org or Ada <ada@example.org>")]
pub struct InvalidAddress(String);

impl MailAddress {
    /// What tells one mailbox from another, without the name of whoever has it. Hosts differ about the case of what
    /// stands before the `@`; no two people share an address that differs in it alone.
    pub(super) fn mailbox_name(&self) -> String {
        self.0.email.to_string().to_lowercase()
    }
}

impl FromStr for MailAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        // The address ends up in a header and in a command of SMTP, where a line break would begin another.
        let mailbox = if text.contains(char::is_control) { None } else { text.parse().ok() };
        mailbox.map(Self).ok_or_else(|| InvalidAddress(excerpt(text, &[])))
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_line_with_a_mailbox() {
        for text in
            ["ada@example.org", "Ada <ada@example.org>", "\"Lovelace, Ada\" <ada@example.org>", "ünal@bücher.example"]
        {
            assert!(text.parse::<MailAddress>().is_ok(), "{text}");
        }
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@example.org, bob@example.org",
            "ada@example.org\r\nBcc: bob@example.org",
            "Ada\n <ada@example.org>",
            "ada@example.org>\r\nRCPT TO:<bob@example.org",
            "ada@example.org\0",
            "a b@example.org",
        ] {
            let error = text.parse::<MailAddress>().expect_err(text);
            assert!(!error.to_string().contains(char::is_control));
        }
        let [a, b] = ["Ada <ada@example.org>", "ADA@example.org"].map(|text| text.parse::<MailAddress>().expect("one"));
        assert_eq!(a.mailbox_name(), b.mailbox_name());
    }
}
