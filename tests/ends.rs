//! The alert `reference_ends`: 30 days before a tariff or calendar ends without a successor.
#![allow(clippy::unwrap_used, reason = "tests")]

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Output, Position, Record, Stage},
};
use serde_json::{Value, json};

fn tariff(id: &str, from: Option<&str>, until: Option<&str>, vehicles: &Value) -> Value {
    json!({"format": 1, "id": id, "currency": "CNY", "time_zone": "Asia/Shanghai",
        "valid": {"from": from, "until": until},
        "rules": [{"id": "all", "vehicles": vehicles, "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]})
}

fn all() -> Value {
    json!(["small", "large", "extra_large", "motorcycle", "bicycle"])
}

fn calendar(id: &str, from: &str, until: Option<&str>) -> Value {
    json!({"format": 1, "id": id, "weekend": ["sat", "sun"], "covers": {"from": from, "until": until}})
}

fn lot(id: &str, tariffs: &Value, calendar: &Value) -> Value {
    let mut lot = json!({"id": id, "kind": "roadside", "time_zone": "Asia/Shanghai", "tariffs": tariffs});
    if *calendar != json!([]) {
        lot["calendar"] = calendar.clone();
    }
    lot
}

struct Rig {
    pipeline: Pipeline,
    partition: u32,
    offset: u64,
}

impl Rig {
    fn new(lots: &[Value], tariffs: &[Value], calendars: &[Value]) -> Self {
        let site = json!({"format": 1, "lots": lots, "tariffs": tariffs, "calendars": calendars}).to_string();
        let site = Site::parse(&[("site.json", site)]).unwrap();
        Self { pipeline: Pipeline::new(site), partition: 0, offset: 0 }
    }

    /// Alerts as `opened detail` or `closed detail`.
    fn apply(&mut self, record: &Value) -> Vec<String> {
        let position = Position { partition: self.partition, offset: self.offset };
        self.offset += 1;
        let mut outputs: Vec<Output> = Vec::new();
        self.pipeline.apply(Record { position, value: record.to_string().as_bytes() }, &mut outputs);
        let alerts = outputs.iter().filter(|output| output.topic == "alerts");
        let alerts = alerts.map(|output| serde_json::from_slice::<Value>(&output.value).unwrap());
        alerts
            .filter(|alert| alert["kind"] == "reference_ends")
            .map(|alert| {
                let text = |field: &str| alert[field].as_str().unwrap_or_default().to_owned();
                match alert.get("closed_at") {
                    None => format!("{} {}", text("opened_at"), text("detail")),
                    Some(_) => format!("cured at {} {}", text("closed_at"), text("detail")),
                }
            })
            .collect()
    }

    fn tick(&mut self, at: &str) -> Vec<String> {
        self.apply(&json!({"received_at": at, "tick": true}))
    }

    fn change(&mut self, at: &str, since: &str, kind: &str, value: &Value) -> Vec<String> {
        self.apply(&json!({"received_at": at, "reference": {"kind": kind, "id": value["id"], "since": since,
            "value": value, "by": {"kind": "user", "id": "u"}, "reason": "r"}}))
    }

    /// The process ends and another goes on from what was saved.
    fn restart(&mut self) {
        let (site, saved) = (self.pipeline.site().clone(), self.pipeline.save());
        self.pipeline = Pipeline::new(site);
        assert!(self.pipeline.restore(&saved));
    }
}

const NONE: Vec<String> = Vec::new();

#[test]
fn thirty_days_before_the_end_once_at_its_own_time_and_a_successor_cures_it() {
    let mut rig = Rig::new(
        &[lot("L1", &json!(["t"]), &json!([]))],
        &[tariff("t", None, Some("2026-05-01T00:00:00"), &all())],
        &[],
    );
    assert_eq!(rig.tick("2026-03-01T12:00:00+08:00"), NONE);
    assert_eq!(
        rig.pipeline.next_deadline().unwrap().to_string(),
        "2026-03-31T16:00:00Z",
        "a timer like others"
    );
    assert_eq!(rig.tick("2026-03-31T23:59:59+08:00"), NONE);
    rig.restart();
    let told = rig.tick("2026-04-02T08:00:00+08:00");
    let opened =
        "2026-04-01T00:00:00+08:00 tariffs/t: ends 2026-05-01T00:00:00+08:00 without a successor, in L1";
    assert_eq!(told, [opened], "at its due time, however late the next record");
    rig.restart();
    assert_eq!(rig.tick("2026-05-20T08:00:00+08:00"), NONE, "once, and still open after the end");
    let versions = json!([
        tariff("t", None, Some("2026-05-01T00:00:00"), &all()),
        tariff("t", Some("2026-05-01T00:00:00"), None, &all())
    ]);
    let at = "2026-05-20T09:00:00+08:00";
    let cured = rig
        .apply(&json!({"received_at": at, "reference": {"kind": "tariffs", "id": "t", "value": versions,
        "by": {"kind": "user", "id": "u"}, "reason": "r"}}));
    assert!(cured.len() == 1 && cured[0].starts_with("cured at 2026-05-20T09:00:00+08:00"), "{cured:?}");
}

#[test]
fn what_takes_over_counts_and_for_whom() {
    let until = Some("2026-03-20T00:00:00");
    let at = "2026-03-02T08:00:00+08:00";
    // The next one in the lot's list is for everyone.
    let lots = [lot("L1", &json!(["promo", "base"]), &json!([]))];
    let base = |vehicles: &Value| tariff("base", None, None, vehicles);
    let promo = tariff("promo", None, until, &all());
    assert_eq!(Rig::new(&lots, &[promo.clone(), base(&all())], &[]).tick(at), NONE);
    // It is for cars alone: lorries have nothing.
    let told = Rig::new(&lots, &[promo, base(&json!(["small"]))], &[]).tick(at);
    assert_eq!(
        told,
        [
            "2026-03-02T08:00:00+08:00 tariffs/promo: ends 2026-03-20T00:00:00+08:00 without a successor, in L1"
        ]
    );
    // A version that follows, and one that is known to come by a change of its own.
    let gap = [tariff("t", None, until, &all()), tariff("t", Some("2026-03-21T00:00:00"), None, &all())];
    let next = [tariff("t", None, until, &all()), tariff("t", until, None, &all())];
    let lots = [lot("L1", &json!(["t"]), &json!([]))];
    assert_eq!(Rig::new(&lots, &next, &[]).tick(at), NONE);
    let mut rig = Rig::new(&lots, &gap, &[]);
    assert_eq!(rig.tick(at).len(), 1, "a day without a tariff");
    let since = "2026-03-20T00:00:00+08:00";
    let cured = rig.change("2026-03-03T08:00:00+08:00", since, "tariffs", &tariff("t", None, None, &all()));
    assert_eq!(cured.len(), 1, "{cured:?}");
    // One that nobody uses says nothing.
    assert_eq!(Rig::new(&[], &[tariff("t", None, until, &all())], &[]).tick(at), NONE);
}

#[test]
fn calendars_by_what_a_lot_merges_in_its_own_zone() {
    let old = calendar("cn-2026", "2026-01-01", Some("2027-01-01"));
    let lots: Vec<Value> = ["L1", "L2", "L3"].map(|id| lot(id, &json!(["t"]), &json!(["cn-2026"]))).into();
    let tariffs = [tariff("t", None, None, &all())];
    let mut rig = Rig::new(&lots, &tariffs, &[old, calendar("cn-2027", "2027-01-01", Some("2028-01-01"))]);
    assert_eq!(rig.tick("2026-11-30T12:00:00+08:00"), NONE);
    let told = rig.tick("2026-12-02T12:00:00+08:00");
    let detail = "calendars/cn-2026: ends 2027-01-01T00:00:00+08:00 without a successor, in L1 and 2 more";
    assert_eq!(told, [format!("2026-12-01T16:00:00Z {detail}")], "of several lots: in no lot's zone");
    // Lots are changed in bulk, so what comes of it is looked at with the next minute.
    for (minute, id) in [(1, "L1"), (2, "L2"), (3, "L3")] {
        let both = lot(id, &json!(["t"]), &json!(["cn-2026", "cn-2027"]));
        let at = format!("2026-12-02T12:{minute:02}:00+08:00");
        assert_eq!(rig.change(&at, &at, "lots", &both), NONE, "{id}");
    }
    let cured = rig.tick("2026-12-02T12:04:00+08:00");
    assert!(cured.len() == 1 && cured[0].contains("calendars/cn-2026:"), "{cured:?}");
    let told = rig.tick("2027-12-03T12:00:00+08:00");
    assert!(told.len() == 1 && told[0].contains("calendars/cn-2026+cn-2027:"), "{told:?}");
}

#[test]
fn partition_0_alone_tells() {
    let tariffs = [tariff("t", None, Some("2026-03-20T00:00:00"), &all())];
    let mut rig = Rig::new(&[lot("L1", &json!(["t"]), &json!([]))], &tariffs, &[]);
    rig.partition = 1;
    assert_eq!(rig.tick("2026-03-02T08:00:00+08:00"), NONE);
    assert_eq!(rig.pipeline.next_deadline(), None);
}
