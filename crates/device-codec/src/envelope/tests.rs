use super::*;

fn uplink(network: Network, body: &str) -> Envelope<'_> {
    match open(network, body.as_bytes()) {
        Ok(Opened::Uplink(envelope)) => envelope,
        other => panic!("{other:?}"),
    }
}

const THINGS: &str = r#"{"end_device_ids":{"device_id":"bay-7","application_ids":{"application_id":"app"},
  "dev_eui":"0004A30B001C0530","dev_addr":"00BCB929"},"correlation_ids":["as:up:01"],"received_at":"2026-03-02T00:00:01Z",
  "uplink_message":{"session_key_id":"AXA50Q==","f_port":2,"f_cnt":5,"frm_payload":"AQ8=","decoded_payload":{"f_port":99},
  "rx_metadata":[{"gateway_ids":{"gateway_id":"g1"},"rssi":-112,"channel_rssi":-112,"snr":-4.5},{"rssi":-97,"snr":7.25}],
  "settings":{"data_rate":{"lora":{"bandwidth":125000}}},"received_at":"2026-03-02T00:00:00.123456789Z"}}"#;

#[test]
fn the_things_stack() {
    let frame = uplink(Network::TheThingsStack, THINGS);
    assert_eq!(
        (frame.dev_eui.as_deref(), frame.device_id.as_deref()),
        (Some("0004A30B001C0530"), Some("bay-7"))
    );
    assert_eq!((frame.payload.as_slice(), frame.port, frame.counter), (&[1, 15][..], Some(2), Some(5)));
    assert_eq!(frame.join.as_deref(), Some("AXA50Q=="));
    assert_eq!(frame.network_at, "2026-03-02T00:00:00.123456789Z".parse().ok());
    assert_eq!((frame.rssi_dbm, frame.snr_db), (Some(Milli::whole(-97)), Some(Milli::new(7250))));
    // What is zero or empty is left out on the wire.
    let first = THINGS.replace("\"f_cnt\":5,", "").replace("\"frm_payload\":\"AQ8=\",", "");
    let first = uplink(Network::TheThingsStack, &first);
    assert_eq!((first.counter, first.payload.len()), (Some(0), 0));
    let join =
        r#"{"end_device_ids":{"dev_eui":"0004A30B001C0530"},"join_accept":{"session_key_id":"AXA51Q=="}}"#;
    assert!(
        matches!(open(Network::TheThingsStack, join.as_bytes()), Ok(Opened::Join(e)) if e.join.as_deref() == Some("AXA51Q=="))
    );
    let other = r#"{"end_device_ids":{"dev_eui":"0004A30B001C0530"},"downlink_ack":{}}"#;
    assert_eq!(open(Network::TheThingsStack, other.as_bytes()), Ok(Opened::Other));
}

const CHIRP: &str = r#"{"deduplicationId":"3ac7e3c4","time":"2026-03-02T00:00:00.775023242+00:00","deviceInfo":{"tenantId":"t",
  "applicationName":"a","deviceProfileName":"p","deviceName":"bay-7","devEui":"0101010101010101","tags":{}},"devAddr":"00189440",
  "adr":true,"dr":1,"fPort":1,"fCnt":77,"data":"AQ==","object":{"data":"no"},"rxInfo":[{"gatewayId":"00","rssi":-48,"snr":9.0}],
  "txInfo":{"frequency":868100000}}"#;

