//! Walk-throughs that are executed as tests, so that they cannot rot.
//!
//! A walk-through is a Markdown file. Its fenced `console` blocks hold commands, each after `$ ` (and `> ` where it
//! goes on), followed by what they print. All commands of a document are given to one shell, one after the other;
//! what each prints, on stdout and stderr together, must be what the document shows. `…` in a shown line stands for
//! any text, a line that is only `[…]` for any lines. A command that fails, fails its document.

mod document;
mod session;
mod shown;

pub use document::{Command, Document};
pub use session::{Place, Session};

/// Runs a document from its first command to its last. The error says where the document and the shell differ.
pub fn run(document: &Document, place: &Place) -> Result<(), String> {
    let mut session =
        Session::start(place).map_err(|error| format!("{}: bash does not start: {error}", document.name))?;
    for command in &document.commands {
        let at = || format!("{}:{}: $ {}", document.name, command.line, command.text);
        let printed = session.run(&command.text).map_err(|error| format!("{}\n{error}", at()))?;
        if !shown::is_as_shown(&command.shown, &printed.lines) {
            return Err(format!("{}\n{}", at(), shown::difference(&command.shown, &printed.lines)));
        }
        if printed.status != 0 {
            return Err(format!("{}\nit ends with {}\n{}", at(), printed.status, printed.lines.join("\n")));
        }
    }
    Ok(())
}
