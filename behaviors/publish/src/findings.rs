//! What is right and wrong with an article.

use rosehip_sdk::Article;
use rosehip_sdk::effect::Finding;

use crate::body::{self, Piece};

/// A title longer than this is cut by most that show it.
const TITLE_CHARS: usize = 200;

/// Every finding about an article: title, slug, body, then its links and images in their order.
pub(crate) fn of(article: &Article) -> Vec<Finding> {
    let pieces = body::pieces(&article.content);
    let mut findings = Vec::new();
    findings.extend(title(&article.name));
    findings.extend(slug(&article.slug));
    findings.extend(has_content(&pieces));
    findings.extend(pieces.iter().filter_map(piece));
    findings
}

fn title(title: &str) -> Option<Finding> {
    if title.trim().is_empty() {
        return Some(Finding::error("title", "required", "The article has no title."));
    }
    let too_long = title.chars().count() > TITLE_CHARS;
    too_long.then(|| Finding::warning("title", "length", format!("The title is longer than {TITLE_CHARS} characters.")))
}

fn slug(slug: &str) -> Option<Finding> {
    if slug.is_empty() {
        return Some(Finding::error("slug", "required", "The article has no slug."));
    }
    let words = slug.split('-').all(|word| !word.is_empty() && word.chars().all(is_plain));
    (!words).then(|| {
        let message = format!("The slug \"{slug}\" is not made of lower-case letters, digits and single hyphens.");
        Finding::error("slug", "format", message)
    })
}

fn is_plain(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit()
}

fn has_content(pieces: &[Piece]) -> Option<Finding> {
    let says_something = pieces.iter().any(|piece| match piece {
        Piece::Text(text) | Piece::Code(text) => !text.trim().is_empty(),
        Piece::Image { .. } => true,
        Piece::Link(_) | Piece::Break => false,
    });
    (!says_something).then(|| Finding::error("body", "required", "The article has no body."))
}

fn piece(piece: &Piece) -> Option<Finding> {
    match piece {
        Piece::Link(target) => link(target),
        Piece::Image { source, alt } => image(source, alt.as_deref()),
        Piece::Text(text) => unfinished(text),
        Piece::Code(_) | Piece::Break => None,
    }
}

fn link(target: &str) -> Option<Finding> {
    match check(target)? {
        Flaw::Empty => Some(Finding::error("body", "link-empty", "A link goes nowhere.")),
        Flaw::Malformed => {
            Some(Finding::error("body", "link-malformed", format!("The link {target} is not a working address.")))
        }
        Flaw::Relative => {
            let message = format!("The link {target} only works on this site; use its full address.");
            Some(Finding::warning("body", "link-relative", message))
        }
    }
}

fn image(source: &str, alt: Option<&str>) -> Option<Finding> {
    if matches!(check(source), Some(Flaw::Empty | Flaw::Malformed)) {
        let message = format!("The image \"{source}\" has no working address.");
        return Some(Finding::error("body", "image-source", message));
    }
    let described = alt.is_some_and(|alt| !alt.trim().is_empty());
    (!described).then(|| {
        Finding::warning("body", "image-alt", format!("The image {source} has no text for those who do not see it."))
    })
}

/// Markdown leaves the signs of a link that it could not read in the text.
fn unfinished(text: &str) -> Option<Finding> {
    let at = text.find("](")?;
    let from = text[..at].rfind('[').unwrap_or(at);
    let shown: String = text[from..].chars().take(60).collect();
    Some(Finding::error("body", "link-syntax", format!("A link is not finished: {}", shown.trim())))
}

/// What is wrong with where a link goes.
enum Flaw {
    Empty,
    Malformed,
    Relative,
}

/// Looks at an address as RFC 3986 §3 splits it, as far as that tells a slip from a choice.
fn check(target: &str) -> Option<Flaw> {
    let target = target.trim();
    if target.is_empty() || target == "#" {
        return Some(Flaw::Empty);
    }
    if target.starts_with('#') {
        return None;
    }
    if target.contains(|char: char| char.is_whitespace() || char.is_control() || "<>\"{}|\\^`".contains(char)) {
        return Some(Flaw::Malformed);
    }
    let Some((scheme, rest)) = scheme_of(target) else { return Some(Flaw::Relative) };
    let well_formed = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.strip_prefix("//").is_some_and(has_host),
        "mailto" => rest.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
        _ => !rest.is_empty(),
    };
    (!well_formed).then_some(Flaw::Malformed)
}

fn scheme_of(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once(':')?;
    let starts_well = scheme.starts_with(|char: char| char.is_ascii_alphabetic());
    let goes_on = scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    (starts_well && goes_on).then_some((scheme, rest))
}

/// Whether what follows `//` begins with a host: not empty, and no empty label in it.
fn has_host(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return host.contains(']');
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.trim_end_matches('.').split('.').all(|label| !label.is_empty())
}
