//! Devices as they are known, and what changed since the record before.

use parking_types::Id;
use session_core::World;

use super::json::{Named, Object, string};
use crate::{
    register::{Change, Heard, Register, Standing, What},
    site::Site,
    stage::Output,
};

/// A device as a record of its topic.
pub(crate) fn device(register: &Register, device: Id, standing: &Standing, site: &Site) -> Output {
    let mut value = Vec::with_capacity(512);
    write(&mut value, register, device, standing, site);
    Output { topic: "devices", key: device.to_string(), value }
}

fn write(out: &mut Vec<u8>, register: &Register, device: Id, standing: &Standing, site: &Site) {
    let lot = site.lot_of_device(&device, standing.heard.at);
    let zone = lot.and_then(|lot| super::zone(site, &lot, standing.heard.at));
    let when = |out: &mut Vec<u8>, heard: Heard| {
        let mut object = Object::open(out);
        object.instant("at", heard.at, zone);
        object.plain("frame", Named(heard.frame));
        object.close();
    };
    let mut object = Object::record(out);
    object.plain("tenant", site.tenant());
    object.plain("device", device);
    object.maybe("lot", lot);
    object.flag("online", register.is_online(&device, lot.as_ref()).unwrap_or(false));
    when(object.key("heard"), standing.heard);
    for (name, heard) in [("report", standing.report), ("heartbeat", standing.heartbeat)] {
        if let Some(heard) = heard {
            when(object.key(name), heard);
        }
    }
    for (name, thousandths) in [
        ("battery_v", standing.battery_mv),
        ("battery_pct", standing.battery_pct),
        ("temperature_c", standing.temperature_c),
        ("rssi_dbm", standing.rssi_dbm),
        ("snr_db", standing.snr_db),
    ] {
        if let Some(number) = thousandths {
            object.raw(name, device_codec::Milli::new(number).to_string().as_bytes());
        }
    }
    if let Some(firmware) = &standing.firmware {
        object.text("firmware", firmware);
    }
    object.list("wrong", &standing.wrong, |out, kind| string(out, kind.as_str()));
    object.list("changes", standing.unpublished(), |out, change: &Change| {
        let mut item = Object::open(out);
        item.instant("at", change.at, zone);
        item.plain("record", Named(change.record));
        match &change.what {
            What::First => item.plain("state", "first"),
            What::Restarted => item.plain("state", "restarted"),
            What::Firmware(firmware) => {
                item.plain("state", "firmware");
                item.text("to", firmware);
            }
            What::Wrong(kind) | What::Cured(kind) => {
                item.plain("state", kind.as_str());
                item.flag("on", matches!(change.what, What::Wrong(_)));
            }
        }
        item.close();
    });
    object.close();
}
