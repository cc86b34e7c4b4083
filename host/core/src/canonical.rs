//! Canonical JSON (RFC 8785) and content ids over it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use multihash::Multihash;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::ids::InvalidId;

/// Multicodec of RFC 8785 canonical JSON.
const JSON_JCS: u64 = 0xb601;
/// Multicodec of sha2-256.
const SHA2_256: u64 = 0x12;

/// Bytes of most documents.
const USUAL_BYTES: usize = 2 << 10;

/// Members of an object, wherever they are kept.
pub type Members<'a> = BTreeMap<&'a str, &'a Value>;

/// The RFC 8785 bytes of a value. Fails only on what JSON has no form for, such as a key that is no string.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}

/// The RFC 8785 bytes of an object with these members.
///
/// Most documents are written by `serde_json` as RFC 8785 has them, which takes a tenth of the time: text is escaped in the
/// same way, and what may differ is told by looking at it.
pub fn of_members(members: &Members<'_>) -> Vec<u8> {
    let is_plain = members.iter().all(|(name, value)| sorts_plainly(name) && is_plain(value));
    let bytes = if is_plain { as_it_is(members) } else { to_bytes(members) };
    bytes.expect("a JSON value always has a canonical form")
}

fn as_it_is(members: &Members<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, members)?;
    Ok(bytes)
}

/// Whether `serde_json` writes the value in its canonical form.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        // §3.2.2.3: numbers are those of ECMAScript. Integers that a double holds exactly are written alike.
        Value::Number(number) => {
            number.as_i64().is_some_and(|number| number.unsigned_abs() < 1 << f64::MANTISSA_DIGITS)
        }
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(members) => {
            members.keys().is_sorted() && members.iter().all(|(name, value)| sorts_plainly(name) && is_plain(value))
        }
    }
}

/// §3.2.3: names are ordered by UTF-16 code units, which is the order of UTF-8 but for names with characters from U+E000 on.
fn sorts_plainly(name: &str) -> bool {
    const FIRST_BYTE_OF_U_E000: u8 = 0xee;
    name.bytes().all(|byte| byte < FIRST_BYTE_OF_U_E000)
}

/// A content id: CIDv1, codec `json-jcs`, sha2-256, in base32.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct Cid(String);

impl Cid {
    /// The content id of a document: over its canonical bytes without the members `id` and `proof`.
    pub fn of_document(document: &Map<String, Value>) -> Self {
        let content: Members<'_> = document
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .filter(|(name, _)| !matches!(*name, "id" | "proof"))
            .collect();
        let hash = Multihash::<64>::wrap(SHA2_256, &Sha256::digest(of_members(&content)))
            .expect("a sha-256 fits into 64 bytes");
        Self(cid::Cid::new_v1(JSON_JCS, hash).to_string())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cid({})", self.0)
    }
}

impl FromStr for Cid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || InvalidId::new(text, "a content id (CIDv1, json-jcs, sha2-256, base32)");
        let parsed: cid::Cid = text.parse().map_err(|_| refuse())?;
        let known = parsed.codec() == JSON_JCS && parsed.hash().code() == SHA2_256 && parsed.hash().size() == 32;
        if known && parsed.to_string() == text { Ok(Self(text.to_owned())) } else { Err(refuse()) }
    }
}

impl TryFrom<String> for Cid {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Cid> for String {
    fn from(cid: Cid) -> Self {
        cid.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(text: &str) -> String {
        let value: Value = serde_json::from_str(text).expect("JSON");
        String::from_utf8(to_bytes(&value).expect("canonical")).expect("UTF-8")
    }

    /// RFC 8785 §3.2.2 to §3.2.4: literals, numbers and string escapes in one sample.
    #[test]
    fn the_sample_of_rfc_8785() {
        let sample = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let wanted = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                      \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical(sample), wanted);
    }

    /// RFC 8785 §3.2.3: member names sort by UTF-16 code units.
    #[test]
    fn member_names_sort_by_utf_16_code_units() {
        let sample = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let sorted = canonical(sample);
        let order = ["Carriage Return", "One", "Control", "Latin Small", "Euro Sign", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| sorted.find(word).expect("kept")).collect();
        assert!(places.is_sorted(), "{sorted}");
    }

