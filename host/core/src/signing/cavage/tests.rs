use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use proptest::prelude::*;

use super::*;
use crate::{
    limits::SIGNATURE_TOLERANCE_MS,
    signing::{
        pem,
        rsa::tests::{TOO_SHORT, signer},
    },
};

/// draft-cavage-http-signatures-12 appendix C: the request of its examples.
const TEST_REQUEST: Message<'_> = Message {
    method: "POST",
    target_uri: "https://example.com/foo?param=value&pet=dog",
    headers: &[
        ("Host", "example.com"),
        ("Date", "Sun, 05 Jan 2014 21:31:40 GMT"),
        ("Content-Type", "application/json"),
        ("Digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        ("Content-Length", "18"),
    ],
    body: b"{\"hello\": \"world\"}",
};

fn moment() -> Timestamp {
    "2014-01-05T21:31:41Z".parse().expect("a time")
}

/// The examples' key has 1,024 bits, which is no key here.
fn is_of_the_draft(base: &[u8], signature: &[u8]) -> bool {
    let key = pem::decode("PUBLIC KEY", TOO_SHORT).expect("PEM");
    UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key).verify(base, signature).is_ok()
}

fn base_of(header: &str) -> (Vec<u8>, Vec<u8>) {
    let parsed = CavageSignature::parse(header).expect("it parses");
    assert_eq!(parsed.key_id, "Test");
    let base = signing_string(&TEST_REQUEST, &parsed.covered, parsed.created, parsed.expires).expect("all is there");
    (base, parsed.signature)
}

/// Appendix C.1, which has no list of headers and was made when the default was `date`.
#[test]
fn the_default_test_of_the_draft() {
    let header = "keyId=\"Test\",algorithm=\"rsa-sha256\",headers=\"date\",\
        signature=\"SjWJWbWN7i0wzBvtPl8rbASWz5xQW6mcJmn+ibttBqtifLN7Sazz6m79cNfwwb8DMJ5cou1s7uEGKKCs+FLEEaDV5lp7q25WqS+lavg7T8hc0GppauB6hbgEKTwblDHYGEtbGmtdHgVCk9SuS13F0hZ8FD0k/5OxEPXe5WozsbM=\"";
    let (base, signature) = base_of(header);
    assert_eq!(base, b"date: Sun, 05 Jan 2014 21:31:40 GMT");
    assert!(is_of_the_draft(&base, &signature));
    let bare = header.replace("headers=\"date\",", "");
    assert!(
        CavageSignature::parse(&bare).is_err(),
        "the default of draft 12 is (created), which rsa-sha256 does not know"
    );
}

/// Appendix C.2.
#[test]
fn the_basic_test_of_the_draft() {
    let header = "keyId=\"Test\",algorithm=\"rsa-sha256\",headers=\"(request-target) host date\", \
        signature=\"qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0=\"";
    let (base, signature) = base_of(header);
    let wanted =
        "(request-target): post /foo?param=value&pet=dog\nhost: example.com\ndate: Sun, 05 Jan 2014 21:31:40 GMT";
    assert_eq!(String::from_utf8_lossy(&base), wanted);
    assert!(is_of_the_draft(&base, &signature));
    let parsed = CavageSignature::parse(header).expect("it parses");
    assert_eq!(parsed.check(&TEST_REQUEST, moment(), 60_000), Err(MessageError::NotCovered("digest")));
}

/// Appendix C.3. Its list names `(created)` and `(expires)`, which its signature was made without.
#[test]
fn the_test_of_all_headers_of_the_draft() {
    let header = "keyId=\"Test\",algorithm=\"rsa-sha256\",\
        headers=\"(request-target) host date content-type digest content-length\",\
        signature=\"vSdrb+dS3EceC9bcwHSo4MlyKS59iFIrhgYkz8+oVLEEzmYZZvRs8rgOp+63LEM3v+MFHB32NfpB2bEKBIvB1q52LaEUHFv120V01IL+TAD48XaERZFukWgHoBTLMhYS2Gb51gWxpeIq8knRmPnYePbF5MOkR0Zkly4zKH7s1dE=\"";
    let (base, signature) = base_of(header);
    assert!(is_of_the_draft(&base, &signature));
    let parsed = CavageSignature::parse(header).expect("it parses");
    assert_eq!(parsed.check(&TEST_REQUEST, moment(), 60_000), Ok(()));
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.500Z".parse().expect("a time")
}

