//! Slugs: the last part of an article's address.

use deunicode::deunicode;

/// Characters of a slug.
const MAX: usize = 100;
/// Characters of a slug made from a title, so that a number fits behind it.
const MAX_DERIVED: usize = 79;

/// First segments of paths that are routes, or will be.
const RESERVED: &[&str] = &[
    "account",
    "activities",
    "actors",
    "admin",
    "api",
    "assets",
    "audit",
    "backups",
    "behaviors",
    "deliveries",
    "drafts",
    "dry-run",
    "effects",
    "erasures",
    "feed",
    "flows",
    "inbox",
    "livez",
    "login",
    "logout",
    "media",
    "metrics",
    "new",
    "nodeinfo",
    "objects",
    "outbox",
    "peers",
    "readyz",
    "replays",
    "search",
    "settings",
    "tags",
    "tokens",
    "users",
];

/// Whether a slug would hide a route.
pub(super) fn is_reserved(slug: &str) -> bool {
    RESERVED.binary_search(&slug).is_ok()
}

/// Whether a text is a slug: `[a-z0-9-]{1,100}`.
pub(super) fn is_slug(text: &str) -> bool {
    (1..=MAX).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The slug of a title: transliterated, words joined by hyphens, `post` where nothing is left.
pub(super) fn of_title(title: &str) -> String {
    let plain = title.replace(['\'', '’', '‘'], "");
    let mut slug = String::new();
    let words = deunicode(&plain).to_ascii_lowercase();
    for word in words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let room = MAX_DERIVED.saturating_sub(slug.len() + usize::from(!slug.is_empty()));
        if word.len() > room && !slug.is_empty() {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(&word[..word.len().min(room)]);
    }
    if slug.is_empty() { "post".to_owned() } else { slug }
}

/// The `n`-th slug of those that begin alike: the first bare, then `-2`, `-3` …
pub(super) fn numbered(base: &str, n: u64) -> String {
    if n <= 1 { base.to_owned() } else { format!("{base}-{n}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_transliterated() {
        for (title, slug) in [
            ("Hello, World!", "hello-world"),
            ("Grüße aus Köln", "grusse-aus-koln"),
            ("北京 news", "bei-jing-news"),
            ("Don't panic", "dont-panic"),
            ("  --  ", "post"),
            ("…", "post"),
            ("", "post"),
            ("🌹", "rose"),
        ] {
            let made = of_title(title);
            assert_eq!(made, slug, "{title}");
            assert!(is_slug(&made));
        }
    }

    #[test]
    fn long_titles_end_at_a_word_and_leave_room_for_a_number() {
        let slug = of_title(&"rosehip ".repeat(30));
        assert!(slug.len() <= MAX_DERIVED && slug.ends_with("rosehip"), "{slug}");
        assert_eq!(of_title(&"x".repeat(300)).len(), MAX_DERIVED);
        assert!(is_slug(&numbered(&of_title(&"x".repeat(300)), u64::MAX)));
    }

    #[test]
    fn routes_are_reserved() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("new") && is_reserved("flows") && !is_reserved("news"));
        assert_eq!(numbered("new", 2), "new-2");
    }

    #[test]
    fn what_is_no_slug() {
        assert!(!is_slug("") && !is_slug("A") && !is_slug("a/b") && !is_slug("ä") && !is_slug(&"a".repeat(101)));
    }
}
