//! Devices as they are known, and what changed since the record before.

use parking_types::Id;
use session_core::World;

use super::json::{Named, Object, key, string};
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
        object.instant(key!("at"), heard.at, zone);
        object.plain(key!("frame"), Named(heard.frame));
        object.close();
    };
    let mut object = Object::record(out);
    object.plain(key!("tenant"), site.tenant());
    object.plain(key!("device"), device);
    object.maybe(key!("lot"), lot);
    object.flag(key!("online"), register.is_online(&device, lot.as_ref()).unwrap_or(false));
    when(object.key(key!("heard")), standing.heard);
    for (name, heard) in [(key!("report"), standing.report), (key!("heartbeat"), standing.heartbeat)] {
        if let Some(heard) = heard {
            when(object.key(name), heard);
        }
    }
    for (name, thousandths) in [
        (key!("battery_v"), standing.battery_mv),
        (key!("battery_pct"), standing.battery_pct),
        (key!("temperature_c"), standing.temperature_c),
        (key!("rssi_dbm"), standing.rssi_dbm),
        (key!("snr_db"), standing.snr_db),
    ] {
        if let Some(number) = thousandths {
            object.raw(name, device_codec::Milli::new(number).to_string().as_bytes());
        }
    }
    if let Some(firmware) = &standing.firmware {
        object.text(key!("firmware"), firmware);
    }
    object.list(key!("wrong"), &standing.wrong, |out, kind| string(out, kind.as_str()));
    object.list(key!("changes"), standing.unpublished(), |out, change: &Change| {
        let mut item = Object::open(out);
        item.instant(key!("at"), change.at, zone);
        item.plain(key!("record"), Named(change.record));
        match &change.what {
            What::First => item.plain(key!("state"), "first"),
            What::Restarted => item.plain(key!("state"), "restarted"),
            What::Firmware(firmware) => {
                item.plain(key!("state"), "firmware");
                item.text(key!("to"), firmware);
            }
            What::Wrong(kind) | What::Cured(kind) => {
                item.plain(key!("state"), kind.as_str());
                item.flag(key!("on"), matches!(change.what, What::Wrong(_)));
            }
        }
        item.close();
    });
    object.close();
}
