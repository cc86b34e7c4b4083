//! What commands write to stdout: tables, text and JSON.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{ContentArrangement, presets};
use serde::Serialize;

/// The width of a terminal, in columns, from which on cells are wrapped to fit.
const WRAPPED_FROM: u16 = 80;

/// Whoever read stdout has closed it, as `head` does. The command ends quietly.
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub(super) struct Closed;

/// Writes to stdout. Styles are left out where they are not shown.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Closed.into()),
        Err(error) => Err(error).context("cannot write to stdout"),
    }
}

/// Writes a line to stderr, for people.
pub(super) fn say(line: &str) {
    // What is said there is no result; a command goes on without it.
    let _unread = writeln!(anstream::stderr(), "{line}");
}

/// Writes a value to stdout as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("the answer cannot be written as JSON")?;
    print(&format!("{text}\n"))
}

/// Rows under headings: drawn on a terminal; elsewhere one line a row, its cells apart by tabs, without headings.
#[derive(Debug)]
pub(super) struct Table {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &'static [&'static str]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    /// Writes it to stdout; that there are no rows is said on stderr.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            say("there are none");
            return Ok(());
        }
        print(&if io::stdout().is_terminal() { self.drawn() } else { self.tabbed() })
    }

    fn drawn(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        // On a narrower terminal broken cells are worse to read than broken lines.
        if table.width().is_some_and(|width| width >= WRAPPED_FROM) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(self.headings.iter().map(|heading| heading.to_uppercase()));
        table.add_rows(&self.rows);
        format!("{}\n", table.trim_fmt())
    }

    fn tabbed(&self) -> String {
        self.rows.iter().map(|row| row.join("\t") + "\n").collect()
    }
}

/// Text without what would move the cursor or break a row: other people's words are shown here.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text cut to `chars` characters.
pub(super) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Text in the colour of a status.
pub(super) fn status(word: &str) -> String {
    let style = match word {
        "completed" | "done" | "dispatched" => AnsiColor::Green.on_default(),
        "failed" | "dead" | "denied" => AnsiColor::Red.on_default(),
        "running" | "suspended" | "retrying" | "attempting" | "recorded" | "unhandled" => {
            AnsiColor::Yellow.on_default()
        }
        _ => return dim(word),
    };
    styled(word, style)
}

/// A tick or a cross.
pub(super) fn mark(is_good: bool) -> String {
    match is_good {
        true => styled("✓", AnsiColor::Green.on_default()),
        false => styled("✗", AnsiColor::Red.on_default()),
    }
}

/// Text that matters less.
pub(super) fn dim(text: &str) -> String {
    styled(text, Style::new().dimmed())
}

/// Text that matters more.
pub(super) fn bold(text: &str) -> String {
    styled(text, Style::new().bold())
}

fn styled(text: &str, style: Style) -> String {
    format!("{style}{}{style:#}", plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_rows_whatever_is_in_them() {
        let mut table = Table::new(&["id", "title"]);
        table.row(["1".to_owned(), "two\nlines\tand \u{1b}[31mred".to_owned()]);
        assert_eq!(table.tabbed(), "1\ttwo lines and  [31mred\n");
        insta::assert_snapshot!(table.drawn(), @r#"
        ID  TITLE
        1   two lines and  [31mred
        "#);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("grün", 4), "grün");
        assert_eq!(cut("grüner", 3), "grü…");
    }
}
