//! Sites that are read, refused and changed.

use parking_types::{Id, Instant, Plate, PlateColor, Span, VehicleClass};
use session_core::{Gate, ListKind, PriceRequest, Subject, World};

use super::*;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

const NOON: &str = "2026-03-02T12:00:00+08:00";

const TARIFF: &str = r#"{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","rules":[{"id":"all","charge":{"steps":[{"every":"30m","price":"1.00"}]}}]}"#;

fn document() -> String {
    format!(
        r#"{{"format":1,"tenant":"sz",
        "lots":[{{"id":"L1","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"],"policy":{{"flicker":"10s","max_clock_skew":{{"ahead":"1m"}}}}}},
                {{"id":"G1","kind":"gated","time_zone":"Asia/Shanghai","capacity":2,"calendar":["a","b"]}}],
        "berths":[{{"id":"b1","lot":"L1"}},{{"id":"b2","lot":"L1","type":"vip"}}],
        "lanes":[{{"id":"in","lot":"G1","direction":"entry"}},{{"id":"out","lot":"G1","direction":"exit","gate":"none"}}],
        "devices":[{{"id":"m-2","protocol":"bosch-tps110","berth":"b1"}},{{"id":"m-1","protocol":"bosch-tps110","berth":"b1","heartbeat":"24h"}},
                   {{"id":"gw","protocol":"yuncitys-gateway","berths":{{"1":"b1","2":"b2"}}}}],
        "calendars":[{{"format":1,"id":"a","days":{{}}}},{{"format":1,"id":"b","days":{{}}}}],
        "lists":[{{"id":"vip","kind":"white","plates":["粤b·12345"],"lots":["L1"],"to":"2026-06-01T00:00:00+08:00"}}],
        "plate_sets":[{{"id":"fleet","plates":["京A88888"]}}],
        "passes":[{{"id":"p","plate_sets":["fleet"],"lots":["L1"],"from":"2026-01-01T00:00:00+08:00","to":"2027-01-01T00:00:00+08:00"}}],
        "tariffs":[{TARIFF}]}}"#
    )
}

fn site() -> Site {
    Site::parse(&[("site.json", document())]).unwrap()
}

/// The error of the site with one text replaced.
fn refused(from: &str, to: &str) -> String {
    let text = document().replace(from, to);
    assert_ne!(text, document(), "{from} does not occur");
    match Site::parse(&[("site.json", text)]) {
        Ok(_) => panic!("{to} is taken"),
        Err(error) => format!("{} {}", error.fault.path, error.fault.wrong.code()),
    }
}

#[test]
fn what_is_read_can_be_asked() {
    let (site, now) = (site(), at(NOON));
    assert_eq!(site.tenant(), id("sz"));
    let lot = World::lot(&site, &id("L1"), now).unwrap();
    assert_eq!((lot.group, lot.policy.flicker), (id("L1"), Span::from_secs(10)));
    assert_eq!(lot.policy.max_clock_skew.behind, Span::from_hours(2));
    let berth = World::berth(&site, &id("b1"), now).unwrap();
    assert_eq!(berth.detectors, [id("gw"), id("m-1"), id("m-2")]);
    assert_eq!(World::lane(&site, &id("out"), now).unwrap().gate, Gate::None);
    assert_eq!(site.devices_of(&id("L1"), now), [id("gw"), id("m-1"), id("m-2")]);
    assert_eq!(site.heartbeat(&id("m-1"), now), Some(Span::from_hours(24)));
}

#[test]
fn documents_are_merged() {
    let lots = br#"{"format":1,"lots":[{"id":"L","kind":"roadside","time_zone":"Europe/Berlin"}]}"#;
    let berths = br#"{"format":1,"tenant":"b","berths":[{"id":"x","lot":"L"}]}"#;
    let site = Site::parse(&[("a", &lots[..]), ("b", &berths[..])]).unwrap();
    assert_eq!((site.tenant(), site.count::<Berth>()), (id("b"), 1));
    let error = Site::parse(&[("a", &lots[..]), ("b", &lots[..])]).unwrap_err();
    assert_eq!(error.to_string(), "b: lots[0].id: the id stands twice");
}

