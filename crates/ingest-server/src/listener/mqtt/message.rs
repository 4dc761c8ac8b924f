//! Whose message it is, and what of it goes into the log.

use std::{borrow::Cow, sync::Arc};

use device_codec::{
    Context, Protocol,
    command::Topics,
    decode,
    envelope::{Network, Opened, open},
};
use rumqttc::Publish;

use super::topics::{Speaks, Subscription, style};
use crate::{
    directory::{Device, Directory},
    images::ImageRef,
    metrics::Refused,
    record::{FrameRecord, Uplink},
};

/// A message of a device of the site.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) device: Arc<Device>,
    pub(super) protocol: Protocol,
    /// What the device calls itself.
    pub(super) serial: String,
    pub(super) topics: Topics,
    pub(super) payload: Cow<'a, [u8]>,
    uplink: Option<Uplink>,
}

impl Message<'_> {
    /// What goes into the log; `cut`: the payload without its photos, and where they stood.
    pub(super) fn record<'r>(
        &'r self,
        topic: &'r str,
        cut: Option<&'r (Vec<u8>, Vec<ImageRef>)>,
    ) -> FrameRecord<'r> {
        let (payload, images) = cut.map_or((&*self.payload, &[][..]), |(payload, images)| (payload, images));
        FrameRecord {
            device: Some(&self.device.id),
            protocol: self.protocol.name(),
            payload,
            route: Some(topic),
            uplink: self.uplink.as_ref(),
            images,
            listener: "mqtt",
            ..FrameRecord::default()
        }
    }
}

/// Finds the device; nothing where it is the network's own business.
///
/// # Errors
/// Why it is not taken.
pub(super) fn look<'a>(
    publish: &'a Publish,
    subscriptions: &[Subscription],
    directory: &Directory,
) -> Result<Option<Message<'a>>, Refused> {
    let found = subscriptions.iter().find(|subscription| subscription.matches(&publish.topic));
    match found.ok_or(Refused::UnknownDevice)?.speaks {
        Speaks::Protocol(protocol) => own(publish, protocol, directory).map(Some),
        Speaks::Network(network) => wrapped(&publish.payload, network, directory),
    }
}

/// The device that a level of the topic names, else the one that the message names.
fn own<'a>(publish: &'a Publish, protocol: Protocol, directory: &Directory) -> Result<Message<'a>, Refused> {
    let speaks =
        |serial: &str| directory.by_serial(serial).filter(|device| device.protocol == protocol.name());
    let mut levels = publish.topic.split('/').filter(|level| !level.is_empty());
    let by_topic = levels.find_map(|level| Some((speaks(level)?, level.to_owned())));
    let by_message = || {
        let mut serial = None;
        let context = Context { route: Some(&publish.topic), ..Context::default() };
        // What cannot be read names nobody.
        let _ = decode(protocol, &publish.payload, &context, &mut |reading| {
            serial = serial.take().or_else(|| reading.device().map(|device| device.as_str().to_owned()));
        });
        let serial = serial?;
        Some((speaks(&serial)?, serial))
    };
    let (device, serial) = by_topic.or_else(by_message).ok_or(Refused::UnknownDevice)?;
    let (topics, payload) = (style(&publish.topic), Cow::Borrowed(&*publish.payload));
    Ok(Message { device, protocol, serial, topics, payload, uplink: None })
}