const BODY: &[u8] = b"{}";
const DATE: &str = "Sun, 01 Mar 2026 12:00:00 GMT";

fn headers<'a>(date: &'a str, digest: &'a str) -> [(&'a str, &'a str); 3] {
    [("date", date), ("digest", digest), ("content-type", "application/activity+json")]
}

fn checked(header: &str, message: &Message<'_>) -> Result<(), MessageError> {
    let parsed = CavageSignature::parse(header)?;
    parsed.check(message, now(), SIGNATURE_TOLERANCE_MS)?;
    parsed.verify(message, &signer().public_key().into())
}

#[test]
fn what_is_signed_holds_for_that_request_alone() {
    let digest = digest::of(BODY);
    let fields = headers(DATE, &digest);
    let message = Message { method: "POST", target_uri: "http://127.0.0.1:7420/inbox", headers: &fields, body: BODY };
    let signed = sign(&message, &signer()).expect("signed");
    assert!(signed.starts_with(
        "keyId=\"https://example.org/actors/site#main-key\",algorithm=\"rsa-sha256\",\
         headers=\"(request-target) host date digest content-type\",signature=\""
    ));
    assert_eq!(checked(&signed, &message), Ok(()));
    assert_eq!(checked(&signed.replace("rsa-sha256", "hs2019"), &message), Ok(()));
    assert_eq!(checked(&signed.replace("algorithm=\"rsa-sha256\",", ""), &message), Ok(()));
    for target_uri in ["http://127.0.0.1:7421/inbox", "http://127.0.0.1:7420/inbox?x", "http://127.0.0.1:7420/other"] {
        let other = Message { target_uri, ..message };
        assert!(matches!(checked(&signed, &other), Err(MessageError::Wrong(_))), "{target_uri}");
    }
    // The Host header that a request names says nothing.
    let with_host = [fields.as_slice(), &[("host", "elsewhere.example")]].concat();
    assert_eq!(checked(&signed, &Message { headers: &with_host, ..message }), Ok(()));
    let other = Message { method: "PUT", ..message };
    assert!(matches!(checked(&signed, &other), Err(MessageError::Wrong(_))));
    let other = Message { body: b"[]", ..message };
    assert!(matches!(checked(&signed, &other), Err(MessageError::Digest(_))));
}

#[test]
fn what_covers_too_little_or_is_of_another_time_is_refused_without_a_key() {
    let digest = digest::of(BODY);
    let check = |header: &str, date: &str| {
        let fields = headers(date, &digest);
        let message = Message { method: "POST", target_uri: "https://h.example/inbox", headers: &fields, body: BODY };
        CavageSignature::parse(header)?.check(&message, now(), SIGNATURE_TOLERANCE_MS)
    };
    let covering = |names: &str| format!("keyId=\"k#k\",algorithm=\"hs2019\",headers=\"{names}\",signature=\"AA==\"");
    for (names, missing) in [
        ("host date digest", "(request-target)"),
        ("(request-target) date digest", "host"),
        ("(request-target) host digest", "date"),
        ("(request-target) host date", "digest"),
    ] {
        assert_eq!(check(&covering(names), DATE), Err(MessageError::NotCovered(missing)));
    }
    let all = covering("(request-target) host date digest");
    assert_eq!(check(&all, DATE), Ok(()));
    for date in ["Sun, 01 Mar 2026 10:59:00 GMT", "Sun, 01 Mar 2026 13:01:00 GMT"] {
        assert!(matches!(check(&all, date), Err(MessageError::Stale { .. })), "{date}");
    }
    for date in ["", "now", "2026-03-01T12:00:00Z", "Sun, 01 Mar 2026 12:00:00 +0000"] {
        assert!(matches!(check(&all, date), Err(MessageError::Malformed(_))), "{date}");
    }
    let created = |more: &str| {
        let header = covering("(request-target) (created) host digest") + more;
        check(&header, "")
    };
    assert_eq!(created(""), Err(MessageError::Undated));
    assert_eq!(created(",created=1772366400"), Ok(()));
    assert!(matches!(created(",created=1772360000"), Err(MessageError::Stale { .. })));
    assert!(matches!(created(",created=1772366400,expires=1772366399.5"), Err(MessageError::Expired(_))));
}

