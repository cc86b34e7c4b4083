//! The media types of federation, as `Content-Type` and `Accept` name them (RFC 9110 §8.3).

/// `ActivityStreams` 2.0 (W3C AS2 §8).
pub const ACTIVITY: &str = "application/activity+json";
/// The same, as JSON-LD with its profile (ActivityPub §3.2).
pub const LINKED_DATA: &str = r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#;
/// What a request for an actor or an activity accepts.
pub const ACCEPTS_ACTIVITY: &str =
    r#"application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams""#;
/// JSON Resource Descriptors (RFC 7033 §10.2).
pub const JRD: &str = "application/jrd+json";
/// What a request to `WebFinger` accepts.
pub const ACCEPTS_JRD: &str = "application/jrd+json, application/json";

/// The profile that makes JSON-LD `ActivityStreams`.
const PROFILE: &str = "https://www.w3.org/ns/activitystreams";

/// Whether a content of this type is `ActivityStreams`: one of [`ACTIVITY`] and [`LINKED_DATA`]. Plain JSON and JSON-LD
/// of no profile are not, because they may be what some user has uploaded.
pub fn is_activity(content_type: &str) -> bool {
    let (essence, parameters) = parts(content_type);
    if essence.eq_ignore_ascii_case("application/ld+json") {
        return parameters.split(';').any(is_profile);
    }
    essence.eq_ignore_ascii_case(ACTIVITY)
}

/// Whether a content of this type may be a JSON Resource Descriptor. Many hosts call it plain JSON.
pub fn is_jrd(content_type: &str) -> bool {
    let (essence, _) = parts(content_type);
    [JRD, "application/json"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

fn parts(content_type: &str) -> (&str, &str) {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    (essence.trim(), parameters)
}

/// A profile is a list of URIs (RFC 6906 §3), which hold no semicolon here, so that quotes need no further reading.
fn is_profile(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    name.trim().eq_ignore_ascii_case("profile") && value.split_ascii_whitespace().any(|profile| profile == PROFILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_activity_streams() {
        for text in [
            ACTIVITY,
            LINKED_DATA,
            "Application/Activity+JSON; charset=utf-8",
            r#"application/ld+json;charset=utf-8;PROFILE="https://www.w3.org/ns/activitystreams""#,
            "application/ld+json; profile=https://www.w3.org/ns/activitystreams",
            r#"application/ld+json; profile="https://a.example https://www.w3.org/ns/activitystreams""#,
        ] {
            assert!(is_activity(text), "{text}");
        }
        for text in [
            "",
            "application/json",
            "application/ld+json",
            "text/html",
            r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams2""#,
            r#"text/plain; profile="https://www.w3.org/ns/activitystreams""#,
            "application/activity+jsonp",
        ] {
            assert!(!is_activity(text), "{text}");
        }
    }

    #[test]
    fn a_descriptor_is_jrd_or_json() {
        assert!(is_jrd("application/jrd+json; charset=utf-8") && is_jrd("application/json"));
        assert!(!is_jrd("text/html") && !is_jrd(ACTIVITY) && !is_jrd(""));
    }
}