/// A device's own bytes out of a network server's envelope.
fn wrapped<'a>(
    body: &'a [u8],
    network: Network,
    directory: &Directory,
) -> Result<Option<Message<'a>>, Refused> {
    let envelope = match open(network, body).map_err(|_| Refused::Malformed)? {
        Opened::Uplink(envelope) => envelope,
        // A join has no bytes of the device's; its number stands in every message that follows.
        Opened::Join(_) | Opened::Other => return Ok(None),
    };
    let names = [envelope.dev_eui.as_deref(), envelope.device_id.as_deref()];
    let found = names.into_iter().flatten().find_map(|name| {
        let device = directory.by_serial(name).or_else(|| directory.by_serial(&name.to_ascii_lowercase()))?;
        Some((device, name.to_owned()))
    });
    let (device, serial) = found.ok_or(Refused::UnknownDevice)?;
    let protocol = Protocol::parse(&device.protocol).ok_or(Refused::UnknownDevice)?;
    let uplink = Uplink {
        port: envelope.port,
        counter: envelope.counter,
        join: envelope.join.as_deref().map(str::to_owned),
        network_at: envelope.network_at,
        rssi_dbm: envelope.rssi_dbm,
        snr_db: envelope.snr_db,
    };
    let (topics, payload) = (Topics::default(), Cow::Owned(envelope.payload));
    Ok(Some(Message { device, protocol, serial, topics, payload, uplink: Some(uplink) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::QoS;
    use serde_json::{Value, json};

    fn directory() -> Directory {
        let site = json!({"devices": [
            {"id": "cam", "serial": "aaaa-1111", "protocol": "vz-mqtt"},
            {"id": "bay", "serial": "0004a30b001c0530", "protocol": "bosch-tps110"},
            {"id": "other", "serial": "bbbb-2222", "protocol": "vz-http"}]});
        Directory::new(site.as_object().unwrap(), 1)
    }

    fn subscriptions() -> Vec<Subscription> {
        ["vz-mqtt=device/+/message/up/#", "vz-mqtt=old/#", "the-things-stack=v3/+/devices/+/up"]
            .map(|text| Subscription::parse(text).unwrap())
            .into()
    }

    fn looked(topic: &str, body: &[u8]) -> Result<Option<Value>, Refused> {
        let publish = Publish::new(topic, QoS::AtLeastOnce, body);
        let message = look(&publish, &subscriptions(), &directory())?;
        Ok(message.map(|message| {
            let mut out = Vec::new();
            message.record(&publish.topic, None).encode("2026-03-02T00:00:01Z".parse().unwrap(), &mut out);
            serde_json::from_slice(&out).unwrap()
        }))
    }

    #[test]
    fn the_topic_names_the_device_before_the_message_does() {
        let record = looked("device/aaaa-1111/message/up/ivs_result", b"{\"sn\":\"cccc\"}").unwrap().unwrap();
        assert_eq!((&record["device"], &record["protocol"]), (&json!("cam"), &json!("vz-mqtt")));
        assert_eq!(record["route"], "device/aaaa-1111/message/up/ivs_result");
        let told = |topic: &str| looked(topic, b"{}").map(drop);
        assert_eq!(told("device/zzzz/message/up/ivs_result"), Err(Refused::UnknownDevice));
        assert_eq!(
            told("device/bbbb-2222/message/up/ivs_result"),
            Err(Refused::UnknownDevice),
            "it speaks something else"
        );
        assert_eq!(told("nothing/of/ours"), Err(Refused::UnknownDevice));
        assert_eq!(told("old/x"), Err(Refused::UnknownDevice));
    }

    #[test]
    fn an_envelope_gives_the_devices_own_bytes_and_what_the_network_knows() {
        let body = json!({"end_device_ids": {"device_id": "bay-7", "dev_eui": "0004A30B001C0530"}, "uplink_message": {
            "session_key_id": "AXA50Q==", "f_port": 1, "f_cnt": 5, "frm_payload": "AQ==",
            "rx_metadata": [{"rssi": -112, "snr": -4.5}], "received_at": "2026-03-02T00:00:00.123Z"}});
        let record = looked("v3/app@ttn/devices/bay-7/up", body.to_string().as_bytes()).unwrap().unwrap();
        let wanted = json!({"received_at": "2026-03-02T00:00:01Z", "device": "bay", "protocol": "bosch-tps110", "payload": "01",
            "port": 1, "counter": 5, "join": "AXA50Q==", "network_at": "2026-03-02T00:00:00.123Z", "rssi_dbm": -112, "snr_db": -4.5,
            "route": "v3/app@ttn/devices/bay-7/up", "listener": "mqtt"});
        assert_eq!(record, wanted);
        assert_eq!(looked("v3/a/devices/b/up", b"{").map(drop), Err(Refused::Malformed));
        let joined =
            json!({"end_device_ids": {"device_id": "bay-7"}, "join_accept": {"session_key_id": "x"}});
        assert!(
            matches!(looked("v3/a/devices/b/up", joined.to_string().as_bytes()), Ok(None)),
            "no bytes of the device's"
        );
    }
}
