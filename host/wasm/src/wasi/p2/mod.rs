//! WASI preview 2 (0.2.x) for components: `cli`, `clocks`, `filesystem`, `io`, `random` and `sockets`.
//!
//! Each interface is defined once, as 0.2.0: wasmtime matches it with any 0.2.x that a component names, and functions
//! that came later are defined beside the first ones. No handle can be forged, so that functions of a resource that
//! nothing hands out are never called; they are defined only so that components that import them link.

mod cli;
mod clocks;
mod handles;
mod io;
mod random;
mod unreachable;

use wasmtime::component::{Linker, LinkerInstance};

pub(crate) use self::handles::Handles;
use crate::call::CallState;

/// The release that is defined.
const VERSION: &str = "0.2.0";

/// Defines all interfaces of [`is_known`].
pub(crate) fn define(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    for (name, define) in INTERFACES {
        define(&mut linker.instance(&format!("{name}@{VERSION}"))?)?;
    }
    Ok(())
}

/// Whether `import` is an interface that is defined here, in any release of 0.2.
pub(crate) fn is_known(import: &str) -> bool {
    let Some((name, version)) = import.split_once('@') else { return false };
    let is_release = version.strip_prefix("0.2.").is_some_and(|patch| patch.parse::<u32>().is_ok());
    is_release && INTERFACES.iter().any(|(known, _)| *known == name)
}

type Define = fn(&mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()>;

const INTERFACES: [(&str, Define); 27] = [
    ("wasi:cli/environment", cli::environment),
    ("wasi:cli/exit", cli::exit),
    ("wasi:cli/stdin", cli::stdin),
    ("wasi:cli/stdout", cli::stdout),
    ("wasi:cli/stderr", cli::stderr),
    ("wasi:cli/terminal-input", cli::terminal_input),
    ("wasi:cli/terminal-output", cli::terminal_output),
    ("wasi:cli/terminal-stdin", cli::terminal_stdin),
    ("wasi:cli/terminal-stdout", cli::terminal_stdout),
    ("wasi:cli/terminal-stderr", cli::terminal_stderr),
    ("wasi:clocks/monotonic-clock", clocks::monotonic),
    ("wasi:clocks/wall-clock", clocks::wall),
    ("wasi:filesystem/preopens", unreachable::preopens),
    ("wasi:filesystem/types", unreachable::files),
    ("wasi:io/error", unreachable::error),
    ("wasi:io/poll", io::poll),
    ("wasi:io/streams", io::streams),
    ("wasi:random/insecure", random::insecure),
    ("wasi:random/insecure-seed", random::insecure_seed),
    ("wasi:random/random", random::random),
    ("wasi:sockets/instance-network", unreachable::instance_network),
    ("wasi:sockets/ip-name-lookup", unreachable::ip_name_lookup),
    ("wasi:sockets/network", unreachable::network),
    ("wasi:sockets/tcp", unreachable::tcp),
    ("wasi:sockets/tcp-create-socket", unreachable::tcp_create_socket),
    ("wasi:sockets/udp", unreachable::udp),
    ("wasi:sockets/udp-create-socket", unreachable::udp_create_socket),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_0_2_are_known_and_nothing_else() {
        for import in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.10", "wasi:cli/exit@0.2.3"] {
            assert!(is_known(import), "{import}");
        }
        for import in [
            "wasi:io/poll",
            "wasi:io/poll@0.2",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/poll@0.2.",
            "wasi:http/types@0.2.0",
            "wasi:cli/run@0.2.0",
            "other:io/poll@0.2.0",
        ] {
            assert!(!is_known(import), "{import}");
        }
    }
}
