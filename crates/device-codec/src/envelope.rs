//! What LoRaWAN network servers wrap around a device's bytes: opened into the bytes and the facts of a frame record.
//!
//! A listener opens the envelope when it takes it; the frame record then holds the device's own bytes, and the
//! envelope's facts fill `port`, `counter`, `join`, `network_at`, `rssi_dbm` and `snr_db`.
//!
//! ```
//! use device_codec::envelope::{Network, Opened, open};
//! let body = br#"{"end_device_ids":{"device_id":"bay-7","dev_eui":"0004A30B001C0530"},
//!     "uplink_message":{"session_key_id":"AXA50Q==","f_port":1,"f_cnt":5,"frm_payload":"AQ==",
//!     "rx_metadata":[{"rssi":-112,"snr":-4.5}],"received_at":"2026-03-02T00:00:00.123Z"}}"#;
//! let Opened::Uplink(uplink) = open(Network::TheThingsStack, body)? else { panic!("no uplink") };
//! assert_eq!((uplink.dev_eui.as_deref(), uplink.payload.as_slice()), (Some("0004A30B001C0530"), &[1][..]));
//! assert_eq!((uplink.port, uplink.counter), (Some(1), Some(5)));
//! # Ok::<(), device_codec::DecodeError>(())
//! ```

use parking_types::{Instant, words};

use crate::error::{DecodeError, ErrorCode};
use crate::json::{Json, Scalar, Str};
use crate::milli::Milli;
use crate::text::Text;

mod servers;

words! {
    /// Whose envelope it is.
    Network {
        /// The Things Stack, version 3: webhooks and MQTT.
        TheThingsStack = "the-things-stack",
        /// ChirpStack, version 4, JSON: HTTP and MQTT integrations.
        ChirpStack = "chirpstack",
        /// LORIOT: `rx` and `gw` messages.
        Loriot = "loriot",
        /// Any other: a flat object with the names of a frame record.
        Generic = "generic",
    }
}

/// A device's bytes and what the network says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The device's 64-bit id as sixteen hex digits in upper case.
    pub dev_eui: Option<Text<'a>>,
    /// The name that the device has in the network server.
    pub device_id: Option<Text<'a>>,
    /// The device's own bytes; empty where it sent none.
    pub payload: Vec<u8>,
    /// FPort.
    pub port: Option<u8>,
    /// FCnt.
    pub counter: Option<u32>,
    /// What changes with each join: the session key's id or the device address.
    pub join: Option<Text<'a>>,
    /// When the network had it.
    pub network_at: Option<Instant>,
    /// Signal strength at the gateway that heard it best, dBm.
    pub rssi_dbm: Option<Milli>,
    /// Signal-to-noise ratio at that gateway, dB.
    pub snr_db: Option<Milli>,
}

/// What was in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened<'a> {
    /// A device sent something.
    Uplink(Envelope<'a>),
    /// A device joined; no bytes of its own.
    Join(Envelope<'a>),
    /// The network's own business: acknowledgements, downlinks, logs, location.
    Other,
}

/// Opens an envelope.
///
/// # Errors
/// [`DecodeError`]: `syntax` and `truncated` where it is no JSON, `missing` without a device, `value` and `encoding`
/// for fields that cannot be what they are, `encrypted` where the network holds no key for the payload.
pub fn open(network: Network, body: &[u8]) -> Result<Opened<'_>, DecodeError> {
    let opened = match network {
        Network::TheThingsStack => servers::the_things_stack(body),
        Network::ChirpStack => servers::chirpstack(body),
        Network::Loriot => servers::loriot(body),
        Network::Generic => servers::generic(body),
    }?;
    match &opened {
        Opened::Uplink(envelope) | Opened::Join(envelope)
            if envelope.dev_eui.is_none() && envelope.device_id.is_none() =>
        {
            Err(DecodeError::new(ErrorCode::Missing, body.len(), "device"))
        }
        _ => Ok(opened),
    }
}

/// A reception at one gateway.
#[derive(Clone, Copy, Default)]
struct Reception {
    rssi: Option<Milli>,
    snr: Option<Milli>,
}

impl Envelope<'_> {
    /// Keeps the reception with the strongest signal.
    fn heard(&mut self, reception: Reception) {
        if self.rssi_dbm.is_none() || reception.rssi > self.rssi_dbm {
            self.rssi_dbm = reception.rssi.or(self.rssi_dbm);
            self.snr_db = reception.snr.or(self.snr_db);
        }
    }
}

/// Sixteen hex digits, dashes and colons between them allowed; `None` where it is something else.
fn eui(text: Str<'_>) -> Option<Text<'static>> {
    let mut digits = [0u8; 16];
    let mut len = 0;
    for b in text.raw().iter().filter(|b| !matches!(b, b'-' | b':')) {
        *digits.get_mut(len)? = b.to_ascii_uppercase();
        len += 1;
    }
    let hex = len == 16 && digits.iter().all(u8::is_ascii_hexdigit);
    core::str::from_utf8(&digits).ok().filter(|_| hex).map(Text::own)
}

fn wrong(at: usize, name: &'static str) -> DecodeError {
    DecodeError::new(ErrorCode::Value, at, name)
}

/// A whole number of the given type; nothing where the value is `null`.
fn number<T: TryFrom<i64>>(json: &mut Json<'_>, name: &'static str) -> Result<Option<T>, DecodeError> {
    let at = json.at();
    match json.scalar()? {
        Scalar::Null => Ok(None),
        value => {
            let number = value.int().and_then(|number| T::try_from(number).ok());
            number.map(Some).ok_or(wrong(at, name))
        }
    }
}

fn decimal(json: &mut Json<'_>) -> Result<Option<Milli>, DecodeError> {
    Ok(json.scalar()?.milli())
}

fn name<'a>(json: &mut Json<'a>) -> Result<Option<Text<'a>>, DecodeError> {
    json.scalar()?.id().map(Str::decode).transpose()
}

fn dev_eui(json: &mut Json<'_>) -> Result<Option<Text<'static>>, DecodeError> {
    let at = json.at();
    match json.text()? {
        Some(text) if !text.raw().is_empty() => eui(text).map(Some).ok_or(wrong(at, "dev_eui")),
        _ => Ok(None),
    }
}

fn instant(json: &mut Json<'_>) -> Result<Option<Instant>, DecodeError> {
    let Some(text) = json.text()? else { return Ok(None) };
    // A network's time that cannot be read is not known; the device's bytes are worth more.
    Ok(text.decode()?.parse().ok())
}

fn base64(json: &mut Json<'_>, name: &'static str) -> Result<Option<Vec<u8>>, DecodeError> {
    let at = json.at();
    let Some(text) = json.text()? else { return Ok(None) };
    let mut bytes = vec![0; text.raw().len()];
    let len = crate::base64::decode(text.raw(), &mut bytes).map(<[u8]>::len);
    bytes.truncate(len.ok_or(DecodeError::new(ErrorCode::Encoding, at, name))?);
    Ok(Some(bytes))
}

fn hex(json: &mut Json<'_>, name: &'static str) -> Result<Option<Vec<u8>>, DecodeError> {
    let Some(text) = json.text()? else { return Ok(None) };
    let mut bytes = vec![0; text.raw().len().div_ceil(2)];
    crate::hex::decode_into(text.raw(), &mut bytes)
        .map_err(|past| DecodeError::new(ErrorCode::Encoding, text.at() + past, name))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
