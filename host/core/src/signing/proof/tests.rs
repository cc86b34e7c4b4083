use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// W3C vc-di-eddsa 1.0, appendix B.1, example "Private and Public keys for Signature".
const PUBLIC: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
const SECRET: &str = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq";
const CREATED: &str = "2023-02-24T23:36:38Z";

fn published_signer(key_id: &str) -> Signer {
    let (_, bytes) = multibase::decode(SECRET).expect("published");
    let secret = bytes.strip_prefix(&[0x80, 0x26]).expect("multicodec ed25519-priv");
    Signer { key_id: key_id.to_owned(), key: SigningKey::from_bytes(secret.try_into().expect("32 bytes")) }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The same document without its proof, signed again.
fn signed_again(document: &Map<String, Value>, key_id: &str) -> Map<String, Value> {
    let mut copy = document.clone();
    copy.remove("proof");
    attach(&mut copy, &published_signer(key_id), moment(CREATED));
    copy
}

/// W3C vc-di-eddsa 1.0, appendix B.3 "Representation: eddsa-jcs-2022".
#[test]
fn the_example_of_vc_di_eddsa() {
    let document = object(json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"],
        "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": "https://vc.example/issuers/5678",
        "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
        "proof": {
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "created": "2023-02-24T23:36:38Z",
            "verificationMethod": format!("did:key:{PUBLIC}#{PUBLIC}"),
            "proofPurpose": "assertionMethod",
            "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
            "proofValue":
                "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX",
        },
    }));
    let key: PublicKey = PUBLIC.parse().expect("published");
    let proof = verify(&document, &key, moment("2026-01-01T00:00:00Z")).expect("it verifies");
    assert_eq!(proof.created, Some(moment(CREATED)));
    let hashes = hash_data(&members(&proof.options), &unsecured(&document));
    let (options, content) = hashes.split_at(32);
    assert_eq!(HEXLOWER.encode(options), "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db");
    assert_eq!(HEXLOWER.encode(content), "59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19");
    assert_eq!(signed_again(&document, &proof.verification_method), document);
}

/// FEP-8b32, `fep-8b32.feature`, "Verify object integrity proof": an activity with numbers that JCS writes its own way.
fn fep_8b32(data_integrity: &str, value: &str) -> Map<String, Value> {
    let context = json!(["https://www.w3.org/ns/activitystreams", data_integrity]);
    object(json!({
        "@context": context,
        "id": "https://server.example/activities/1",
        "type": "Create",
        "actor": "https://server.example/users/alice",
        "object": {
            "id": "https://server.example/objects/1",
            "type": "Note",
            "attributedTo": "https://server.example/users/alice",
            "content": "Hello world",
            "location": {"type": "Place", "longitude": -71.184_902, "latitude": 25.273_962},
        },
        "proof": {
            "@context": context,
            "type": "DataIntegrityProof",
            "cryptosuite": "eddsa-jcs-2022",
            "verificationMethod": "https://server.example/users/alice#ed25519-key",
            "proofPurpose": "assertionMethod",
            "proofValue": value,
            "created": "2023-02-24T23:36:38Z",
        },
    }))
}

const FEP_V2: &str = "z42ffGu6AUKPCFcFPiabmUvnGLPJzC7e4DGWC52NUasSSH37UMa9c58tdgVszUcZfytxa4fQ5TYHaJENCxUDe9SdL";
const FEP_V1: &str = "zLaewdp4H9kqtwyrLatK4cjY5oRHwVcw4gibPSUDYDMhi4M49v8pcYk3ZB6D69dNpAPbUmY8ocuJ3m9KhKJEEg7z";

/// The vector of today, and that of before the context of Data Integrity was at its second version.
#[test]
fn the_vectors_of_fep_8b32() {
    for (version, value) in [("v2", FEP_V2), ("v1", FEP_V1)] {
        let document = fep_8b32(&format!("https://w3id.org/security/data-integrity/{version}"), value);
        let proof = verify(&document, &PUBLIC.parse().expect("published"), moment(CREATED)).expect("it verifies");
        assert_eq!(proof.verification_method, "https://server.example/users/alice#ed25519-key");
        assert_eq!(signed_again(&document, &proof.verification_method), document);
    }
}

