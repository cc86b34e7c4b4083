//! A module before it is bound to a name: admitted, compiled, described twice, and held against this host's runners.

use std::{sync::Arc, thread::Builder};

use rosehip_adapters::engine::runners;
use rosehip_core::{
    behavior::{Behavior, ManifestError, bind},
    guest::{GuestEngine, GuestError, GuestFailure, GuestLogLine, GuestRefused, GuestReport, Surroundings},
    ids::Digest,
    limits::{GUEST_THREAD_STACK_BYTES, REFUSAL_LOG_LINE_CHARS, REFUSAL_LOG_LINES},
};
use tokio::sync::oneshot;

use super::{Host, InstallError};

/// How far checking a module stands back, of 19.
const NICENESS: i32 = 10;
/// How often a module is loaded that leaves memory before it is called: others may push it out.
const LOADS: u8 = 3;
/// The rule by which the engine says that compiling did not begin, which says nothing about the module.
const COMPILE_HOST: &str = "compile-host";

/// A module that passed every check, and what it says it is.
#[derive(Debug)]
pub struct Admitted {
    /// Its digest.
    pub digest: Digest,
    /// What it says it is.
    pub behavior: Behavior,
    /// Its bytes.
    pub wasm: Arc<Vec<u8>>,
    /// Fuel that saying so took.
    pub describe_fuel: u64,
}

impl Host {
    /// Checks a module on a thread of its own, which stands back behind calls and requests. Nothing is kept or recorded.
    pub(super) async fn admit(&self, wasm: Vec<u8>) -> Result<Admitted, InstallError> {
        let guests = Arc::clone(&self.guests);
        let (answer, answered) = oneshot::channel();
        let work = move || {
            // It goes on without, if it must.
            let _ = rustix::process::nice(NICENESS);
            let mut log = Vec::new();
            let checked = check(&*guests, wasm, &mut log).map_err(|error| with_last_lines(error, &log));
            // Whoever asked may be gone.
            let _ = answer.send(checked);
        };
        let thread = Builder::new().name("admission".to_owned()).stack_size(GUEST_THREAD_STACK_BYTES).spawn(work);
        thread.map_err(|error| InstallError::Host { rule: "thread", message: error.to_string() })?;
        let panicked = |_| refused("panic", "checking the module panicked; the host's log has more".to_owned());
        answered.await.map_err(panicked)?
    }
}

/// Checks a module as it is checked before it is installed: it is admitted, compiled, described twice, and held against
/// this host's runners. What it logs meanwhile is added to `log`. Call it on a thread that may call guests.
pub fn check(guests: &dyn GuestEngine, wasm: Vec<u8>, log: &mut Vec<GuestLogLine>) -> Result<Admitted, InstallError> {
    let digest = Digest::of(&wasm);
    let (manifest, describe_fuel) = describe(guests, digest, &wasm, 0, log)?;
    if describe(guests, digest, &wasm, 1, &mut Vec::new())?.0 != manifest {
        let message = "two calls of describe, with another time and other random bytes, gave two manifests";
        return Err(refused("describe-differs", message.to_owned()));
    }
    let behavior = Behavior::parse(&manifest).map_err(|error| of_manifest(&error))?;
    bind(&behavior.needs, &runners()).map_err(|error| refused(error.rule, error.message))?;
    Ok(Admitted { digest, behavior, wasm: Arc::new(wasm), describe_fuel })
}

/// Loads a module, unless it is loaded, and has it describe itself. Gives the manifest and the fuel it took.
fn describe(
    guests: &dyn GuestEngine,
    digest: Digest,
    wasm: &[u8],
    round: u8,
    log: &mut Vec<GuestLogLine>,
) -> Result<(String, u64), InstallError> {
    let describe = || guests.describe(digest, &Surroundings::of_describe(round));
    let mut report = call_loaded(guests, digest, wasm, &describe)?;
    log.append(&mut report.log);
    let manifest = report.result.map_err(|failure| match failure {
        GuestFailure::Stopped { rule, message } | GuestFailure::Host { rule, message } => {
            refused(rule, format!("describe: {message}"))
        }
        GuestFailure::Retry(message) | GuestFailure::Fatal(message) => refused("describe", message),
    })?;
    Ok((manifest, report.fuel))
}

