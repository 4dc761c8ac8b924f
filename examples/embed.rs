//! The whole pipeline in a program of yours: frames in, sessions and receipts out.
//!
//! `cargo run --example embed`

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};

const SITE: &str = r#"{ "format": 1,
  "lots": [ { "id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai", "tariffs": ["kerb"] } ],
  "berths": [ { "id": "L1-001", "lot": "L1" } ],
  "devices": [ { "id": "m-1", "protocol": "bosch-tps110", "berth": "L1-001" } ],
  "tariffs": [ { "format": 1, "id": "kerb", "currency": "CNY", "time_zone": "Asia/Shanghai",
    "rules": [ { "id": "all", "charge": { "steps": [ { "every": "30m", "price": "1.00" } ] } } ] } ] }"#;

/// A detector on LoRaWAN: a car comes (twice received), a heartbeat, the car goes; the last line lets half a minute pass.
const RECORDS: [&str; 5] = [
    r#"{"received_at":"2026-03-02T08:00:00+08:00","device":"m-1","port":1,"counter":1,"payload":"01"}"#,
    r#"{"received_at":"2026-03-02T08:00:02+08:00","device":"m-1","port":1,"counter":1,"payload":"01"}"#,
    r#"{"received_at":"2026-03-02T08:30:00+08:00","device":"m-1","port":2,"counter":2,"payload":"0112"}"#,
    r#"{"received_at":"2026-03-02T09:10:00+08:00","device":"m-1","port":1,"counter":3,"payload":"00"}"#,
    r#"{"received_at":"2026-03-02T09:11:00+08:00","tick":true}"#,
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut pipeline = Pipeline::new(Site::parse(&[("site.json", SITE)])?);
    let mut outputs = Vec::new();
    for (offset, record) in (0..).zip(RECORDS) {
        let position = Position { partition: 0, offset };
        let outcome = pipeline.apply(Record { position, value: record.as_bytes() }, &mut outputs);
        println!("▶ {record}\n  {outcome:?}");
        for output in outputs.drain(..) {
            println!("  {}: {}", output.topic, String::from_utf8_lossy(&output.value));
        }
    }
    Ok(())
}