#[test]
fn what_is_no_signature_is_refused_with_what_is_wrong() {
    for (header, wrong) in [
        ("", "name=value"),
        ("keyId", "name=value"),
        ("keyId=\"k", "not closed"),
        ("keyId=\"k\" signature=\"AA==\"", "no comma"),
        ("keyId=\"k\",", "name=value"),
        ("=\"k\"", "no name"),
        ("keyId=\"k\",keyId=\"l\",signature=\"AA==\"", "twice"),
        ("keyId=\"k\\\"\",signature=\"AA==\"", "escape"),
        ("keyId=\"k\"", "signature is missing"),
        ("signature=\"AA==\"", "keyId is missing"),
        ("keyId=\"k\",signature=\"A\"", "signature: "),
        ("keyId=\"k\",signature=\"AA==\",algorithm=\"hmac-sha256\"", "not supported"),
        ("keyId=\"k\",signature=\"AA==\",algorithm=\"rsa-sha512\"", "not supported"),
        ("keyId=\"k\",signature=\"AA==\",algorithm=\"none\"", "not supported"),
        ("keyId=\"k\",signature=\"AA==\",headers=\"date date\"", "twice"),
        ("keyId=\"k\",signature=\"AA==\",headers=\"(other)\"", "not supported"),
        ("keyId=\"k\",signature=\"AA==\",algorithm=\"rsa-sha256\",headers=\"(created)\"", "beside"),
        ("keyId=\"k\",signature=\"AA==\",created=x,headers=\"date\"", "not an integer"),
    ] {
        let error = CavageSignature::parse(header).expect_err(header).to_string();
        assert!(error.contains(wrong), "{header}: {error}");
    }
    let many: Vec<String> = (0..40).map(|n| format!("x{n}")).collect();
    let header = format!("keyId=\"k\",signature=\"AA==\",headers=\"{}\"", many.join(" "));
    assert!(matches!(CavageSignature::parse(&header), Err(MessageError::TooMany { .. })));
    let header = format!("keyId=\"{}\",signature=\"AA==\"", "k".repeat(9_000));
    assert!(matches!(CavageSignature::parse(&header), Err(MessageError::TooMany { .. })));
}

#[test]
fn an_ed25519_key_verifies_none() {
    let digest = digest::of(BODY);
    let fields = headers(DATE, &digest);
    let message = Message { method: "POST", target_uri: "https://h.example/inbox", headers: &fields, body: BODY };
    let parsed = CavageSignature::parse(&sign(&message, &signer()).expect("signed")).expect("it parses");
    let key = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2".parse().expect("a key");
    assert!(matches!(parsed.verify(&message, &key), Err(MessageError::OtherAlgorithm { .. })));
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused(header in "([a-zA-Z]{0,9}=?\"?[ -~]{0,20}\"?,? ?){0,8}") {
        if let Ok(parsed) = CavageSignature::parse(&header) {
            let _ = parsed.check(&TEST_REQUEST, moment(), 60_000);
            let _ = signing_string(&TEST_REQUEST, &parsed.covered, parsed.created, parsed.expires);
        }
    }

    #[test]
    fn a_signature_with_any_byte_changed_does_not_hold(at in 0_usize..344, to in "[A-Za-z0-9+/]") {
        let digest = digest::of(BODY);
        let fields = headers(DATE, &digest);
        let message = Message { method: "POST", target_uri: "https://h.example/inbox", headers: &fields, body: BODY };
        let signed = sign(&message, &signer()).expect("signed");
        let start = signed.find("signature=\"").expect("it is there") + 11;
        let mut forged = signed.clone();
        forged.replace_range(start + at..=start + at, &to);
        prop_assume!(forged != signed);
        prop_assert!(checked(&forged, &message).is_err());
    }
}
