//! All published frames, of whatever device.
#![allow(unreachable_pub, dead_code, reason = "each test uses a part")]

use device_codec::{Context, Protocol};
use serde_json::Value;

pub struct Vector {
    pub name: String,
    pub protocol: Protocol,
    pub port: Option<u8>,
    pub payload: Vec<u8>,
}

impl Vector {
    pub fn context(&self) -> Context<'static> {
        Context { port: self.port, ..Context::default() }
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// The gateway's messages and people's actions, which have no file of vectors.
const JSON: [(Protocol, &str); 3] = [
    (
        Protocol::YuncitysGateway,
        r#"{"msgType":1,"deviceId":"m-1","2_devTypeCode":"200","data":"61000001020007124231323334350000","2_deviceTime":"2026-03-02 08:00:00"}"#,
    ),
    (
        Protocol::YuncitysGateway,
        r#"{"msgType":1,"deviceId":"m-1","2_devTypeCode":"212","type":"U","data":"01","2_spaceStatus":"1","2_packageSerialNumberHead":1}"#,
    ),
    (
        Protocol::Manual,
        r#"{"id":"a","action":"gate","by":{"kind":"user","id":"u"},"lane":"l","command":"open"}"#,
    ),
];

/// The rows of `data/sensors.jsonl` and of every other file like it: a new protocol brings its own, which is found here.
pub fn sensors() -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "jsonl")).collect();
    // These have other columns.
    let others = ["native.jsonl", "cameras.jsonl", "cameras_by_hand.jsonl"];
    files.retain(|file| !others.iter().any(|other| file.ends_with(other)));
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts
        .flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
        .collect()
}

/// A row's payload as in frame records: a string is hex, any other JSON stands for its text.
pub fn payload(row: &Value) -> Vec<u8> {
    row["payload"].as_str().map_or_else(|| row["payload"].to_string().into_bytes(), unhex)
}

pub fn all() -> Vec<Vector> {
    let rows = |file: &'static str, text: &'static str| {
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.enumerate().map(move |(index, row)| (format!("{file} {}", index + 1), row))
    };
    let protocol = |row: &Value| Protocol::parse(row["protocol"].as_str().unwrap()).unwrap();
    let sensors = sensors().into_iter().enumerate().map(|(index, row)| Vector {
        name: format!("sensors {}", index + 1),
        protocol: protocol(&row),
        port: row["port"].as_u64().map(|port| port as u8),
        payload: payload(&row),
    });
    let native = rows("native", include_str!("../data/native.jsonl")).map(|(name, row)| Vector {
        name,
        protocol: Protocol::Parkline,
        port: None,
        payload: unhex(row["frame"].as_str().unwrap()),
    });
    let by_hand = rows("cameras_by_hand", include_str!("../data/cameras_by_hand.jsonl"));
    let cameras =
        rows("cameras", include_str!("../data/cameras.jsonl")).chain(by_hand).map(|(name, row)| Vector {
            name,
            protocol: protocol(&row),
            port: None,
            payload: match row["hex"].as_str() {
                Some(hex) => unhex(hex),
                None => row["payload"].as_str().unwrap().as_bytes().to_vec(),
            },
        });
    let json = JSON.into_iter().map(|(protocol, text)| Vector {
        name: protocol.to_string(),
        protocol,
        port: None,
        payload: text.as_bytes().to_vec(),
    });
    sensors.chain(native).chain(cameras).chain(json).collect()
}
