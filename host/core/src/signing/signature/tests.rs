use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::{
    limits::SIGNATURE_TOLERANCE_MS,
    signing::{multikey::PublicKey, rsa},
};

/// RFC 9421 appendix B.1.4, `test-key-ed25519`: the last 32 bytes of its private key (PKCS #8) and of its public key.
fn published() -> Signer {
    let pkcs8 = BASE64.decode(b"MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF").expect("base64");
    let public = BASE64.decode(b"MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").expect("base64");
    let secret = pkcs8.last_chunk().expect("32 bytes");
    let signer = Signer { key_id: "test-key-ed25519".to_owned(), key: SigningKey::from_bytes(secret) };
    assert_eq!(signer.public_key().as_bytes().as_slice(), &public[public.len() - 32..]);
    signer
}

fn signature_header(label: &str, signature: &[u8]) -> String {
    format!("{label}=:{}:", BASE64.encode(signature))
}

/// RFC 9421 appendix B.2, `test-request`.
const TEST_REQUEST: Message<'_> = Message {
    method: "POST",
    target_uri: "https://example.com/foo?param=Value&Pet=dog",
    headers: &[
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        (
            "Content-Digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("Content-Length", "18"),
    ],
    body: b"{\"hello\": \"world\"}",
};

/// RFC 9421 appendix B.2.6: the signature base, and the signature over it, from both sides.
#[test]
fn the_ed25519_request_of_rfc_9421() {
    let input = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                 ;created=1618884473;keyid=\"test-key-ed25519\"";
    let signature =
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
    let parsed = SignatureInput::parse(input, signature).expect("it parses");
    assert_eq!((parsed.label.as_str(), parsed.key_id.as_str()), ("sig-b26", "test-key-ed25519"));
    assert_eq!(parsed.created, Some(Timestamp::from_millis(1_618_884_473_000)));

    let base = base(&TEST_REQUEST, &parsed.components, &parsed.params).expect("it has all of them");
    let wanted = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
                  \"@method\": POST\n\
                  \"@path\": /foo\n\
                  \"@authority\": example.com\n\
                  \"content-type\": application/json\n\
                  \"content-length\": 18\n\
                  \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                  ;created=1618884473;keyid=\"test-key-ed25519\"";
    assert_eq!(String::from_utf8_lossy(&base), wanted);
    assert_eq!(signature_header("sig-b26", &published().sign(&base)), signature);
    assert_eq!(parsed.verify(&TEST_REQUEST, &published().public_key().into()), Ok(()));
}

/// RFC 9421 §4.3: what a proxy signs with `rsa-v1_5-sha256` and `test-key-rsa`. Appendix B.2 has no example of it.
#[test]
fn the_rsa_request_of_rfc_9421() {
    let input = "proxy_sig=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"content-type\" \"content-length\" \"forwarded\")\
                 ;created=1618884480;keyid=\"test-key-rsa\";alg=\"rsa-v1_5-sha256\";expires=1618884540";
    let signature = "proxy_sig=:S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cCpXJleXsOckpURl49GwiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sFnIm9y+7X5kXQfi8NMaZaA8i2ZHwpBdg7a6CMfwnnrtflzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHowtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5o0LV/g==:";
    let parsed = SignatureInput::parse(input, signature).expect("it parses");
    assert_eq!(parsed.algorithm, Some(Algorithm::RsaV15Sha256));
    let forwarded = [("Forwarded", "for=192.0.2.123;host=example.com;proto=https")];
    let headers = [TEST_REQUEST.headers, &forwarded].concat();
    let target_uri = "https://origin.host.internal.example/foo?param=Value&Pet=dog";
    let message = Message { target_uri, headers: &headers, ..TEST_REQUEST };
    let key = VerificationKey::from(rsa::tests::published());
    assert_eq!(parsed.verify(&message, &key), Ok(()));
    // Without alg the key says what it is signed with; another key, or what is no key of that kind, verifies nothing.
    let other = VerificationKey::from(rsa::tests::signer().public_key());
    assert_eq!(parsed.verify(&message, &other), Err(MessageError::Wrong(other.clone())));
    let ed25519 = published().public_key().into();
    let confused = MessageError::OtherAlgorithm { said: "rsa-v1_5-sha256", key: Algorithm::Ed25519 };
    assert_eq!(parsed.verify(&message, &ed25519), Err(confused));
}

