//! Requests as receivers see them.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    limits::SIGNATURE_TOLERANCE_MS,
    signing::{Message, MessageError, RequestSignature, Scheme, VerificationKey},
};
use serde_json::Value;

/// A request taken apart: its method, its target, its headers and its body.
pub(crate) struct Request {
    method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let mut line = lines.next().expect("a line").split(' ');
        let (method, path) = (line.next().expect("a method").to_owned(), line.next().expect("a target").to_owned());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { method, path, headers, body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is signed with a key for a URL, and how.
    pub(crate) fn signed_by(
        &self,
        url: &str,
        key: &VerificationKey,
    ) -> Result<(RequestSignature, Scheme), MessageError> {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Message { method: &self.method, target_uri: url, headers: &headers, body: self.body.as_bytes() };
        let signature = RequestSignature::of(&message)?.ok_or(MessageError::Undated)?;
        signature.check(&message, SystemClock::now(), SIGNATURE_TOLERANCE_MS)?;
        signature.verify(&message, key)?;
        let scheme = signature.scheme(key);
        Ok((signature, scheme))
    }
}
