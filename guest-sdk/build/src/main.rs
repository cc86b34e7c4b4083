//! `rosehip-guest-build CRATE OUT.wasm` builds the guest crate in a directory and writes its component to a file.
//! What it builds in between stays in `target/guests` of the working directory.

use std::{env, fs, path::Path};

use rosehip_guest_build::{BuildError, build_guest};

fn main() -> Result<(), BuildError> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [crate_dir, out] = &arguments[..] else {
        eprintln!("usage: rosehip-guest-build CRATE_DIRECTORY OUT.wasm");
        std::process::exit(2);
    };
    let (crate_dir, out) = (Path::new(crate_dir), Path::new(out));
    // Kept between builds, and not the directory that is locked by a cargo which runs this.
    let here = env::current_dir().map_err(|source| BuildError::File { path: ".".into(), source })?;
    let target_dir = here.join("target/guests");
    let guest = build_guest(crate_dir, &target_dir)?;
    for note in &guest.notes {
        eprintln!("{note}");
    }
    fs::write(out, &guest.component).map_err(|source| BuildError::File { path: out.to_owned(), source })?;
    eprintln!("{}: {} bytes", out.display(), guest.component.len());
    Ok(())
}
