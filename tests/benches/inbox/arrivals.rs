//! Hosts that send, each under an address of loopback of its own, and what they send to an inbox.

use std::net::IpAddr;

use ed25519_dalek::SigningKey;
use rosehip_core::signing::{Message, Signer, content_digest, signature};
use rosehip_tests::{Signing, body_of, headers_of, now};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

/// Hosts that send; each may send so much in a minute.
pub(crate) const HOSTS: usize = 120;

fn key(host: usize) -> SigningKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(host as u64).to_be_bytes());
    SigningKey::from_bytes(&seed)
}

/// The address of loopback that is a host's own.
pub(crate) fn ip(host: usize) -> IpAddr {
    let octet = |number: usize| u8::try_from(number).expect("fewer than 62,500 hosts");
    [127, 0, octet(host / 250), octet(host % 250 + 1)].into()
}

fn origin(host: usize, port: u16) -> String {
    format!("http://{}:{port}", ip(host))
}

fn signer(host: usize, port: u16) -> Signer {
    Signer { key_id: format!("{}/ann#ed25519-key", origin(host, port)), key: key(host) }
}

/// One program that is all those hosts, each under an address of loopback of its own.
pub(crate) async fn serve_actors() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let local = stream.local_addr().expect("its address");
                let IpAddr::V4(address) = local.ip() else { return };
                let [_, _, high, low] = address.octets();
                let host = usize::from(high) * 250 + usize::from(low) - 1;
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    if line.trim().is_empty() {
                        let (origin, signer) = (origin(host, port), signer(host, port));
                        let body = json!({
                            "id": format!("{origin}/ann"), "type": "Person", "preferredUsername": "ann",
                            "inbox": format!("{origin}/inbox"),
                            "assertionMethod": [{
                                "id": signer.key_id, "type": "Multikey", "controller": format!("{origin}/ann"),
                                "publicKeyMultibase": signer.public_key(),
                            }],
                        })
                        .to_string();
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    port
}

/// A signed request as bytes.
pub(crate) fn request(inbox: &str, address: &str, host: usize, port: u16, name: &str) -> Vec<u8> {
    let origin = origin(host, port);
    let activity = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
        "id": format!("{origin}/activities/{name}"), "type": "Create", "actor": format!("{origin}/ann"),
        "to": ["https://www.w3.org/ns/activitystreams#Public"],
        "object": {
            "id": format!("{origin}/notes/{name}"), "type": "Note", "attributedTo": format!("{origin}/ann"),
            "content": format!("<p>{}</p>", "A line of some sixty characters, as long as lines often are. ".repeat(8)),
        },
    });
    let signing = Signing {
        signer: signer(host, port),
        created: now(),
        has_proof: true,
        content_type: "application/activity+json",
    };
    let body = body_of(&activity, &signing);
    bytes(address, &headers_of(inbox, &body, &signing), &body)
}

pub(crate) fn bytes(address: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let fields: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let (fields, length) = (fields.join("\r\n"), body.len());
    let head =
        format!("POST /actors/site/inbox HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{fields}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A request of a host that exists, which is signed with a key that is not its own.
pub(crate) fn forged(inbox: &str, address: &str, host: usize, port: u16, name: &str) -> Vec<u8> {
    let body =
        format!("{{\"id\":\"{0}/activities/{name}\",\"actor\":\"{0}/ann\",\"type\":\"Like\"}}", origin(host, port));
    let signer = Signer { key: key(usize::MAX), ..signer(host, port) };
    let digest = content_digest::of(body.as_bytes());
    let content_type = "application/activity+json";
    let fields = [("content-digest", digest.as_str()), ("content-type", content_type)];
    let message = Message { method: "POST", target_uri: inbox, headers: &fields, body: body.as_bytes() };
    let signed = signature::sign(&message, &signer, now()).expect("all is there");
    let headers = [
        ("content-digest", digest.clone()),
        ("content-type", content_type.to_owned()),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ];
    bytes(address, &headers.map(|(name, value)| (name.to_owned(), value)), body.as_bytes())
}