fn signer() -> Signer {
    Signer { key_id: "https://example.org/actors/site#main-key".to_owned(), key: SigningKey::from_bytes(&[7; 32]) }
}

fn signed(document: Value) -> Map<String, Value> {
    let mut document = object(document);
    attach(&mut document, &signer(), moment("2026-03-01T12:00:00.500Z"));
    document
}

fn check(document: &Map<String, Value>) -> Result<Proof, ProofError> {
    verify(document, &signer().public_key(), moment("2026-03-01T12:00:01Z"))
}

fn with(mut document: Map<String, Value>, pointer: &str, value: Value) -> Map<String, Value> {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let mut root = Value::Object(std::mem::take(&mut document));
    root.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").insert(name.to_owned(), value);
    object(root)
}

#[test]
fn what_was_signed_verifies_and_nothing_else_does() {
    let document = signed(json!({"@context": "https://www.w3.org/ns/activitystreams", "type": "Note", "content": "a"}));
    let proof = check(&document).expect("it verifies");
    assert_eq!(document["proof"]["created"], "2026-03-01T12:00:00Z", "cut to the second");
    assert_eq!(proof.verification_method, signer().key_id);

    let wrong = ProofError::Wrong(signer().public_key());
    for (pointer, value) in [
        ("/content", json!("b")),
        ("/more", json!(1)),
        ("/signature", json!("anything")),
        ("/proof/created", json!("2026-03-01T12:00:01Z")),
        ("/proof/verificationMethod", json!("https://example.org/actors/other#main-key")),
        ("/proof/domain", json!("example.net")),
        ("/proof/expires", json!("2027-03-01T12:00:00Z")),
    ] {
        assert_eq!(check(&with(document.clone(), pointer, value)), Err(wrong.clone()), "{pointer}");
    }
    let other: PublicKey = PUBLIC.parse().expect("published");
    assert_eq!(verify(&document, &other, moment(CREATED)), Err(ProofError::Wrong(other)));
}