#[test]
fn a_key_of_rsa_signs_and_is_told_by_the_key_where_no_algorithm_is_said() {
    let (signer, key) = (rsa::tests::signer(), VerificationKey::from(rsa::tests::signer().public_key()));
    let signed = sign(&TEST_REQUEST, &signer, now()).expect("it signs");
    assert!(signed.signature_input.ends_with(";alg=\"rsa-v1_5-sha256\""), "{}", signed.signature_input);
    let parsed = SignatureInput::parse(&signed.signature_input, &signed.signature).expect("it parses");
    assert_eq!(parsed.check(&TEST_REQUEST, now(), SIGNATURE_TOLERANCE_MS), Ok(()));
    assert_eq!(parsed.verify(&TEST_REQUEST, &key), Ok(()));
    let unsaid = signed.signature_input.replace(";alg=\"rsa-v1_5-sha256\"", "");
    let parsed = SignatureInput::parse(&unsaid, &signed.signature).expect("it parses");
    assert_eq!(parsed.algorithm, None);
    // alg is signed: who takes it away has another signature.
    assert_eq!(parsed.verify(&TEST_REQUEST, &key), Err(MessageError::Wrong(key)));
}

#[test]
fn who_asks_for_ed25519_says_so() {
    for (asked, wanted) in [
        ("sig1=(\"@method\" \"@target-uri\");created;keyid;alg=\"ed25519\"", true),
        ("a=();alg=\"rsa-v1_5-sha256\", b=();alg=\"ed25519\"", true),
        ("sig1=(\"@method\");created;alg=\"rsa-v1_5-sha256\"", false),
        ("sig1=(\"@method\")", false),
        ("sig1;alg=\"ed25519\"", false),
        ("ed25519", false),
        ("(", false),
    ] {
        assert_eq!(asks_for_ed25519(asked), wanted, "{asked}");
    }
}

/// RFC 9421 appendix B.4: which changes on the way a signature outlives.
#[test]
fn the_transformations_of_rfc_9421() {
    let parsed = SignatureInput::parse(
        "transform=(\"@method\" \"@path\" \"@authority\" \"accept\");created=1618884473;keyid=\"test-key-ed25519\"",
        "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:",
    )
    .expect("it parses");
    let verifies = |method, target_uri, headers: &[(&str, &str)]| {
        let message = Message { method, target_uri, headers, body: b"" };
        parsed.verify(&message, &published().public_key().into()).is_ok()
    };
    let url = "https://example.org/demo?name1=Value1&Name2=value2";
    assert!(verifies("GET", url, &[("Accept", "application/json"), ("Accept", "*/*")]));
    // A field and a query parameter more.
    let added = [("Accept", "application/json"), ("Accept", "*/*"), ("Accept-Language", "en-US,en;q=0.5")];
    let longer = "https://example.org/demo?name1=Value1&Name2=value2&param=added";
    assert!(verifies("GET", longer, &added));
    // Lines joined, a field less.
    assert!(verifies("GET", url, &[("Accept", "application/json, */*")]));
    // Another method, another host, the lines in another order.
    assert!(!verifies("POST", url, &[("Accept", "application/json"), ("Accept", "*/*")]));
    let other = "https://example.com/demo?name1=Value1&Name2=value2";
    assert!(!verifies("GET", other, &[("Accept", "application/json"), ("Accept", "*/*")]));
    assert!(!verifies("GET", url, &[("Accept", "*/*"), ("Accept", "application/json")]));
}

fn signer() -> Signer {
    Signer { key_id: "https://example.org/actors/site#main-key".to_owned(), key: SigningKey::from_bytes(&[7; 32]) }
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.500Z".parse().expect("a time")
}

fn checked(headers: &SignatureHeaders, message: &Message<'_>, key: &PublicKey) -> Result<(), MessageError> {
    let parsed = SignatureInput::parse(&headers.signature_input, &headers.signature)?;
    parsed.check(message, now(), SIGNATURE_TOLERANCE_MS)?;
    parsed.verify(message, &VerificationKey::from(*key))
}

