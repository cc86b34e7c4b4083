//! What other hosts send: any header fields and any body are a signature, an activity and an actor, or are refused shortly.

use rosehip_core::{
    federation::{ActorUrl, RemoteActor},
    json,
    limits::SIGNATURE_TOLERANCE_MS,
    pipeline::receive::Arrival,
    signing::{Message, Proof, RequestSignature, RsaPublicKey, VerificationKey},
    time::Timestamp,
};

const INBOX: &str = "https://here.example/actors/site/inbox";
const SENDER: &str = "https://there.example/ann";
/// The keys that W3C vc-di-eddsa and RFC 9421 publish, of which nobody has signed what a fuzzer makes up.
const ED25519: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
/// No word of a stranger's is told at length.
const LONGEST: usize = 4_000;

/// Header fields, a line each, then after a zero byte a body.
pub fn inbox(data: &[u8]) {
    let (head, body) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[] as &[u8]),
    };
    if let Ok(head) = std::str::from_utf8(head) {
        signature(head, body);
        let _ = RsaPublicKey::from_pem(head);
    }
    if let Ok(document) = json::parse_object(body) {
        let sender: ActorUrl = SENDER.parse().expect("a URL");
        if let Err(refused) = Proof::of(&document) {
            assert!(refused.to_string().len() < LONGEST, "{refused}");
        }
        if let Err(refused) = RemoteActor::read(&sender, &document) {
            assert!(refused.to_string().len() < LONGEST, "{refused}");
        }
        match Arrival::check(&sender, document) {
            Ok(arrival) => assert_eq!(arrival.actor, sender, "it is said by who sent it"),
            Err(refused) => assert!(refused.to_string().len() < LONGEST, "{refused}"),
        }
    }
}

fn signature(head: &str, body: &[u8]) {
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let message = Message { method: "POST", target_uri: INBOX, headers: &headers, body };
    let signature = match RequestSignature::of(&message) {
        Ok(Some(signature)) => signature,
        Ok(None) => return,
        Err(refused) => return assert!(refused.to_string().len() < LONGEST, "{refused}"),
    };
    let now = signature_time();
    let checked = signature.check(&message, now, SIGNATURE_TOLERANCE_MS);
    assert_eq!(checked, signature.check(&message, now, SIGNATURE_TOLERANCE_MS), "the same at the same time");
    let key: VerificationKey = ED25519.parse().expect("a key");
    assert!(signature.verify(&message, &key).is_err(), "nobody has signed this");
}

fn signature_time() -> Timestamp {
    Timestamp::from_millis(1_772_366_400_000)
}
