//! Keys as text: the armour of RFC 7468, read leniently, because peers break lines where they like.

use data_encoding::BASE64;

/// A text around bytes (RFC 7468 §2): `-----BEGIN label-----`, lines of 64 characters, `-----END label-----`.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        lines.push(line.to_owned());
        rest = after;
    }
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}

/// The bytes within the one armour of this label, wherever its lines are broken; none where there is another text beside it.
pub(super) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix(&*format!("-----BEGIN {label}-----"))?;
    let inner = inner.strip_suffix(&*format!("-----END {label}-----"))?;
    let base64: String = inner.split_ascii_whitespace().collect();
    BASE64.decode(base64.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_may_be_broken_anywhere_and_nothing_else_may_stand_there() {
        let text = encode("PUBLIC KEY", &[7; 60]);
        assert_eq!(text.lines().map(str::len).collect::<Vec<_>>(), [26, 64, 16, 24]);
        assert_eq!(decode("PUBLIC KEY", &text), Some(vec![7; 60]));
        assert_eq!(decode("PUBLIC KEY", &text.replace('\n', "\r\n")), Some(vec![7; 60]));
        assert_eq!(decode("PUBLIC KEY", &text.replace('\n', "")), Some(vec![7; 60]));
        assert_eq!(decode("RSA PUBLIC KEY", &text), None);
        for other in [format!("x{text}"), format!("{text}x"), format!("{text}{text}"), text.replace("BwcH", "Bw:H")] {
            assert_eq!(decode("PUBLIC KEY", &other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(decode("PRIVATE KEY", &encode("PRIVATE KEY", &bytes)), Some(bytes));
        }

        #[test]
        fn no_text_is_too_odd_to_be_judged(text in "(-----BEGIN PUBLIC KEY-----)?.{0,80}(-----END PUBLIC KEY-----)?") {
            let _ = decode("PUBLIC KEY", &text);
        }
    }
}