#[test]
fn a_request_without_a_body_signs_its_method_and_target() {
    let message = Message { method: "GET", target_uri: "https://example.com/a?b", headers: &[], body: b"" };
    let signed = sign(&message, &signer(), now()).expect("it signs");
    assert_eq!(
        signed.signature_input,
        "sig1=(\"@method\" \"@target-uri\");created=1772366400;\
         keyid=\"https://example.org/actors/site#main-key\";alg=\"ed25519\"",
    );
    assert_eq!(checked(&signed, &message, &signer().public_key()), Ok(()));
}

#[test]
fn a_body_is_signed_by_its_digest_and_type() {
    let signed = sign(&TEST_REQUEST, &signer(), now()).expect("it signs");
    assert!(
        signed
            .signature_input
            .starts_with("sig1=(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created=1772366400;")
    );
    assert_eq!(checked(&signed, &TEST_REQUEST, &signer().public_key()), Ok(()));
    let bare = Message { headers: &[("content-type", "application/json")], ..TEST_REQUEST };
    assert_eq!(sign(&bare, &signer(), now()), Err(MessageError::Missing("content-digest".to_owned())));
    let other = Message { body: b"other", ..TEST_REQUEST };
    let mismatch = MessageError::Digest(content_digest::ContentDigestError::Mismatch("sha-512"));
    assert_eq!(checked(&signed, &other, &signer().public_key()), Err(mismatch));
    let wrong = published().public_key();
    assert_eq!(checked(&signed, &TEST_REQUEST, &wrong), Err(MessageError::Wrong(wrong.into())));
}

/// A signature whose parameters are these; its bytes are nobody's.
fn parsed(covered: &str) -> Result<SignatureInput, MessageError> {
    SignatureInput::parse(&format!("a={covered}"), &signature_header("a", &[1; 64]))
}

