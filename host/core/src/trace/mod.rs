//! Traces across hosts and programs (W3C Trace Context, Level 1). A request may bring one; it is kept with the activity that
//! the request makes, and goes with all that follows from it.
//!
//! What happens within a trace has derived ids: a flow that goes on after a restart is the same span that it was before.

mod spans;

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ids::{ActivityId, ActorName, BoxName, EffectId, FlowId, InvalidId, NodeId, hash, text_id};

pub use spans::{Attribute, Missing, Span, Spans};

/// The header that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// Bytes of `00-{trace}-{parent}-{flags}`.
const TEXT_BYTES: usize = 55;
const SAMPLED: u8 = 1;

/// The id of a trace: 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TraceId(pub [u8; 16]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The id of something that happened within a trace: 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SpanId(pub [u8; 8]);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl SpanId {
    /// The first 8 bytes of `H("rosehip.span.v1", what, parts…)`.
    fn derive(what: &str, parts: &impl Serialize) -> Self {
        let hash = hash(&("rosehip.span.v1", what, parts));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[..8]);
        Self(bytes)
    }

    /// An activity entering a box.
    pub fn of_activity(owner: &ActorName, r#box: BoxName, activity: &ActivityId) -> Self {
        Self::derive("activity", &(owner, r#box, activity))
    }

    /// Its match.
    pub fn of_match(owner: &ActorName, r#box: BoxName, activity: &ActivityId) -> Self {
        Self::derive("match", &(owner, r#box, activity))
    }

    /// A flow.
    pub fn of_flow(flow: FlowId) -> Self {
        Self::derive("flow", &flow)
    }

    /// The call of a node, or of one item of an `each`, that succeeded.
    pub fn of_call(flow: FlowId, node: &NodeId, item: Option<u32>) -> Self {
        Self::derive("call", &(flow, node, item))
    }

    /// A call that did not succeed.
    pub fn of_failed_call(flow: FlowId, node: &NodeId, item: Option<u32>, attempt: u32) -> Self {
        Self::derive("failed-call", &(flow, node, item, attempt))
    }

    /// An attempt to carry an effect out.
    pub fn of_dispatch(effect: EffectId, attempt: u32) -> Self {
        Self::derive("dispatch", &(effect, attempt))
    }
}

/// A place in a trace: what comes next has `parent` above it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// What is above; nothing, where the trace begins here.
    pub parent: Option<SpanId>,
    /// Whether whoever began the trace has it recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// The place that a `traceparent` header names. One that is malformed counts as none (§3.2.2). Of a version that is not
    /// known the first four fields are read (§3.2.4).
    pub fn from_header(text: &str) -> Option<Self> {
        let fields = text.get(..TEXT_BYTES)?;
        let rest = &text[TEXT_BYTES..];
        let is_known_version = fields.starts_with("00");
        let may_go_on = !is_known_version && rest.starts_with('-');
        if fields.starts_with("ff") || !(rest.is_empty() || may_go_on) {
            return None;
        }
        let context = Self::read(fields)?;
        context.parent.is_some().then_some(context)
    }

    /// The beginning of a trace. `random` has no meaning.
    pub fn begin(mut random: [u8; 16]) -> Self {
        // An id is not all zeros.
        random[15] |= u8::from(random == [0; 16]);
        Self { trace: TraceId(random), parent: None, is_sampled: true }
    }

    /// The place below something that happened.
    #[must_use]
    pub fn below(self, span: SpanId) -> Self {
        Self { parent: Some(span), ..self }
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let mut field = |bytes: usize| {
            let hex = fields.next().filter(|hex| hex.len() == 2 * bytes)?;
            HEXLOWER.decode(hex.as_bytes()).ok()
        };
        let (_version, trace, parent, flags) = (field(1)?, field(16)?, field(8)?, field(1)?);
        let trace = <[u8; 16]>::try_from(trace).ok().filter(|trace| *trace != [0; 16])?;
        let parent = <[u8; 8]>::try_from(parent).ok()?;
        let parent = (parent != [0; 8]).then_some(SpanId(parent));
        let is_sampled = flags.first().is_some_and(|flags| flags & SAMPLED != 0);
        fields.next().is_none().then_some(Self { trace: TraceId(trace), parent, is_sampled })
    }
}

/// As the header has it (§3.2.1); where nothing is above, the parent is zeros, which no header may have.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = self.parent.unwrap_or(SpanId([0; 8]));
        write!(f, "00-{}-{parent}-{:02x}", self.trace, u8::from(self.is_sampled))
    }
}

impl FromStr for TraceContext {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::read(text).ok_or_else(|| InvalidId::new(text, "a trace context (00-{trace}-{parent}-{flags} in hex)"))
    }
}

text_id!(TraceContext);

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_header_is_read_and_written() {
        for flags in ["00", "01"] {
            let text = format!("00-{TRACE}-b7ad6b7169203331-{flags}");
            let context = TraceContext::from_header(&text).expect("well formed");
            assert_eq!((context.is_sampled, context.to_string()), (flags == "01", text.clone()));
            assert_eq!(text.parse(), Ok(context));
        }
        let flags = TraceContext::from_header(&format!("00-{TRACE}-b7ad6b7169203331-ff")).expect("well formed");
        assert!(flags.to_string().ends_with("-01"), "flags that are not known are not passed on");
    }

    #[test]
    fn of_a_version_that_is_not_known_what_is_known_is_read() {
        for text in [format!("cc-{TRACE}-b7ad6b7169203331-01"), format!("cc-{TRACE}-b7ad6b7169203331-01-what-else")] {
            let context = TraceContext::from_header(&text).expect("read");
            assert_eq!(context.to_string(), format!("00-{TRACE}-b7ad6b7169203331-01"));
        }
    }

    #[test]
    fn what_is_malformed_is_no_trace() {
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-01-"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("cc-{TRACE}-b7ad6b7169203331-01.more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-b7ad6b7169203331-0x"),
            format!("0-0{TRACE}-b7ad6b7169203331-01"),
            format!("00_{TRACE}-b7ad6b7169203331-01"),
            format!(" 00-{TRACE}-b7ad6b7169203331-01"),
            "ä".repeat(55),
        ] {
            assert_eq!(TraceContext::from_header(&text), None, "{text}");
        }
    }

    #[test]
    fn a_trace_that_begins_here_has_nothing_above() {
        let begun = TraceContext::begin([0; 16]);
        assert!(begun.is_sampled && begun.parent.is_none());
        assert_eq!(begun.to_string().parse(), Ok(begun));
        assert_eq!(TraceContext::from_header(&begun.to_string()), None);
        let flow: FlowId = "a".repeat(52).parse().expect("an id");
        let below = begun.below(SpanId::of_flow(flow));
        assert_eq!(TraceContext::from_header(&below.to_string()), Some(below));
    }
}
