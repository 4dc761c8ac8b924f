//! What is published carries the attributes of CloudEvents 1.0 as headers (binary mode), so that platforms which know
//! nothing else of us can route it.

use rdkafka::message::{Header, OwnedHeaders};
use sha2::{Digest as _, Sha256};

/// The attributes of every record of a topic; [`of`] adds what is a record's own.
pub(super) fn of_topic(prefix: &str, topic: &str) -> OwnedHeaders {
    let text = |key, value: &str| (key, value.to_owned());
    let attributes = [
        text("content-type", "application/json"),
        text("ce_specversion", "1.0"),
        text("ce_type", &format!("parkline.{topic}.v1")),
        text("ce_source", &format!("/parkline/{prefix}")),
    ];
    let empty = OwnedHeaders::new_with_capacity(attributes.len() + 2);
    attributes.iter().fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

/// A record's attributes. Its id is made of what it says: the same record, published again, has the same.
pub(super) fn of(topic: &OwnedHeaders, key: &[u8], value: &[u8]) -> OwnedHeaders {
    let id = id(key, value);
    let headers = topic.clone().insert(Header { key: "ce_id", value: Some(id.as_str()) });
    headers.insert(Header { key: "ce_subject", value: Some(key) })
}

fn id(key: &[u8], value: &[u8]) -> String {
    let digest = Sha256::new().chain_update(key).chain_update([0]).chain_update(value).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Headers;

    #[test]
    fn a_record_has_its_attributes_and_keeps_its_id() {
        let headers = of(&of_topic("sz", "charges"), b"s1", b"{\"revision\":1}");
        let found: Vec<(&str, &[u8])> =
            headers.iter().filter_map(|header| Some((header.key, header.value?))).collect();
        let named = |name: &str| found.iter().find(|(key, _)| *key == name).unwrap().1;
        assert_eq!(
            (named("ce_type"), named("ce_source")),
            (&b"parkline.charges.v1"[..], &b"/parkline/sz"[..])
        );
        assert_eq!((named("ce_specversion"), named("ce_subject")), (&b"1.0"[..], &b"s1"[..]));
        assert_eq!(named("ce_id").len(), 32);
        assert_eq!(id(b"s1", b"{}"), id(b"s1", b"{}"));
        assert!(id(b"s1", b"{}") != id(b"s1", b"{ }") && id(b"s1", b"2{}") != id(b"s12", b"{}"));
    }
}
