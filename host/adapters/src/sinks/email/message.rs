//! A message as it is written (RFC 5322).

use lettre::{
    Message,
    message::{
        Mailboxes, MultiPart, SinglePart,
        header::{self, HeaderName, HeaderValue},
    },
};
use rosehip_core::ids::{EffectId, MessageId};

use super::MailAddress;

/// How many effects a header lists; the flow log knows the others.
const LISTED: usize = 20;

/// What one effect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
}

/// One message to the same people for one effect or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) to: Vec<MailAddress>,
    pub(crate) parts: Vec<Part>,
    pub(crate) effects: Vec<EffectId>,
}

impl Post {
    /// The id at every attempt, `{effect or H(effects)}@{domain of the sender}`.
    pub(super) fn id(&self, from: &MailAddress) -> String {
        format!("<{}@{}>", MessageId::of(&self.effects), from.0.email.domain())
    }

    /// The message; else why it cannot be written.
    pub(super) fn written(&self, from: &MailAddress) -> Result<Message, String> {
        let subject = self.subject();
        if subject.contains(char::is_control) {
            return Err("subject: it holds a control character".to_owned());
        }
        let key = MessageId::of(&self.effects).to_string();
        let listed: Vec<String> = self.effects.iter().take(LISTED).map(EffectId::to_string).collect();
        let to: Mailboxes = self.to.iter().map(|address| address.0.clone()).collect();
        let builder = Message::builder()
            .from(from.0.clone())
            .mailbox(header::To::from(to))
            .subject(subject)
            .message_id(Some(self.id(from)))
            // Nobody is to be answered by a machine that is on holiday (RFC 3834 §5).
            .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(raw("Idempotency-Key", key))
            .raw_header(raw("X-Rosehip-Effect", listed.join(", ")));
        let html = match self.parts.as_slice() {
            [only] => only.html.clone(),
            _ => None,
        };
        let message = match html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(self.text(), html)),
            None => builder.singlepart(SinglePart::plain(self.text())),
        };
        message.map_err(|error| error.to_string())
    }

    fn subject(&self) -> String {
        match self.parts.as_slice() {
            [] => String::new(),
            [only] => only.subject.clone(),
            [first, others @ ..] => format!("{} and {} more", first.subject, others.len()),
        }
    }

    /// A single text as it is. Several, under a list of what they are about; HTML of theirs is left out, because two
    /// documents are not one.
    fn text(&self) -> String {
        if let [only] = self.parts.as_slice() {
            return only.text.clone();
        }
        let list = self.parts.iter().map(|part| format!("* {}\n", part.subject));
        let texts = self.parts.iter().map(|part| {
            let (subject, text) = (&part.subject, part.text.trim_end());
            format!("\n--------\n\n{subject}\n\n{text}\n")
        });
        list.chain(texts).collect()
    }
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> MailAddress {
        text.parse().expect("an address")
    }

    fn post(parts: &[(&str, &str, Option<&str>)]) -> Post {
        let part = |(subject, text, html): &(&str, &str, Option<&str>)| Part {
            subject: (*subject).to_owned(),
            text: (*text).to_owned(),
            html: html.map(str::to_owned),
        };
        let effects = (1_u8..).take(parts.len()).map(|byte| EffectId::from_bytes([byte; 32])).collect();
        Post {
            to: vec![address("Ünal <u@b.example>"), address("c@b.example")],
            parts: parts.iter().map(part).collect(),
            effects,
        }
    }

    fn lines(post: &Post) -> Vec<String> {
        let message = post.written(&address("Rosehip <rosehip@a.example>")).expect("a message");
        let text = String::from_utf8(message.formatted()).expect("ASCII");
        text.split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_message_of_one_effect_is_what_the_effect_says() {
        let post = post(&[("Grüße", "Hello\nyou", None)]);
        let lines = lines(&post);
        let id = EffectId::from_bytes([1; 32]);
        for line in [
            "From: Rosehip <rosehip@a.example>",
            &format!("Message-ID: <{id}@a.example>"),
            &format!("Idempotency-Key: {id}"),
            &format!("X-Rosehip-Effect: {id}"),
            "Auto-Submitted: auto-generated",
            "Hello",
            "you",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
        }
        assert!(lines.iter().any(|line| line.starts_with("Subject: =?utf-8?b?")), "{lines:#?}");
    }

    #[test]
    fn html_stands_beside_the_text() {
        let text = lines(&post(&[("s", "plain", Some("<b>rich</b>"))])).join("\n");
        assert!(
            text.contains("multipart/alternative") && text.contains("plain") && text.contains("<b>rich</b>"),
            "{text}"
        );
    }

    #[test]
    fn a_message_of_several_lists_what_they_are_about() {
        let text = lines(&post(&[("One", "first", Some("<b>first</b>")), ("Two", "second", None)])).join("\n");
        assert!(text.contains("Subject: One and 1 more"), "{text}");
        assert!(text.contains("* One\n* Two\n"), "{text}");
        assert!(text.contains("first") && text.contains("second") && !text.contains("<b>"), "{text}");
    }

    #[test]
    fn a_subject_of_two_lines_is_refused() {
        let post = post(&[("s\r\nBcc: d@b.example", "text", None)]);
        let refused = post.written(&address("rosehip@a.example")).expect_err("refused");
        assert_eq!(refused, "subject: it holds a control character");
    }
}
