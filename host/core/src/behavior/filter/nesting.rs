//! How deep the text of a filter nests, found without the parser, whose stack grows with the depth.
//!
//! The tokens are those of the CEL specification's grammar. What this reading is not sure of it refuses, so that the
//! parser never reads brackets where this saw the inside of a string.

use crate::limits::FILTER_DEPTH;

/// Levels that a bracket counts for: the parser's rules nest some eight deep from one to the next.
const BRACKET_LEVELS: usize = 4;

/// Refuses text that nests deeper than [`FILTER_DEPTH`].
///
/// A bracket is [`BRACKET_LEVELS`] levels. Each selection, call, index or operator that follows another in a chain
/// is one, because the tree leans to the left: `a.b.c` is `(a.b).c`.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut frames = vec![Frame::default()];
    let mut closers = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        let frame = frames.last_mut().ok_or("depth: a bracket closes what none opened")?;
        match token {
            Token::Nothing => {}
            Token::Link => frame.links += 1,
            Token::Term => frame.end_term(),
            Token::Choice => {
                frame.end_term();
                frame.choices += 1;
            }
            Token::Item => frame.end_item(),
            Token::Open(closer) => {
                frame.links += 1;
                closers.push(closer);
                frames.push(Frame::default());
            }
            Token::Close(closer) => {
                if closers.pop() != Some(closer) {
                    return Err(format!("depth: {closer:?} closes what none opened"));
                }
                let inside = frames.pop().map_or(0, Frame::levels);
                let frame = frames.last_mut().ok_or("depth: a bracket closes what none opened")?;
                frame.child = frame.child.max(inside + BRACKET_LEVELS);
            }
        }
        let open: usize = frames.iter().map(|frame| frame.links + frame.choices).sum();
        within(open + closers.len() * BRACKET_LEVELS)?;
        rest = after;
    }
    match closers.pop() {
        Some(closer) => Err(format!("depth: {closer:?} is missing")),
        None => within(frames.pop().map_or(0, Frame::levels)),
    }
}

fn within(levels: usize) -> Result<(), String> {
    if levels > FILTER_DEPTH {
        return Err(format!("depth: {levels} levels or more, at most {FILTER_DEPTH}"));
    }
    Ok(())
}

/// The levels between two brackets.
#[derive(Default)]
struct Frame {
    /// Operators, selections, calls and indices of the term being read.
    links: usize,
    /// The deepest bracket of that term.
    child: usize,
    /// The deepest term of the item being read. Terms joined by `&&` and `||` stand side by side.
    term: usize,
    /// `?` of the item: each nests in the one before.
    choices: usize,
    /// The deepest item: items are between commas.
    item: usize,
}

impl Frame {
    fn end_term(&mut self) {
        self.term = self.term.max(self.links + self.child);
        (self.links, self.child) = (0, 0);
    }

    fn end_item(&mut self) {
        self.end_term();
        self.item = self.item.max(self.choices + self.term);
        (self.choices, self.term) = (0, 0);
    }

    fn levels(mut self) -> usize {
        self.end_item();
        self.item
    }
}

/// What a token does to the depth.
enum Token {
    Nothing,
    Link,
    Term,
    Choice,
    Item,
    Open(char),
    Close(char),
}

/// The first token of `text`, and what follows it.
fn token(text: &str) -> Result<(Token, &str), String> {
    let bytes = text.as_bytes();
    let (token, length) = match bytes[0] {
        b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' => (Token::Nothing, 1),
        b'/' if bytes.get(1) == Some(&b'/') => (Token::Nothing, text.find('\n').unwrap_or(text.len())),
        b'"' | b'\'' => (Token::Nothing, quoted(text, false)?),
        b'0'..=b'9' => (Token::Nothing, number(text)?),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(text)?,
        b'(' => (Token::Open(')'), 1),
        b'[' => (Token::Open(']'), 1),
        b'{' => (Token::Open('}'), 1),
        closer @ (b')' | b']' | b'}') => (Token::Close(closer.into()), 1),
        b',' => (Token::Item, 1),
        b':' => (Token::Term, 1),
        b'?' => (Token::Choice, 1),
        b'&' if bytes.get(1) == Some(&b'&') => (Token::Term, 2),
        b'|' if bytes.get(1) == Some(&b'|') => (Token::Term, 2),
        b'=' | b'!' | b'<' | b'>' if bytes.get(1) == Some(&b'=') => (Token::Link, 2),
        b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' => (Token::Link, 1),
        _ => return Err(format!("{:?} is no part of CEL", text.chars().next().unwrap_or_default())),
    };
    Ok((token, &text[length..]))
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// A number and the letters on it. A quote right after might belong to a string's prefix or not.
fn number(text: &str) -> Result<usize, String> {
    let length = word_length(text);
    match text.as_bytes().get(length) {
        Some(b'"' | b'\'') => Err(format!("a string right after {:?}", &text[..length])),
        _ => Ok(length),
    }
}

/// A name, an operator in letters, or the prefix of a string and that string.
fn word(text: &str) -> Result<(Token, usize), String> {
    let length = word_length(text);
    let (word, rest) = text.split_at(length);
    if word == "in" {
        return Ok((Token::Link, length));
    }
    let is_quoted = rest.starts_with(['"', '\'']);
    let raw = match word.to_ascii_lowercase().as_str() {
        "r" | "br" => true,
        "b" => false,
        _ => return Ok((Token::Nothing, length)),
    };
    Ok((Token::Nothing, if is_quoted { length + quoted(rest, raw)? } else { length }))
}

/// The length of the string that starts with the quote at the start of `text`.
fn quoted(text: &str, raw: bool) -> Result<usize, String> {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (closer, many_lines) = if text.starts_with(&triple) { (triple.as_str(), true) } else { (quote, false) };
    let mut place = closer.len();
    while !text[place..].starts_with(closer) {
        let rest = &text[place..];
        place += match rest.chars().next() {
            None => return Err("a string does not end".to_owned()),
            Some('\n' | '\r') if !many_lines => return Err("a string does not end on its line".to_owned()),
            Some('\\') if !raw => escape(rest)?,
            Some(other) => other.len_utf8(),
        };
    }
    Ok(place + closer.len())
}

/// The length of the escape at the start of `text`.
fn escape(text: &str) -> Result<usize, String> {
    let (kind, digits) = (text[1..].chars().next(), text.get(2..).unwrap_or_default());
    let hexadecimal = |count: usize| digits.len() >= count && digits.bytes().take(count).all(|d| d.is_ascii_hexdigit());
    let octal = |digit: u8| (b'0'..=b'7').contains(&digit);
    let length = match kind {
        Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`') => Some(2),
        Some('x' | 'X') if hexadecimal(2) => Some(4),
        Some('u') if hexadecimal(4) => Some(6),
        Some('U') if hexadecimal(8) => Some(10),
        Some('0'..='3') if digits.len() >= 2 && digits.bytes().take(2).all(octal) => Some(4),
        _ => None,
    };
    length.ok_or_else(|| format!("\\{} is no escape", kind.map(String::from).unwrap_or_default()))
}