fn check(covered: &str, message: &Message<'_>) -> String {
    let verdict = parsed(&format!("{covered};keyid=\"k\"")).and_then(|it| it.check(message, now(), 3_600_000));
    verdict.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn a_signature_is_of_this_hour() {
    let message = Message { body: b"", ..TEST_REQUEST };
    let at = |times: &str| check(&format!("(\"@method\" \"@target-uri\"){times}"), &message);
    assert_eq!(at(";created=1772366400"), "");
    assert_eq!(at(";created=1772370000"), "", "not quite an hour ahead");
    assert_eq!(at(";created=1772362801"), "", "not quite an hour ago");
    assert_eq!(
        at(";created=1772362800"),
        "the signature was created at 2026-03-01T11:00:00.000Z, which is too far from 2026-03-01T12:00:00.500Z"
    );
    assert!(at(";created=1772370001").contains("too far"));
    assert!(at(";created=-999999999999999").contains("too far"));
    assert!(at(";created=999999999999999").contains("too far"));
    assert_eq!(at(""), "the signature has no created time");
    assert_eq!(at(";created=1772366400;expires=1772366401"), "");
    assert_eq!(at(";created=1772366400;expires=1772366400"), "the signature expired at 2026-03-01T12:00:00.000Z");
}

#[test]
fn a_signature_covers_method_target_and_body() {
    let bare = Message { body: b"", ..TEST_REQUEST };
    let without_query = Message { target_uri: "https://example.com/foo", ..bare };
    let covers = |components: &str, message| check(&format!("({components});created=1772366400"), message);
    let target = "the signature does not cover @target-uri, nor its parts";
    for (components, message, verdict) in [
        ("\"@target-uri\"", &bare, "the signature does not cover @method"),
        ("\"@method\"", &bare, target),
        ("\"@method\" \"@target-uri\"", &bare, ""),
        ("\"@method\" \"@authority\" \"@path\"", &bare, target),
        ("\"@method\" \"@authority\" \"@path\"", &without_query, ""),
        ("\"@method\" \"@authority\" \"@path\" \"@query\"", &bare, ""),
        ("\"@method\" \"@path\" \"@query\"", &bare, target),
        ("\"@method\" \"@authority\" \"@request-target\"", &bare, ""),
        ("\"@method\" \"@request-target\"", &bare, target),
        ("\"@method\" \"@target-uri\"", &TEST_REQUEST, "the signature does not cover content-digest"),
        ("\"@method\" \"@target-uri\" \"content-digest\"", &TEST_REQUEST, ""),
        ("\"@method\" \"@target-uri\" \"content-digest\"", &bare, "content-digest does not match the body: sha-512"),
    ] {
        assert_eq!(covers(components, message), verdict, "{components}");
    }
}

#[test]
fn what_is_not_understood_is_named() {
    for (covered, message) in [
        ("(\"@status\");keyid=\"k\"", "\"@status\" is not supported in signatures"),
        ("(\"@query-param\";name=\"a\");keyid=\"k\"", "\"@query-param\";name is not supported in signatures"),
        ("(\"@method\";req);keyid=\"k\"", "\"@method\";req is not supported in signatures"),
        ("(\"a\";sf);keyid=\"k\"", "\"a\";sf is not supported in signatures"),
        ("(\"a\";bs);keyid=\"k\"", "\"a\";bs is not supported in signatures"),
        ("(\"a\";key=\"b\");keyid=\"k\"", "\"a\";key is not supported in signatures"),
        ("(\"a\";tr);keyid=\"k\"", "\"a\";tr is not supported in signatures"),
        ("(\"a\");keyid=\"k\";alg=\"rsa-pss-sha512\"", "alg \"rsa-pss-sha512\" is not supported in signatures"),
        ("(\"a\");keyid=\"k\";alg=\"hmac-sha256\"", "alg \"hmac-sha256\" is not supported in signatures"),
        ("(\"a\");keyid=\"k\";alg=\"rsa-v1_5-sha256\"", "an algorithm of 64 bytes is not supported in signatures"),
        ("(\"Date\");keyid=\"k\"", "the signature is malformed: \"Date\" is no header in lower case"),
        ("(\"\");keyid=\"k\"", "the signature is malformed: \"\" is no header in lower case"),
        ("(date);keyid=\"k\"", "the signature is malformed: a component is no string"),
        ("(\"a\" \"b\" \"a\");keyid=\"k\"", "the signature is malformed: \"a\" stands twice"),
        ("(\"a\")", "the signature is malformed: keyid is missing"),
        ("(\"a\");keyid=k", "the signature is malformed: keyid is not a string"),
        ("(\"a\");keyid=\"k\";created=\"now\"", "the signature is malformed: created is not an integer"),
        ("(\"a\");keyid=\"k\";alg=ed25519", "the signature is malformed: alg is not a string"),
        ("\"a\"", "the signature is malformed: a covers no list"),
    ] {
        assert_eq!(parsed(covered).expect_err(message).to_string(), message);
    }
    let text = |input: &str, signature: &str| SignatureInput::parse(input, signature).expect_err("no").to_string();
    assert_eq!(text("", ""), "the signature is malformed: there is none");
    assert_eq!(text("a=();keyid=\"k\"", "b=:AA==:"), "the signature is malformed: a has no bytes in signature");
    assert_eq!(text("a=();keyid=\"k\"", "a=:AA==:"), "an algorithm of 1 bytes is not supported in signatures");
    assert!(text("a=(", "").starts_with("the signature is malformed: "));
}

#[test]
fn of_several_signatures_the_first_of_ours_is_taken() {
    let parsed = SignatureInput::parse(
        "a=();keyid=\"1\";alg=\"rsa-v1_5-sha256\", b=();keyid=\"2\", c=();keyid=\"3\", d=();keyid=\"4\"",
        &format!("a=:AA==:, b=:AA==:, {}, {}", signature_header("c", &[1; 64]), signature_header("d", &[2; 64])),
    );
    assert_eq!(parsed.expect("there is one").key_id, "3");
}

#[test]
fn no_more_is_read_than_anyone_needs() {
    let components = |count: usize| {
        let names: Vec<String> = (0..count).map(|place| format!("\"x-{place}\"")).collect();
        parsed(&format!("({});keyid=\"k\"", names.join(" "))).map(|parsed| parsed.components.len())
    };
    assert_eq!(components(SIGNATURE_COMPONENTS), Ok(SIGNATURE_COMPONENTS));
    assert_eq!(
        components(SIGNATURE_COMPONENTS + 1),
        Err(MessageError::TooMany { what: "components", most: SIGNATURE_COMPONENTS })
    );
    let labels = |count: usize| {
        let inputs: Vec<String> = (0..count).map(|place| format!("s{place}=();keyid=\"k\"")).collect();
        SignatureInput::parse(&inputs.join(", "), &signature_header("s0", &[1; 64])).map(|parsed| parsed.label)
    };
    assert_eq!(labels(SIGNATURE_LABELS), Ok("s0".to_owned()));
    assert_eq!(labels(SIGNATURE_LABELS + 1), Err(MessageError::TooMany { what: "labels", most: SIGNATURE_LABELS }));
    let long = parsed(&format!("();keyid=\"{}\"", "k".repeat(SIGNATURE_HEADER_BYTES)));
    assert_eq!(long, Err(MessageError::TooMany { what: "bytes in a header", most: SIGNATURE_HEADER_BYTES }));
}

/// Changes one byte of a text into another printable one.
fn forged(text: &str, place: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = place % bytes.len();
    bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).expect("ASCII")
}