    #[test]
    fn numbers_at_the_end_of_what_a_double_holds_are_written_alike() {
        for number in [i64::MIN, -(1 << 53), 1 - (1 << 53), 0, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, i64::MAX] {
            let value = Value::from(number);
            let members = Members::from([("n", &value)]);
            assert_eq!(of_members(&members), to_bytes(&members).expect("canonical"), "{number}");
        }
    }

    /// RFC 8785 appendix B: the ends of the number range.
    #[test]
    fn numbers_of_rfc_8785_appendix_b() {
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ] {
            let bytes = to_bytes(&f64::from_bits(bits)).expect("finite");
            assert_eq!(String::from_utf8_lossy(&bytes), text);
        }
    }

    #[test]
    fn a_cid_ignores_id_and_proof_alone() {
        let document = |value: Value| value.as_object().cloned().expect("an object");
        let plain = Cid::of_document(&document(json!({"type": "Create"})));
        assert_eq!(plain, Cid::of_document(&document(json!({"type": "Create", "id": "x", "proof": {}}))));
        assert_ne!(plain, Cid::of_document(&document(json!({"type": "Create", "actor": "x"}))));
        assert_eq!(plain.as_str().parse(), Ok(plain));
    }

    /// The bytes of CIDv1 put together by hand: version, codec, multihash (the code, the length, the sha-256).
    #[test]
    fn a_cid_is_what_the_standards_put_together() {
        let document = json!({"b": [1, true], "a": "é", "id": "https://example.org/1"}).as_object().cloned();
        let hash = Sha256::digest("{\"a\":\"é\",\"b\":[1,true]}");
        // 0xb601 as a varint: its low seven bits first (0x01), then 0x6c, then 0x02.
        let bytes = [&[0x01, 0x81, 0xec, 0x02, 0x12, 0x20], hash.as_slice()].concat();
        let by_hand = format!("b{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase());
        let cid = Cid::of_document(&document.expect("an object"));
        assert_eq!(cid.as_str(), by_hand);
        assert_eq!(cid.as_str(), "baga6yaqsebgp4n2vau2bu6kzdgxjdgypojv4f5wtuqtiekuuaocecpobyiv4c");
    }

    /// The example of the CID specification (github.com/multiformats/cid, "Human Readable CIDs"): it is read by the
    /// same parser, and it is no id of ours, because it is raw and in base58.
    #[test]
    fn the_example_of_the_cid_specification() {
        let text = "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA";
        let parsed: cid::Cid = text.parse().expect("published");
        assert_eq!((parsed.version(), parsed.codec(), parsed.hash().code()), (cid::Version::V1, 0x55, SHA2_256));
        let digest = "6e6ff7950a36187a801613426e858dce686cd7d7e3c0fc42ee0330072d245c95";
        assert_eq!(data_encoding::HEXLOWER.encode(parsed.hash().digest()), digest);
        for text in [text, &parsed.to_string()] {
            assert!(text.parse::<Cid>().is_err(), "{text}");
        }
    }

    /// Often of characters that sort plainly.
    fn any_name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-zA-Z@éß€]{0,4}", any::<String>()]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any_name(), inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Canonical bytes are a fixed point: reading them and writing them again changes nothing.
        #[test]
        fn canonical_bytes_are_a_fixed_point(value in any_json()) {
            let once = to_bytes(&value).expect("canonical");
            let read: Value = serde_json::from_slice(&once).expect("canonical bytes are JSON");
            prop_assert_eq!(to_bytes(&read).expect("canonical"), once);
        }

        /// What is written the short way is what the library writes.
        #[test]
        fn the_short_way_writes_the_same(members in prop::collection::btree_map(any_name(), any_json(), 0..8)) {
            let members: Members<'_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
            prop_assert_eq!(of_members(&members), to_bytes(&members).expect("canonical"));
        }

        /// The order in which members were written is no part of the canonical bytes.
        #[test]
        fn member_order_is_forgotten(members in prop::collection::btree_map(any_name(), any_json(), 0..8)) {
            let forth: Map<String, Value> = members.clone().into_iter().collect();
            let text: Vec<String> = members.iter().rev()
                .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
            let back: Value = serde_json::from_str(&format!("{{{}}}", text.join(","))).expect("JSON");
            prop_assert_eq!(to_bytes(&forth).expect("canonical"), to_bytes(&back).expect("canonical"));
        }
    }
}