#[test]
fn chirpstack() {
    let frame = uplink(Network::ChirpStack, CHIRP);
    assert_eq!(
        (frame.dev_eui.as_deref(), frame.device_id.as_deref()),
        (Some("0101010101010101"), Some("bay-7"))
    );
    assert_eq!((frame.payload.as_slice(), frame.port, frame.counter), (&[1][..], Some(1), Some(77)));
    assert_eq!((frame.join.as_deref(), frame.rssi_dbm), (Some("00189440"), Some(Milli::whole(-48))));
    assert_eq!(frame.network_at, "2026-03-02T00:00:00.775023242Z".parse().ok());
    let join = r#"{"deduplicationId":"x","time":"2026-03-02T00:00:00Z","deviceInfo":{"devEui":"0101010101010101"},"devAddr":"00189441"}"#;
    assert!(matches!(open(Network::ChirpStack, join.as_bytes()), Ok(Opened::Join(_))));
    let status = r#"{"deduplicationId":"x","deviceInfo":{"devEui":"0101010101010101"},"margin":10,"batteryLevel":88.5}"#;
    assert_eq!(open(Network::ChirpStack, status.as_bytes()), Ok(Opened::Other));
}

#[test]
fn loriot() {
    let body = r#"{"cmd":"gw","EUI":"be7a0000000000c5","ts":1772409600123,"fcnt":3,"port":3,"data":"0102AABB","bat":255,
        "gws":[{"rssi":-120,"snr":-7,"gweui":"x"},{"rssi":-95,"snr":1.2}]}"#;
    let frame = uplink(Network::Loriot, body);
    assert_eq!(
        (frame.dev_eui.as_deref(), frame.payload.as_slice()),
        (Some("BE7A0000000000C5"), &[1, 2, 0xaa, 0xbb][..])
    );
    assert_eq!((frame.rssi_dbm, frame.snr_db), (Some(Milli::whole(-95)), Some(Milli::new(1200))));
    assert_eq!(frame.network_at, "2026-03-02T00:00:00.123Z".parse().ok());
    let secret = body.replace("\"data\":\"0102AABB\"", "\"encdata\":\"0102AABB\"");
    assert_eq!(open(Network::Loriot, secret.as_bytes()).unwrap_err().code, ErrorCode::Encrypted);
    assert_eq!(open(Network::Loriot, br#"{"cmd":"cq"}"#), Ok(Opened::Other));
}

#[test]
fn generic() {
    let body = r#"{"device":"m-1","payload":"01","port":1,"counter":65536,"join":"s1","network_at":"2026-03-02T08:00:00+08:00","rssi_dbm":-100,"snr_db":2.5}"#;
    let frame = uplink(Network::Generic, body);
    assert_eq!((frame.device_id.as_deref(), frame.counter), (Some("m-1"), Some(65_536)));
    assert_eq!(uplink(Network::Generic, r#"{"device":"m","payload_base64":"AQ=="}"#).payload, [1]);
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (Network::Generic, r#"{"device":"m"}"#, ErrorCode::Missing, "payload"),
        (Network::Generic, r#"{"payload":"01"}"#, ErrorCode::Missing, "device"),
        (Network::Generic, r#"{"device":"m","payload":"0g"}"#, ErrorCode::Encoding, "payload"),
        (Network::Generic, r#"{"device":"m","payload":"01","port":256}"#, ErrorCode::Value, "port"),
        (Network::ChirpStack, r#"{"deviceInfo":{"devEui":"12"},"data":"AQ=="}"#, ErrorCode::Value, "dev_eui"),
        (
            Network::ChirpStack,
            r#"{"deviceInfo":{"devEui":"0101010101010101"},"data":"A"}"#,
            ErrorCode::Encoding,
            "data",
        ),
        (Network::TheThingsStack, r#"{"uplink_message":{}}"#, ErrorCode::Missing, "device"),
        (Network::TheThingsStack, r#"{"uplink_message":"#, ErrorCode::Truncated, ""),
    ];
    for (network, body, code, field) in cases {
        let error = open(network, body.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.field), (code, field), "{body}");
        assert!(error.offset <= body.len());
    }
}

#[test]
fn truncated_at_every_byte() {
    for (network, body) in [(Network::TheThingsStack, THINGS), (Network::ChirpStack, CHIRP)] {
        for end in 0..body.len() {
            let error = open(network, &body.as_bytes()[..end]).unwrap_err();
            assert!(error.offset <= end, "{network} {end}");
        }
    }
}
