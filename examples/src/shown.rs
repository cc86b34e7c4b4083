//! Whether output is what a document shows, and where it is not.

/// A shown line that stands for any lines, or none.
const ANY_LINES: &str = "[…]";
/// What stands for any text within a shown line.
const ANY_TEXT: char = '…';

/// Whether the printed lines are the shown ones.
pub(crate) fn is_as_shown(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == ANY_LINES => {
            (0..=printed.len()).any(|skipped| is_as_shown(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, more)| is_line(first, line) && is_as_shown(rest, more))
        }
    }
}

/// Whether a printed line is a shown one.
fn is_line(shown: &str, printed: &str) -> bool {
    let Some((head, rest)) = shown.split_once(ANY_TEXT) else { return shown == printed };
    let Some(mut left) = printed.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split(ANY_TEXT).collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(tail)
}

/// Both, line by line: `-` is shown and not printed, `+` is printed and not shown.
pub(crate) fn difference(shown: &[String], printed: &[String]) -> String {
    let alike = shown.iter().zip(printed).take_while(|(shown, printed)| is_line(shown, printed)).count();
    let (before, shown, printed) = (&printed[..alike], &shown[alike..], &printed[alike..]);
    let ending =
        shown.iter().rev().zip(printed.iter().rev()).take_while(|(shown, printed)| is_line(shown, printed)).count();
    let (shown, (printed, after)) = (&shown[..shown.len() - ending], printed.split_at(printed.len() - ending));
    let marked = |mark: &'static str, lines: &[String]| {
        lines.iter().map(|line| format!("{mark} {line}\n")).collect::<Vec<_>>().concat()
    };
    format!("{}{}{}{}", marked(" ", before), marked("-", shown), marked("+", printed), marked(" ", after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_mark_stands_for_any_text() {
        assert!(is_line("ok: … entries, … head …", "ok: 18 entries, signed, head ab"));
        assert!(is_line("…b", "b"));
        assert!(is_line("a…", "a…"));
        assert!(!is_line("ok: … entries", "ok: 18 entries, and more"));
        assert!(!is_line("ab…ba", "aba"));
    }

    #[test]
    fn a_line_stands_for_any_lines() {
        assert!(is_as_shown(&lines("a\n[…]\nz"), &lines("a\nb\nc\nz")));
        assert!(is_as_shown(&lines("[…]"), &[]));
        assert!(!is_as_shown(&lines("a\n[…]\nz"), &lines("a\nb")));
        assert!(!is_as_shown(&[], &lines("a")));
    }

    #[test]
    fn a_difference_shows_where_it_is() {
        assert_eq!(difference(&lines("a\nb\nd"), &lines("a\nc\nd")), "  a\n- b\n+ c\n  d\n");
    }
}
