//! Reads the HTML that the host rendered and sanitized. It is well formed, so this is a scanner of tags, not a parser
//! of whatever the web may hold; of what it does not understand it makes text, never a failure.

/// A piece of a body, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text between tags, entities resolved.
    Text(String),
    /// Text inside `code` or `pre`.
    Code(String),
    /// Where an `a` goes.
    Link(String),
    /// An `img`.
    Image { source: String, alt: Option<String> },
    /// The start or end of any other element that is not part of a line of text.
    Break,
}

/// Elements that stand within a line of text.
const INLINE: [&str; 18] = [
    "a", "abbr", "b", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "s", "small", "span", "strong", "sub",
    "sup", "u",
];

/// Splits a body into pieces.
pub(crate) fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut code_depth = 0_usize;
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        push_text(&mut pieces, text, code_depth > 0);
        let Some((tag, after)) = tag(tail) else {
            push_text(&mut pieces, tail, code_depth > 0);
            break;
        };
        match (tag.name.as_str(), tag.closes) {
            ("code" | "pre", false) => code_depth += 1,
            ("code" | "pre", true) => code_depth = code_depth.saturating_sub(1),
            ("a", false) => pieces.extend(tag.attribute("href").map(Piece::Link)),
            ("img", _) => pieces
                .push(Piece::Image { source: tag.attribute("src").unwrap_or_default(), alt: tag.attribute("alt") }),
            _ => {}
        }
        if !INLINE.contains(&tag.name.as_str()) {
            pieces.push(Piece::Break);
        }
        rest = after;
    }
    pieces
}

/// The first `chars` characters of the text of a body, on one line, cut at a word.
pub(crate) fn excerpt(html: &str, chars: usize) -> String {
    let mut text = String::new();
    for piece in pieces(html) {
        match piece {
            Piece::Text(piece) | Piece::Code(piece) => text.push_str(&piece),
            Piece::Break => text.push(' '),
            Piece::Link(_) | Piece::Image { .. } => {}
        }
    }
    let mut excerpt = String::new();
    let mut taken = 0;
    for word in text.split_whitespace() {
        taken += word.chars().count() + 1;
        if taken > chars {
            excerpt.push('…');
            break;
        }
        if !excerpt.is_empty() {
            excerpt.push(' ');
        }
        excerpt.push_str(word);
    }
    excerpt
}

/// Appends text, to the text before it if there is some, since an inline tag ends no sentence.
fn push_text(pieces: &mut Vec<Piece>, text: &str, code: bool) {
    if text.is_empty() {
        return;
    }
    let text = unescape(text);
    match (pieces.last_mut(), code) {
        (Some(Piece::Text(before)), false) | (Some(Piece::Code(before)), true) => before.push_str(&text),
        (_, false) => pieces.push(Piece::Text(text)),
        (_, true) => pieces.push(Piece::Code(text)),
    }
}

struct Tag<'a> {
    /// In lower case.
    name: String,
    closes: bool,
    attributes: &'a str,
}

/// Splits a tag off the text that begins with its `<`. A `>` in a quoted attribute does not end it.
fn tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    let mut quote = None;
    let end = inner.find(|char| match (quote, char) {
        (None, '>') => true,
        (None, '"' | '\'') => {
            quote = Some(char);
            false
        }
        (Some(open), _) => {
            if open == char {
                quote = None;
            }
            false
        }
        (None, _) => false,
    })?;
    let (tag, after) = (&inner[..end], &inner[end + 1..]);
    let closes = tag.starts_with('/');
    let tag = tag.trim_start_matches('/').trim_end_matches('/');
    let (name, attributes) = tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()));
    Some((Tag { name: name.to_ascii_lowercase(), closes, attributes }, after))
}

impl Tag<'_> {
    /// An attribute's value, entities resolved.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes.trim_start();
        while !rest.is_empty() {
            let (name, after) =
                rest.split_at(rest.find(|char: char| char == '=' || char.is_whitespace()).unwrap_or(rest.len()));
            let (value, after) = value(after.trim_start());
            if name.eq_ignore_ascii_case(wanted) {
                return Some(unescape(value));
            }
            rest = after.trim_start();
        }
        None
    }
}

/// Splits an attribute's value, if it has one, off the text after its name.
fn value(text: &str) -> (&str, &str) {
    let Some(text) = text.strip_prefix('=') else { return ("", text) };
    let text = text.trim_start();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// Resolves the entities that an HTML serializer writes (HTML §13.3) and numeric ones.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (char, length) = entity(rest).unwrap_or(('&', 1));
        plain.push(char);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

/// The character of the entity that the text begins with, and its length in bytes.
fn entity(text: &str) -> Option<(char, usize)> {
    let (name, _) = text[1..].split_once(';')?;
    let char = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let hexadecimal = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?)?
        }
    };
    Some((char, name.len() + 2))
}