#[test]
fn what_does_not_fit_is_named_by_its_path() {
    for (from, to, error) in [
        (r#""flicker":"10s""#, r#""flicker":"10""#, "lots[0].policy.flicker bad_field"),
        (r#""flicker":"10s""#, r#""flick":"10s""#, "lots[0].policy.flick unknown_field"),
        (r#""format":1,"tenant""#, r#""format":2,"tenant""#, "format bad_field"),
        (r#""tariffs":["t"]"#, r#""tariffs":["u"]"#, "lots[0].tariffs[0] unknown_reference"),
        (
            r#""tariffs":["t"]"#,
            r#""tariffs":[{"id":"t","calendar":"c"}]"#,
            "lots[0].tariffs[0].calendar unknown_reference",
        ),
        (r#""lot":"L1"}"#, r#""lot":"L9"}"#, "berths[0].lot unknown_reference"),
        (r#""gate":"none""#, r#""gate":"g""#, "lanes[1].gate unknown_reference"),
        (
            r#""protocol":"yuncitys-gateway""#,
            r#""protocol":"yuncity""#,
            "devices[2].protocol unknown_reference",
        ),
        (r#""2":"b2""#, r#""2":"b9""#, "devices[2].berths.2 unknown_reference"),
        (r#""2":"b2""#, r#""02":"b2""#, "devices[2].berths.02 bad_field"),
        (
            r#""berth":"b1","heartbeat""#,
            r#""berth":"b1","lane":"in","heartbeat""#,
            "devices[1].lane bad_field",
        ),
        (r#""id":"b2""#, r#""id":"b1""#, "berths[1].id repeated"),
        (r#""id":"b2""#, r#""id":"123456789012345678901234567890123""#, "berths[1].id bad_field"),
        (r#""plate_sets":["fleet"]"#, r#""plate_sets":["f"]"#, "passes[0].plate_sets[0] unknown_reference"),
        (
            r#""plate_sets":["fleet"],"lots":["L1"]"#,
            r#""plate_sets":["fleet"],"spaces":1,"lots":["L1","G1"]"#,
            "passes[0].spaces conflict",
        ),
        (r#""price":"1.00""#, r#""price":1"#, "tariffs[0].rules[0].charge.steps[0].price bad_field"),
        (
            r#""currency":"CNY","time_zone":"Asia/Shanghai""#,
            r#""currency":"CNY","time_zone":"Asia/Tokyo""#,
            "lots[0].tariffs[0] conflict",
        ),
        (r#""id":"b","days""#, r#""id":"b","weekend":["fri"],"days""#, "lots[1].calendar conflict"),
        (
            r#""id":"G1","kind":"gated","time_zone":"Asia/Shanghai""#,
            r#""id":"G1","group":"L1","kind":"gated","time_zone":"Asia/Tokyo""#,
            "lots[1].time_zone conflict",
        ),
        (
            r#""to":"2026-06-01T00:00:00+08:00""#,
            r#""from":"2026-06-01T00:00:00+08:00","to":"2026-06-01T00:00:00+08:00""#,
            "lists[0].to bad_field",
        ),
    ] {
        assert_eq!(refused(from, to), error, "{to}");
    }
}

#[test]
fn lists_and_passes_match_plates() {
    let (site, now) = (site(), at(NOON));
    let subject = |lot: &str, plate: &str| Subject {
        lot: id(lot),
        berth: None,
        plate: Some(Plate::parse(plate).unwrap()),
        color: Some(PlateColor::Blue),
    };
    let white =
        |subject: &Subject, valid_at| site.listed(ListKind::White, subject, valid_at, now).map(|l| l.id);
    assert_eq!(white(&subject("L1", "粤B12345"), now), Some(id("vip")));
    assert_eq!(white(&subject("L1", "粤B12345|MX7742"), now), Some(id("vip")));
    assert_eq!(white(&subject("G1", "粤B12345"), now), None);
    assert_eq!(white(&subject("L1", "粤B12345"), at("2026-06-01T00:00:00+08:00")), None);
    assert_eq!(site.listed(ListKind::Black, &subject("L1", "粤B12345"), now, now), None);
    assert_eq!(site.passes(&subject("L1", "京A88888"), now).len(), 1);
    assert_eq!(site.passes(&subject("G1", "京A88888"), now).len(), 0);
}

fn change(
    site: &mut Site,
    kind: &str,
    entry: &str,
    since: &str,
    value: &str,
) -> Result<Change, ReferenceError> {
    let record = format!(
        r#"{{"kind":"{kind}","id":"{entry}","since":"{since}","value":{value},"by":{{"kind":"user","id":"u"}},"reason":"test"}}"#
    );
    site.apply_reference(record.as_bytes(), at(NOON))
}

#[test]
fn versions_hold_since_their_instant() {
    let mut site = site();
    let moved = r#"{"id":"m-1","protocol":"bosch-tps110","berth":"b2"}"#;
    change(&mut site, "devices", "m-1", NOON, moved).unwrap();
    let detectors =
        |berth: &str, when: &str| World::berth(&site, &id(berth), at(when)).unwrap().detectors.to_vec();
    assert_eq!(detectors("b1", "2026-03-02T11:59:59+08:00"), [id("gw"), id("m-1"), id("m-2")]);
    assert_eq!(detectors("b1", NOON), [id("gw"), id("m-2")]);
    assert_eq!(detectors("b2", NOON), [id("gw"), id("m-1")]);
    change(&mut site, "plate_sets", "fleet", NOON, r#"{"id":"fleet","plates":["粤A11111"]}"#).unwrap();
    let subject =
        |plate| Subject { lot: id("L1"), berth: None, plate: Plate::parse(plate).ok(), color: None };
    assert_eq!(site.passes(&subject("粤A11111"), at(NOON)).len(), 1);
    assert_eq!(site.passes(&subject("京A88888"), at(NOON)).len(), 0);
    assert_eq!(site.passes(&subject("京A88888"), at("2026-03-02T11:00:00+08:00")).len(), 1);
}

#[test]
fn a_bad_change_changes_nothing() {
    let mut site = site();
    let code = |result: Result<Change, ReferenceError>| result.unwrap_err().to_string();
    let bad = TARIFF.replace(r#""rules""#, r#""colour":"red","rules""#);
    assert_eq!(
        code(change(&mut site, "tariffs", "t", NOON, &bad)),
        "reference.value.colour: the tariff engine refuses it: unknown_field"
    );
    assert!(change(&mut site, "tariffs", "t", NOON, &TARIFF.replace("Shanghai", "Tokyo")).is_err());
    assert!(change(&mut site, "tariffs", "t", NOON, "null").is_err_and(|e| e == ReferenceError::InUse));
    assert!(change(&mut site, "lots", "L9", NOON, "null").is_err_and(|e| e == ReferenceError::Unknown));
    let other_group = r#"{"id":"L1","group":"x","kind":"roadside","time_zone":"Asia/Shanghai"}"#;
    assert!(
        change(&mut site, "lots", "L1", NOON, other_group).is_err_and(|e| e == ReferenceError::FixedGroup)
    );
    let early = "2026-03-01T11:59:59+08:00";
    assert!(change(&mut site, "berths", "b1", early, "null").is_err_and(|e| e == ReferenceError::TooFarBack));
    assert!(change(&mut site, "berths", "b9", NOON, r#"{"id":"b9","lot":"L7"}"#).is_err());
    assert!(site.at::<Berth>(&id("b9"), at(NOON)).is_none());
    assert!(change(&mut site, "berths", "b9", NOON, r#"{"id":"b8","lot":"L1"}"#).is_err());
    assert!(
        change(&mut site, "calendars", "a", NOON, r#"{"format":1,"id":"a","weekend":["fri"],"days":{}}"#)
            .is_err()
    );
    assert_eq!(change(&mut site, "berths", "b1", NOON, "null").map(|change| change.gone), Ok(true));
    assert!(World::berth(&site, &id("b1"), at(NOON)).is_none());
}

#[test]
fn without_a_tariff_in_force_there_is_no_price() {
    let (site, now) = (site(), at(NOON));
    let request = |lot: &str| PriceRequest {
        id: "s",
        lot: id(lot),
        berth: None,
        entry: now - Span::from_hours(1),
        exit: now,
        as_of: now,
        vehicle: VehicleClass::Small,
        plate_color: None,
        exempt: &[],
        used: &[],
        adjust: None,
        white: false,
        paid: &[],
    };
    let unpriced = World::price(&site, &request("G1")).unwrap_err();
    assert_eq!(unpriced.code, "not_in_force");
    assert!(unpriced.receipt.starts_with(r#"{"id":"s","error":{"code":"not_in_force""#));
}
