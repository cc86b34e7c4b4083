//! Markdown to HTML that is safe to show: `CommonMark` through comrak, whatever HTML it holds through ammonia.

use std::sync::LazyLock;

use ammonia::Builder;
use comrak::{Options, markdown_to_html};

/// What a page may hold: ammonia's defaults, and the classes that name a code block's language.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut sanitizer = Builder::default();
    sanitizer.add_tag_attributes("code", ["class"]).add_tag_attributes("a", ["title"]);
    sanitizer.attribute_filter(|element, attribute, value| match (element, attribute) {
        ("code", "class") => value.starts_with("language-").then(|| value.into()),
        _ => Some(value.into()),
    });
    sanitizer
});

/// What people write beyond `CommonMark`. HTML is let through, because the sanitizer comes after.
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.render.r#unsafe = true;
    options
});

/// Marks that begin tags, which the sanitizer's tree grows by.
const MAX_TAGS: usize = 5_000;
/// Characters of `> - * +` and spaces that a line may begin with: each may open a container within the one before.
const MAX_NESTING: usize = 200;

/// Whether a body can be made HTML in reasonable time: nesting costs more the deeper it goes.
pub(super) fn check(markdown: &str) -> Result<(), String> {
    let tags = markdown.bytes().filter(|byte| *byte == b'<').count();
    if tags > MAX_TAGS {
        return Err(format!("has {tags} marks <, at most {MAX_TAGS}"));
    }
    let opens = |c: char| matches!(c, '>' | '-' | '*' | '+' | ' ' | '\t');
    let is_nested = |line: &str| line.chars().take(MAX_NESTING + 1).take_while(|c| opens(*c)).count() > MAX_NESTING;
    match markdown.lines().position(is_nested) {
        Some(line) => Err(format!("line {} is nested more than {MAX_NESTING} deep", line + 1)),
        None => Ok(()),
    }
}

/// The HTML of a body.
pub(super) fn to_html(markdown: &str) -> String {
    sanitize(&markdown_to_html(markdown, &OPTIONS))
}

/// HTML from elsewhere, without what could do harm.
pub(super) fn sanitize(html: &str) -> String {
    SANITIZER.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let html = to_html("# Roses\n\nare *red*, see <https://example.org>\n\n| a |\n|---|\n| 1 |\n");
        assert!(html.contains("<h1>Roses</h1>") && html.contains("<em>red</em>"), "{html}");
        assert!(html.contains(r#"href="https://example.org""#) && html.contains("<table>"), "{html}");
        let code = to_html("```rust\nlet x = 1;\n```\n");
        assert!(code.contains(r#"<code class="language-rust">"#), "{code}");
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        for bad in ["> ".repeat(10_000), "- ".repeat(10_000), "<div>".repeat(40_000), ">".repeat(50_000)] {
            assert!(check(&bad).is_err(), "{}", &bad[..10]);
        }
        assert!(check(&"A line. ".repeat(50_000)).is_ok());
        assert!(check("> > quoted\n\n- a\n  - b\n\n---\n").is_ok());
    }

    #[test]
    fn nothing_that_could_do_harm_gets_through() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
            "<iframe src=\"https://example.org\"></iframe>",
            "<style>body{display:none}</style>",
            "<form action=\"/logout\" method=\"post\"><button>x</button></form>",
            "<svg><script>alert(1)</script></svg>",
            "<p style=\"position:fixed\" class=\"notice\" id=\"main\">x</p>",
            "<code class=\"notice\">x</code>",
        ] {
            let html = to_html(bad).to_lowercase();
            for trace in ["script", "onerror", "<iframe", "<style", "style=", "<form", "<svg", "class=", "id="] {
                assert!(!html.contains(trace), "{bad} left {trace} in {html}");
            }
        }
    }
}