/// Calls a module, which is loaded before and again where others push it out.
pub fn call_loaded(
    guests: &dyn GuestEngine,
    digest: Digest,
    wasm: &[u8],
    call: &dyn Fn() -> Result<GuestReport, GuestError>,
) -> Result<GuestReport, InstallError> {
    for _ in 0..LOADS {
        guests.load(digest, wasm)?;
        match call() {
            Ok(report) => return Ok(report),
            Err(GuestError::NotLoaded(_)) => {}
        }
    }
    let message = format!("module {digest} does not stay in memory");
    Err(InstallError::Host { rule: "module-evicted", message })
}

pub(super) fn refused(rule: impl Into<String>, message: String) -> InstallError {
    InstallError::Refused { rule: rule.into(), message, breaches: Vec::new() }
}

/// Everything that is wrong with a manifest.
fn of_manifest(error: &ManifestError) -> InstallError {
    // The first rule stands before the message already.
    let told = error.to_string();
    let message = told.strip_prefix(error.rule).and_then(|told| told.strip_prefix(": ")).unwrap_or(&told).to_owned();
    let breaches = error.breaches().map(|breach| ManifestError { more: Vec::new(), ..breach.clone() }).collect();
    InstallError::Refused { rule: error.rule.to_owned(), message, breaches }
}

/// A refusal with the last lines that the module logged: they say what a toolchain's own words for its end do not.
fn with_last_lines(error: InstallError, log: &[GuestLogLine]) -> InstallError {
    let InstallError::Refused { rule, message, breaches } = error else { return error };
    let lines: Vec<_> =
        log.iter().flat_map(|line| line.message.lines()).filter(|line| !line.trim().is_empty()).collect();
    // Of a long line the beginning says more than the end.
    let shorten = |line: &&str| line.chars().take(REFUSAL_LOG_LINE_CHARS).collect::<String>();
    let last: Vec<_> = lines[lines.len().saturating_sub(REFUSAL_LOG_LINES)..].iter().map(shorten).collect();
    match last.join("\n").as_str() {
        "" => InstallError::Refused { rule, message, breaches },
        shown => {
            let message = format!("{message}\nthe last that it logged:\n{shown}");
            InstallError::Refused { rule, message, breaches }
        }
    }
}

impl From<GuestRefused> for InstallError {
    fn from(GuestRefused { rule, message }: GuestRefused) -> Self {
        match rule {
            COMPILE_HOST => Self::Host { rule, message },
            rule => refused(rule, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::guest::GuestLogLevel;

    use super::*;

    fn refusal(lines: &[&str]) -> String {
        let line = |message: &&str| GuestLogLine { level: GuestLogLevel::Warn, message: (*message).to_owned() };
        let log: Vec<_> = lines.iter().map(line).collect();
        with_last_lines(refused("trap", "describe: it ended".to_owned()), &log).to_string()
    }

    #[test]
    fn a_refusal_tells_the_last_lines_and_no_more_than_fits() {
        assert_eq!(refusal(&[]), "trap: describe: it ended");
        assert_eq!(refusal(&["", "  \n"]), "trap: describe: it ended");
        let told = refusal(&["one", "two\n\nthree", "four", "five\n\tsix"]);
        assert_eq!(told, "trap: describe: it ended\nthe last that it logged:\ntwo\nthree\nfour\nfive\n\tsix");
        let long = refusal(&[&"ä".repeat(2 * REFUSAL_LOG_LINE_CHARS), "ValueError: the last says why"]);
        let told = long.split_once("logged:\n").expect("it tells").1;
        assert_eq!(told, format!("{}\nValueError: the last says why", "ä".repeat(REFUSAL_LOG_LINE_CHARS)));
    }

    #[test]
    fn a_compiler_that_did_not_start_is_no_fault_of_the_module() {
        let of = |rule| InstallError::from(GuestRefused { rule, message: String::new() });
        assert!(matches!(of(COMPILE_HOST), InstallError::Host { rule: COMPILE_HOST, .. }));
        assert!(matches!(of("compile"), InstallError::Refused { .. }));
    }
}
