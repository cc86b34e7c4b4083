//! A guest that breaks each rule on demand: the operator's config says which one, in `mode`.

use std::hint::black_box;

use rosehip_sdk::effect::Log;
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{
    Behavior, Call, Effect, Failure, Manifest, Node, Outcome, Retry, Transition, Trigger, export, json, log,
};

/// The behavior.
pub struct Misbehave;

export!(Misbehave);

/// What to do, in the config's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(crate = "rosehip_sdk::serde", rename_all = "kebab-case")]
enum Mode {
    /// One `log` effect.
    Ok,
    /// Never returns: runs out of fuel.
    Loop,
    /// Logs a panic's message and traps.
    Trap,
    /// Calls itself until the stack is used up.
    Recurse,
    /// Allocates until there is no memory left.
    Memory,
    /// Returns what is no JSON.
    BadJson,
    /// Returns JSON with a key twice, which I-JSON forbids.
    DuplicateKey,
    /// Returns more than 1 MiB.
    TooMuch,
    /// Returns more than 1,000 effects.
    ManyEffects,
    /// Fails with `retry` until the third attempt.
    RetryThenOk,
    /// Fails with `retry` at the first two attempts, and never returns from the third.
    RetryThenLoop,
    /// Fails with `retry` at every attempt.
    RetryAlways,
    /// Fails with `fatal`.
    Fatal,
    /// Returns an effect of a kind that the manifest does not declare.
    UndeclaredEffect,
    /// Returns an effect whose payload its kind's schema refuses, after one that is right.
    BadPayload,
    /// Takes a branch that the manifest does not declare.
    BadBranch,
    /// Takes a good part of its fuel, then one `log` effect.
    SlowIsh,
    /// Logs more than 64 KiB, then one `log` effect.
    Noisy,
}

#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Config {
    mode: Mode,
}

impl Behavior for Misbehave {
    fn manifest() -> Manifest {
        Manifest::new("misbehave", "1.0.0")
            .description("Breaks the rule that its config names.")
            .trigger(Trigger::on("Create", "Article").transition(Transition::to("status", "published")))
            .node(Node::step("act").branches(["done"]).retry(Retry::after(["PT0S", "PT0.2S"])))
            .effect(Log::KIND)
            .config_schema(json!({
                "type": "object",
                "properties": { "mode": { "type": "string", "default": "ok" } }
            }))
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        let Config { mode } = call.config()?;
        act(mode, call.attempt)
    }

    fn answer(call: &str) -> Result<String, Failure> {
        let call = Call::parse(call)?;
        let Config { mode } = call.config()?;
        if mode == Mode::BadJson {
            return Ok(r#"{"v":1,"effects":["#.into());
        }
        if mode == Mode::DuplicateKey {
            return Ok(r#"{"v":1,"effects":[],"effects":[]}"#.into());
        }
        Ok(act(mode, call.attempt)?.to_json())
    }
}

fn act(mode: Mode, attempt: u32) -> Result<Outcome, Failure> {
    let ok = Outcome::new().branch("done").effect(Log::new("ok"));
    match mode {
        Mode::RetryThenLoop if attempt < 3 => Err(Failure::retry("twice")),
        Mode::Loop | Mode::RetryThenLoop => loop {
            black_box(attempt);
        },
        Mode::Trap => {
            log::report_panics();
            panic!("asked to")
        }
        Mode::Recurse => Ok(ok.output(descend(u64::from(attempt)))),
        Mode::Memory => Ok(ok.output(hoard())),
        Mode::TooMuch => Ok(ok.output("x".repeat(1 << 20))),
        Mode::ManyEffects => Ok((0..1_000).fold(ok, |outcome, _| outcome.effect(Log::new("more")))),
        Mode::RetryThenOk if attempt < 3 => Err(Failure::retry(format!("not at attempt {attempt}"))),
        Mode::Ok | Mode::RetryThenOk | Mode::BadJson | Mode::DuplicateKey => Ok(ok),
        Mode::RetryAlways => Err(Failure::retry("not now")),
        Mode::Fatal => Err(Failure::fatal("asked to")),
        Mode::UndeclaredEffect => Ok(ok.effect(Effect::new("webhook", json!({ "url": "http://x/", "body": {} })))),
        Mode::BadPayload => Ok(ok.effect(Effect::new(Log::KIND, json!({ "message": 1 })))),
        Mode::BadBranch => Ok(ok.branch("nowhere")),
        // An integer of I-JSON has 53 bits.
        Mode::SlowIsh => Ok(ok.output(grind(4_000_000) >> 11)),
        Mode::Noisy => {
            (0..100).for_each(|_| log::info("x".repeat(1 << 10)));
            Ok(ok)
        }
    }
}

/// Recurses in a way that cannot be made a loop: what comes back is used after the call.
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { descend(depth + 1).wrapping_mul(3) ^ depth }
}

/// Allocates and touches 256 MiB, four times what a guest has.
fn hoard() -> usize {
    let hoard: Vec<Vec<u8>> = (0..256).map(|_| black_box(vec![1; 1 << 20])).collect();
    hoard.iter().map(Vec::len).sum()
}

/// A xorshift generator, so that every round needs the one before.
fn grind(rounds: u32) -> u64 {
    (0..rounds).fold(0x9e37_79b9_7f4a_7c15, |mut state: u64, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^ (state << 17)
    })
}

#[cfg(test)]
mod tests {
    use rosehip_sdk::testing::Harness;

    use super::*;

    fn with(mode: &str) -> Harness {
        Harness::new::<Misbehave>().config(json!({ "mode": mode }))
    }

    #[test]
    fn the_default_behaves() {
        let walk = Harness::new::<Misbehave>().run();

        assert_eq!(walk.failure(), None);
        assert_eq!(walk.node("act").branch.as_deref(), Some("done"));
    }

    #[test]
    fn retry_then_ok_takes_three_calls() {
        assert_eq!(with("retry-then-ok").run().node("act").calls, 3);
        assert_eq!(with("retry-always").run().failure(), Some(&Failure::retry("not now")));
    }

    #[test]
    fn what_the_harness_sees_fails() {
        for mode in ["bad-json", "fatal", "undeclared-effect", "bad-branch", "no-such-mode"] {
            assert!(matches!(with(mode).run().failure(), Some(Failure::Fatal(_))), "{mode}");
        }
    }

    #[test]
    fn noisy_logs_more_than_a_call_may() {
        let walk = with("noisy").run();

        let bytes: usize = walk.node("act").log.iter().map(|(_, line)| line.len()).sum();
        assert!(bytes > 64 << 10);
    }
}
