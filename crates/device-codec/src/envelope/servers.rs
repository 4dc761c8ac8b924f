//! The four envelopes.

use parking_types::Instant;

use super::{Envelope, Opened, Reception, base64, decimal, dev_eui, hex, instant, name, number};
use crate::error::{DecodeError, ErrorCode};
use crate::json::Json;

/// The Things Stack leaves out what is zero or empty: a missing `f_cnt` is 0, a missing `frm_payload` is no bytes.
pub(super) fn the_things_stack(body: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let mut envelope = Envelope::default();
    let (mut uplink, mut join) = (false, false);
    let mut json = Json::new(body);
    json.object(|json, key| match key {
        b"end_device_ids" => json.object_if_any(|json, key| {
            match key {
                b"device_id" => envelope.device_id = name(json)?,
                b"dev_eui" => envelope.dev_eui = dev_eui(json)?,
                _ => {}
            }
            Ok(())
        }),
        b"uplink_message" => {
            uplink = true;
            things_uplink(json, &mut envelope)
        }
        b"join_accept" => {
            join = true;
            json.object_if_any(|json, key| {
                match key {
                    b"session_key_id" => envelope.join = name(json)?,
                    b"received_at" => envelope.network_at = instant(json)?,
                    _ => {}
                }
                Ok(())
            })
        }
        _ => Ok(()),
    })?;
    json.finish()?;
    if uplink {
        envelope.counter = envelope.counter.or(Some(0));
        return Ok(Opened::Uplink(envelope));
    }
    Ok(if join { Opened::Join(envelope) } else { Opened::Other })
}

fn things_uplink<'a>(json: &mut Json<'a>, envelope: &mut Envelope<'a>) -> Result<(), DecodeError> {
    json.object(|json, key| {
        match key {
            b"session_key_id" => envelope.join = name(json)?,
            b"f_port" => envelope.port = number(json, "f_port")?,
            b"f_cnt" => envelope.counter = number(json, "f_cnt")?,
            b"frm_payload" => envelope.payload = base64(json, "frm_payload")?.unwrap_or_default(),
            b"received_at" => envelope.network_at = instant(json)?,
            b"rx_metadata" => receptions(json, envelope, b"snr")?,
            _ => {}
        }
        Ok(())
    })
}

/// One object a gateway.
fn receptions(
    json: &mut Json<'_>,
    envelope: &mut Envelope<'_>,
    snr: &'static [u8],
) -> Result<(), DecodeError> {
    json.array_if_any(|json, _| {
        let mut reception = Reception::default();
        json.object_if_any(|json, key| {
            match key {
                b"rssi" => reception.rssi = decimal(json)?,
                key if key == snr => reception.snr = decimal(json)?,
                _ => {}
            }
            Ok(())
        })?;
        envelope.heard(reception);
        Ok(())
    })
}

/// ChirpStack tells its events apart by path or topic; the body of a join has a device address and no counter, that
/// of an uplink says how it was received.
pub(super) fn chirpstack(body: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let mut envelope = Envelope::default();
    let (mut uplink, mut status) = (false, false);
    let mut json = Json::new(body);
    json.object(|json, key| {
        match key {
            b"deviceInfo" => {
                return json.object_if_any(|json, key| {
                    match key {
                        b"deviceName" => envelope.device_id = name(json)?,
                        b"devEui" => envelope.dev_eui = dev_eui(json)?,
                        _ => {}
                    }
                    Ok(())
                });
            }
            b"time" => envelope.network_at = instant(json)?,
            b"devAddr" => envelope.join = name(json)?,
            b"fPort" => envelope.port = number(json, "fPort")?,
            b"fCnt" => envelope.counter = number(json, "fCnt")?,
            b"data" => envelope.payload = base64(json, "data")?.unwrap_or_default(),
            b"rxInfo" => {
                uplink = true;
                receptions(json, &mut envelope, b"snr")?;
            }
            b"dr" | b"txInfo" => uplink = true,
            // These stand only in the events that are about something else.
            b"queueItemId" | b"downlinkId" | b"margin" | b"level" | b"integrationName" => status = true,
            _ => {}
        }
        Ok(())
    })?;
    json.finish()?;
    if status {
        return Ok(Opened::Other);
    }
    if uplink || envelope.port.is_some() || !envelope.payload.is_empty() {
        envelope.counter = envelope.counter.or(Some(0));
        return Ok(Opened::Uplink(envelope));
    }
    Ok(if envelope.join.is_some() { Opened::Join(envelope) } else { Opened::Other })
}

/// LORIOT: `rx` comes at once, `gw` a moment later with all gateways; both hold the same frame.
pub(super) fn loriot(body: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let mut envelope = Envelope::default();
    let mut direct = Reception::default();
    let (mut uplink, mut plain) = (false, false);
    let mut encrypted = None;
    let mut json = Json::new(body);
    json.object(|json, key| {
        match key {
            b"cmd" => uplink = json.text()?.is_some_and(|cmd| matches!(cmd.raw(), b"rx" | b"gw")),
            b"EUI" => envelope.dev_eui = dev_eui(json)?,
            b"ts" => {
                let millis: Option<i64> = number(json, "ts")?;
                envelope.network_at =
                    millis.and_then(|ms| ms.checked_mul(1_000_000)).map(Instant::from_nanos);
            }
            b"fcnt" => envelope.counter = number(json, "fcnt")?,
            b"port" => envelope.port = number(json, "port")?,
            b"devaddr" => envelope.join = name(json)?,
            b"data" => {
                envelope.payload = hex(json, "data")?.unwrap_or_default();
                plain = true;
            }
            b"encdata" => encrypted = Some(json.at()),
            b"rssi" => direct.rssi = decimal(json)?,
            b"snr" => direct.snr = decimal(json)?,
            b"gws" => receptions(json, &mut envelope, b"snr")?,
            _ => {}
        }
        Ok(())
    })?;
    json.finish()?;
    if !uplink {
        return Ok(Opened::Other);
    }
    if let (Some(at), false) = (encrypted, plain) {
        return Err(DecodeError::new(ErrorCode::Encrypted, at, "encdata"));
    }
    envelope.heard(direct);
    Ok(Opened::Uplink(envelope))
}

/// The names of a frame record, flat; `payload` is hex, `payload_base64` is what it says.
pub(super) fn generic(body: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let mut envelope = Envelope::default();
    let mut found = false;
    let mut json = Json::new(body);
    json.object(|json, key| {
        match key {
            b"device" => envelope.device_id = name(json)?,
            b"dev_eui" => envelope.dev_eui = dev_eui(json)?,
            b"payload" | b"payload_base64" => {
                let bytes =
                    if key == b"payload" { hex(json, "payload")? } else { base64(json, "payload_base64")? };
                found = bytes.is_some();
                envelope.payload = bytes.unwrap_or_default();
            }
            b"port" => envelope.port = number(json, "port")?,
            b"counter" => envelope.counter = number(json, "counter")?,
            b"join" => envelope.join = name(json)?,
            b"network_at" => envelope.network_at = instant(json)?,
            b"rssi_dbm" => envelope.rssi_dbm = decimal(json)?,
            b"snr_db" => envelope.snr_db = decimal(json)?,
            _ => {}
        }
        Ok(())
    })?;
    json.finish()?;
    if found {
        Ok(Opened::Uplink(envelope))
    } else {
        Err(DecodeError::new(ErrorCode::Missing, json.at(), "payload"))
    }
}