proptest! {
    // Unoptimised, a signature takes milliseconds.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a request says, its signature verifies, and no byte of what it covers can be another.
    #[test]
    fn a_signature_holds_for_its_request_alone(
        method in "[A-Z]{3,7}",
        path in "/[a-z0-9/]{0,12}(\\?[a-z0-9=&]{0,12})?",
        media_type in "[a-z]{1,8}/[a-z]{1,8}",
        body in prop::collection::vec(any::<u8>(), 1..64),
        seed in any::<[u8; 32]>(),
        place in any::<usize>(),
        flip in 1_u8..,
    ) {
        let signer = Signer { key_id: "https://example.org/key".to_owned(), key: SigningKey::from_bytes(&seed) };
        let (key, target_uri) = (signer.public_key(), format!("https://example.com{path}"));
        let digest = content_digest::of(&body);
        let headers = [("content-type", media_type.as_str()), ("content-digest", digest.as_str())];
        let message = Message { method: &method, target_uri: &target_uri, headers: &headers, body: &body };
        let signed = sign(&message, &signer, now()).expect("it signs");
        prop_assert_eq!(checked(&signed, &message, &key), Ok(()));

        let fails = |changed: Message<'_>| checked(&signed, &changed, &key).is_err();
        let other = forged(&method, place);
        let is_refused = fails(Message { method: &other, ..message });
        prop_assert!(is_refused);
        let other = forged(&target_uri, place);
        let is_refused = fails(Message { target_uri: &other, ..message });
        prop_assert!(is_refused);
        let other = forged(&media_type, place);
        let headers = [("content-type", other.as_str()), ("content-digest", digest.as_str())];
        let is_refused = fails(Message { headers: &headers, ..message });
        prop_assert!(is_refused);

        // A body that was changed, and then its digest too.
        let mut changed = body.clone();
        changed[place % body.len()] ^= flip;
        let is_refused = fails(Message { body: &changed, ..message });
        prop_assert!(is_refused);
        let other = content_digest::of(&changed);
        let headers = [("content-type", media_type.as_str()), ("content-digest", other.as_str())];
        let forged_digest = Message { headers: &headers, body: &changed, ..message };
        prop_assert_eq!(checked(&signed, &forged_digest, &key), Err(MessageError::Wrong(key.into())));

        let mut parsed = SignatureInput::parse(&signed.signature_input, &signed.signature).expect("it parses");
        parsed.signature[place % 64] ^= flip;
        prop_assert_eq!(parsed.verify(&message, &key.into()), Err(MessageError::Wrong(key.into())));

        // What the signature says of itself is covered as well.
        let input = forged(&signed.signature_input, place);
        let headers = SignatureHeaders { signature_input: input, signature: signed.signature.clone() };
        let verdict = checked(&headers, &message, &key);
        prop_assert!(verdict.is_err());
    }
}
