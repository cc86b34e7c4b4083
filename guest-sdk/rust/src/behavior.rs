//! The trait that an author implements.

use crate::{Call, Failure, Manifest, Outcome};

/// A behavior: what it is, and what each of its nodes does.
///
/// Every call runs in a fresh instance of the module, so there is no `self`: nothing outlives a call.
pub trait Behavior: 'static {
    /// Describes the behavior. It is called at install only, and must always return the same.
    fn manifest() -> Manifest;

    /// Runs the node that `call.node` names and returns what it outputs, the branch it takes and the effects it asks
    /// for. `Err` asks for another attempt or fails the flow, see [`Failure`].
    fn run(call: &Call<'_>) -> Result<Outcome, Failure>;

    /// The Manifest as the JSON document that the host reads.
    fn describe() -> String {
        Self::manifest().to_json()
    }

    /// Answers a Call, as a JSON document, with an Outcome, as a JSON document. Override it only to read less of the
    /// Call than [`Call::parse`] does, in a node where every microsecond counts.
    fn answer(call: &str) -> Result<String, Failure> {
        let call = Call::parse(call)?;
        Ok(Self::run(&call)?.to_json())
    }
}
