//! A walk-through's commands and what it shows of their output.

/// A Markdown file with commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The file's name, for messages.
    pub name: String,
    /// The commands of its `console` blocks, in order.
    pub commands: Vec<Command>,
}

/// A command and what it is shown to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line it stands on, from 1.
    pub line: usize,
    /// The command, without prompts.
    pub text: String,
    /// The lines below it, without empty ones at the end.
    pub shown: Vec<String>,
}

impl Document {
    /// Reads the commands of a Markdown text. Output before the first command of a block is an error.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut commands: Vec<Command> = Vec::new();
        let mut lines = text.lines().zip(1..);
        while let Some((line, _)) = lines.next() {
            if line.trim_end() != "```console" {
                continue;
            }
            let block = lines.by_ref().take_while(|(line, _)| line.trim_end() != "```");
            commands.extend(read_block(name, block)?);
        }
        Ok(Self { name: name.to_owned(), commands })
    }
}

fn read_block<'a>(name: &str, block: impl Iterator<Item = (&'a str, usize)>) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for (text, line) in block {
        if let Some(text) = text.strip_prefix("$ ") {
            commands.push(Command { line, text: text.to_owned(), shown: Vec::new() });
            continue;
        }
        let command =
            commands.last_mut().ok_or_else(|| format!("{name}:{line}: output without a command before it"))?;
        // An empty line of a here-document has no blank after its prompt.
        let more = if text == ">" { Some("") } else { text.strip_prefix("> ") };
        match more {
            Some(more) if command.shown.is_empty() => {
                command.text.push('\n');
                command.text.push_str(more);
            }
            Some(_) | None => command.shown.push(text.trim_end().to_owned()),
        }
    }
    for command in &mut commands {
        while command.shown.last().is_some_and(String::is_empty) {
            command.shown.pop();
        }
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: usize, text: &str, shown: &[&str]) -> Command {
        Command { line, text: text.to_owned(), shown: shown.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn commands_are_read_with_what_they_print() {
        let text = "Words.\n\n```console\n$ echo a \\\n>   b\na b\n\n$ true\n```\n```sh\n$ not this\n```\n";
        let document = Document::parse("x.md", text).expect("readable");
        assert_eq!(document.commands, [command(4, "echo a \\\n  b", &["a b"]), command(8, "true", &[])]);
    }

    #[test]
    fn a_command_goes_on_over_an_empty_line() {
        let document =
            Document::parse("x.md", "```console\n$ cat <<E\n> a\n>\n> b\n> E\na\n\nb\n```\n").expect("readable");
        assert_eq!(document.commands, [command(2, "cat <<E\na\n\nb\nE", &["a", "", "b"])]);
    }

    #[test]
    fn output_without_a_command_is_refused_with_its_line() {
        let error = Document::parse("x.md", "```console\nhello\n```").expect_err("no command");
        assert_eq!(error, "x.md:2: output without a command before it");
    }
}