#[test]
fn what_is_no_proof_of_this_kind_is_named() {
    let document = signed(json!({"type": "Note"}));
    let proof = document["proof"].clone();
    for (pointer, value, message) in [
        ("/proof", json!(null), "the document has no proof"),
        ("/proof", json!([proof]), "the document has a list of proofs; one proof is supported"),
        ("/proof", json!("z"), "proof itself is not an object"),
        (
            "/proof/type",
            json!("Ed25519Signature2020"),
            "proof type \"Ed25519Signature2020\" is not supported; DataIntegrityProof is",
        ),
        (
            "/proof/cryptosuite",
            json!("eddsa-rdfc-2022"),
            "proof cryptosuite \"eddsa-rdfc-2022\" is not supported; eddsa-jcs-2022 is",
        ),
        (
            "/proof/proofPurpose",
            json!("authentication"),
            "proof proofPurpose \"authentication\" is not supported; assertionMethod is",
        ),
        (
            "/proof/previousProof",
            json!("urn:1"),
            "proof previousProof \"\\\"urn:1\\\"\" is not supported; a proof that stands alone is",
        ),
        ("/proof/verificationMethod", json!({"id": "x"}), "proof verificationMethod is not a text"),
        ("/proof/created", json!("yesterday"), "proof created is not a time (RFC 3339)"),
        ("/proof/expires", json!(1), "proof expires is not a time (RFC 3339)"),
        ("/proof/proofValue", json!(null), "proof proofValue is not 64 bytes in base58btc (z…)"),
        ("/proof/proofValue", json!("z1111"), "proof proofValue is not 64 bytes in base58btc (z…)"),
        ("/proof/proofValue", json!("z".repeat(100_000)), "proof proofValue is not 64 bytes in base58btc (z…)"),
        (
            "/proof/proofValue",
            json!(multibase::encode(Base::Base64Url, [1; 64])),
            "proof proofValue is not 64 bytes in base58btc (z…)",
        ),
    ] {
        let error = check(&with(document.clone(), pointer, value)).expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn no_text_of_64_bytes_is_longer_than_what_is_read() {
    assert!(multibase::encode(Base::Base58Btc, [0xff; 64]).len() <= LONGEST_VALUE);
}

/// §3.3.2, step 4.
#[test]
fn the_proofs_context_is_how_the_documents_begins() {
    let document = signed(json!({"@context": ["https://a.example", {"b": "https://b.example"}], "type": "Note"}));
    check(&document).expect("it verifies");
    let changed = |context: Value| check(&with(document.clone(), "/@context", context)).map(|_| ());
    assert_eq!(changed(json!(["https://a.example", {"b": "https://b.example"}, "https://c.example"])), Ok(()));
    assert_eq!(changed(json!(["https://a.example"])), Err(ProofError::OtherContext));
    assert_eq!(changed(json!([{"b": "https://b.example"}, "https://a.example"])), Err(ProofError::OtherContext));
    assert_eq!(changed(json!("https://a.example")), Err(ProofError::OtherContext));
    let one = signed(json!({"@context": "https://a.example"}));
    assert!(check(&with(one, "/@context", json!(["https://a.example", "https://c.example"]))).is_ok());
    // A proof without one says nothing of the document's, which is signed as it stands.
    let bare = signed(json!({"type": "Note"}));
    assert_eq!(
        check(&with(bare, "/@context", json!("https://a.example"))),
        Err(ProofError::Wrong(signer().public_key()))
    );
}

/// FEP-8b32, "Backward compatibility".
#[test]
fn a_linked_data_signature_beside_the_proof_is_no_part_of_it() {
    let document = signed(json!({"type": "Note"}));
    let signature = json!({"type": "RsaSignature2017", "signatureValue": "AAAA"});
    assert!(check(&with(document, "/signature", signature.clone())).is_ok());
    let before = signed(json!({"type": "Note", "signature": signature}));
    assert!(check(&before).is_ok());
}

#[test]
fn a_proof_that_expired_holds_no_longer() {
    let mut document = object(json!({"type": "Note", "proof": {
        "type": TYPE, "cryptosuite": CRYPTOSUITE, "proofPurpose": PURPOSE,
        "verificationMethod": "https://example.org/actors/site#main-key", "expires": "2026-03-01T12:00:00Z",
    }}));
    let options = object(document["proof"].clone());
    let signature = signer().sign(&hash_data(&members(&options), &unsecured(&document)));
    document["proof"]["proofValue"] = multibase::encode(Base::Base58Btc, signature).into();
    let at = |now| verify(&document, &signer().public_key(), moment(now)).map(|proof| proof.expires);
    let expires = moment("2026-03-01T12:00:00Z");
    assert_eq!(at("2026-03-01T12:00:00Z"), Ok(Some(expires)));
    assert_eq!(at("2026-03-01T12:00:00.001Z"), Err(ProofError::Expired(expires)));
}

proptest! {
    // Unoptimised, a signature takes milliseconds.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a document says, its proof verifies, and no byte of the proof's value can be another.
    #[test]
    fn a_proof_holds_for_its_document_alone(
        members in prop::collection::btree_map("[a-z@]{1,8}", any::<Option<String>>(), 0..6),
        seed in any::<[u8; 32]>(),
        (place, flip) in (0_usize..64, 1_u8..),
    ) {
        let signer = Signer { key_id: "https://example.org/key".to_owned(), key: SigningKey::from_bytes(&seed) };
        let mut document: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name, value.into())).collect();
        attach(&mut document, &signer, moment(CREATED));
        let key = signer.public_key();
        prop_assert!(verify(&document, &key, moment(CREATED)).is_ok());

        let value = document["proof"]["proofValue"].as_str().expect("a text");
        let mut bytes = signature_of(value).expect("64 bytes");
        bytes[place] ^= flip;
        let forged = with(document.clone(), "/proof/proofValue", multibase::encode(Base::Base58Btc, bytes).into());
        prop_assert_eq!(verify(&forged, &key, moment(CREATED)), Err(ProofError::Wrong(key)));

        let other = with(document, "/more", "than was signed".into());
        prop_assert_eq!(verify(&other, &key, moment(CREATED)), Err(ProofError::Wrong(key)));
    }
}
