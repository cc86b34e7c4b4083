//! Requests for documents, signed by the host's own actor: many hosts answer nobody else.
//!
//! What a host does not take is tried in another form: RFC 9421 and draft-cavage with RSA, and of a URL with a query also
//! draft-cavage over the URL without it, which is how some verify.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rosehip_core::{
    federation::Peer,
    signing::{MessageError, RsaSigner, Scheme, SignedBy, Unsigned, sign_request},
    time::Timestamp,
};
use url::Url;

use super::{Clock, Schemes, TransportKeys};

/// Signs requests for documents.
#[derive(Clone)]
pub struct SignedGet {
    /// Holds the host's own key.
    pub keys: Arc<TransportKeys>,
    /// How hosts want to be spoken to.
    pub schemes: Arc<Schemes>,
    /// The time that signatures are made at.
    pub clock: Clock,
}

/// One form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) scheme: Scheme,
    /// Whether the signature is over the query as well.
    pub(super) has_query: bool,
}

/// A form with the key that it is made with.
pub(super) struct Signature<'a> {
    form: Form,
    signer: Arc<RsaSigner>,
    clock: &'a Clock,
}

impl SignedGet {
    /// The forms in which a URL of a host is asked for, one after the other.
    pub(super) fn forms(&self, peer: &Peer, url: &Url) -> Vec<Form> {
        // The host's own key is RSA, which every host takes that takes anything.
        let Ok(known) = self.schemes.of::<std::convert::Infallible>(peer, || Ok(None));
        let first = if known == Scheme::Cavage { Scheme::Cavage } else { Scheme::Rsa };
        let mut forms: Vec<Form> =
            [first, first.other()].into_iter().map(|scheme| Form { scheme, has_query: true }).collect();
        if url.query().is_some() {
            forms.push(Form { scheme: Scheme::Cavage, has_query: false });
        }
        forms
    }

    /// What signs in one form; none where the host has no key, which is told in the log of the process.
    pub(super) async fn signature(&self, form: Form) -> Option<Signature<'_>> {
        match self.keys.instance().await {
            Ok(signer) => Some(Signature { form, signer, clock: &self.clock }),
            Err(error) => {
                tracing::error!(%error, "the host has no key; what it asks others for is not signed");
                None
            }
        }
    }
}

impl Signature<'_> {
    /// The header fields that sign a GET of a URL.
    pub(super) fn headers(&self, url: &Url) -> HeaderMap {
        let signed = self.signed(url, (self.clock)());
        let signed = signed.inspect_err(|error| tracing::debug!(%url, %error, "a request is not signed"));
        let field = |(name, value): (&'static str, String)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        };
        signed.unwrap_or_default().into_iter().filter_map(field).collect()
    }

    fn signed(&self, url: &Url, now: Timestamp) -> Result<Vec<(&'static str, String)>, MessageError> {
        let mut over = url.clone();
        if !self.form.has_query {
            over.set_query(None);
        }
        let by = match self.form.scheme {
            Scheme::Cavage => SignedBy::Cavage(&self.signer),
            Scheme::Ed25519 | Scheme::Rsa => SignedBy::Rsa(&self.signer),
        };
        sign_request(&Unsigned { method: "GET", url: over.as_str(), content: None }, by, now)
    }
}

impl std::fmt::Debug for SignedGet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedGet").finish_non_exhaustive()
    }
}
