//! Write rosehip behaviors in Rust.
//!
//! A behavior is a type that implements [`Behavior`]: it describes itself with a [`Manifest`] and answers each
//! [`Call`] with an [`Outcome`]. It is pure: it reads no clock, draws no randomness and opens nothing. What it needs
//! is in the Call, what it wants done leaves as effects, which the host records before it carries them out.
//!
//! ```
//! use rosehip_sdk::effect::Log;
//! use rosehip_sdk::{Article, Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger};
//!
//! /// Says hello to every article that is published.
//! struct Hello;
//!
//! impl Behavior for Hello {
//!     fn manifest() -> Manifest {
//!         Manifest::new("hello", "1.0.0")
//!             .trigger(Trigger::on("Create", "Article").transition(Transition::to("status", "published")))
//!             .node(Node::step("greet"))
//!             .effect("log")
//!     }
//!
//!     fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
//!         let article: Article = call.object()?;
//!         Ok(Outcome::new().effect(Log::new(format!("hello, {}", article.name))))
//!     }
//! }
//!
//! rosehip_sdk::export!(Hello);
//!
//! # fn main() {
//! let walk = rosehip_sdk::testing::Harness::new::<Hello>().publish(&Article::new("On roses")).run();
//! assert_eq!(walk.effects_of("log")[0].payload["message"], "hello, On roses");
//! # }
//! ```
//!
//! A behavior's crate depends on this crate alone and has `crate-type = ["cdylib", "rlib"]`. Its types derive serde's
//! traits through the re-export: `#[derive(serde::Deserialize)] #[serde(crate = "rosehip_sdk::serde")]` after
//! `use rosehip_sdk::serde`. Plain `cargo test` runs its nodes natively, with [`testing`].

// The generated bindings name this crate from the outside, because their macro expands in a behavior's crate.
#[cfg(target_arch = "wasm32")]
extern crate self as rosehip_sdk;

/// std's own allocator grows the memory for its first byte. For the host growing is a system call that holds up all other
/// calls of the process, so this one begins with the heap that the module has from the start.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

mod behavior;
mod call;
pub mod effect;
mod failure;
pub mod log;
mod manifest;
mod object;
mod outcome;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod abi;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use behavior::Behavior;
pub use call::{Call, Current, EffectStatus, NodeInput, WaitOutput};
pub use effect::Effect;
pub use failure::Failure;
pub use manifest::{Boxes, Edge, Manifest, Node, NodeKind, Retry, Transition, Trigger, Wait};
pub use object::{Article, Source, Tag};
pub use outcome::Outcome;

pub use serde;
pub use serde_json;
pub use serde_json::{Value, json};

/// The version of the Manifest, Call and Outcome documents that this crate writes and reads.
pub const DOCUMENT_VERSION: u32 = 1;

/// Exports a [`Behavior`] as a component of the world `rosehip:behavior/behavior@1.0.0`.
///
/// Write it once, at the root of the crate. On targets other than WebAssembly it expands to nothing, so that the same
/// crate is tested natively.
#[macro_export]
macro_rules! export {
    ($behavior:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[expect(
            unsafe_code,
            reason = "wit-bindgen generates the exported functions, which take raw pointers by the canonical ABI"
        )]
        const _: () = {
            type Exported = $behavior;
    $crate::abi::export!(Exported with_types_in $crate::abi);
        };
    };
}
