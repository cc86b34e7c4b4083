//! Passwords: read from stdin, or asked for twice on a terminal. Never an argument, which others could see.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;

use super::exit::Failure;

/// Reads a new password.
pub(super) fn read(from_stdin: bool) -> anyhow::Result<String> {
    if from_stdin {
        return first_line(io::stdin().lock());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask for the password; give --password-stdin").into());
    }
    let password = rpassword::prompt_password("Password: ").context("cannot read the password")?;
    let again = rpassword::prompt_password("Again: ").context("cannot read the password")?;
    anyhow::ensure!(password == again, "the passwords differ");
    Ok(password)
}

fn first_line(mut input: impl io::BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).context("cannot read the password from stdin")?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    anyhow::ensure!(!password.is_empty(), "there is no password on stdin");
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line() {
        let read = |text: &str| first_line(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(read("a secret \r\nmore"), Ok("a secret ".to_owned()));
        assert_eq!(read("a secret"), Ok("a secret".to_owned()));
        assert_eq!(read("\n"), Err("there is no password on stdin".to_owned()));
    }
}
