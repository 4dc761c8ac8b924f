//! Which devices are in contact, as workers publish it; `/metrics` counts them.

use std::collections::HashSet;

use crossbeam_skiplist::SkipMap;
use serde::Deserialize;

use crate::{
    directory::{Device, DeviceKind},
    metrics::label,
};

label! {
    /// Whether a device is in contact.
    State {
        /// It was heard, and has not fallen silent.
        Online = "online",
        /// It has fallen silent, alone or with its lot.
        Offline = "offline",
        /// It was never heard.
        Unheard = "unheard",
    }
}

/// The devices that were heard, by id.
#[derive(Default)]
pub struct Contact(SkipMap<String, Heard>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    partition: u32,
    online: bool,
    lot: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    device: String,
    online: bool,
    lot: Option<String>,
}

/// How many devices are how, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count([[u64; State::ALL.len()]; DeviceKind::ALL.len()]);

impl Contact {
    /// Takes a device's record.
    pub fn put(&self, partition: u32, json: &[u8]) {
        if let Ok(Record { device, online, lot }) = serde_json::from_slice(json) {
            self.0.insert(device, Heard { partition, online, lot });
        }
    }

    /// Counts these devices; those of a lot that is silent as a whole are offline.
    pub fn count<'d>(
        &self,
        devices: impl Iterator<Item = &'d Device>,
        silent_lots: &HashSet<String>,
    ) -> Count {
        let mut count = Count::default();
        for device in devices {
            let state = match self.0.get(&device.id) {
                None => State::Unheard,
                Some(heard) => {
                    let Heard { online, lot, .. } = heard.value();
                    let with_lot = lot.as_ref().is_some_and(|lot| silent_lots.contains(lot));
                    if *online && !with_lot { State::Online } else { State::Offline }
                }
            };
            let row = count.0.get_mut(device.kind as usize);
            if let Some(number) = row.and_then(|row| row.get_mut(state as usize)) {
                *number += 1;
            }
        }
        count
    }

    /// Appends the devices of a partition: a line each, whether it is online, its id, and its lot.
    pub fn save(&self, partition: u32, out: &mut Vec<u8>) {
        for entry in self.0.iter().filter(|entry| entry.value().partition == partition) {
            let (device, heard) = (entry.key(), entry.value());
            let lot = heard.lot.as_deref().unwrap_or_default();
            let line = format!("{} {device} {lot}\n", u8::from(heard.online));
            out.extend_from_slice(line.as_bytes());
        }
    }

    /// Replaces a partition's devices by what [`save`](Self::save) gave.
    pub fn restore(&self, partition: u32, saved: &[u8]) {
        for entry in self.0.iter().filter(|entry| entry.value().partition == partition) {
            entry.remove();
        }
        for line in String::from_utf8_lossy(saved).lines() {
            let mut parts = line.splitn(3, ' ');
            let (Some(online), Some(device), lot) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let lot = lot.filter(|lot| !lot.is_empty()).map(str::to_owned);
            self.0.insert(device.to_owned(), Heard { partition, online: online == "1", lot });
        }
    }
}

impl Count {
    /// How many devices of a kind are so.
    pub fn of(&self) -> impl Iterator<Item = (DeviceKind, State, u64)> {
        DeviceKind::ALL.iter().zip(self.0).flat_map(|(kind, row)| {
            State::ALL.iter().zip(row).map(move |(state, number)| (*kind, *state, number))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Directory;
    use serde_json::json;

    #[test]
    fn each_device_is_counted_once_by_kind_and_state() {
        let site = json!({"lots": [{"id": "L1"}, {"id": "L2"}], "devices": [
            {"id": "m-1", "protocol": "bosch-tps110", "lot": "L1"}, {"id": "m-2", "protocol": "bosch-tps110", "lot": "L1"},
            {"id": "m-3", "protocol": "bosch-tps110", "lot": "L2"}, {"id": "c-1", "protocol": "vz-http"}]});
        let directory = Directory::new(site.as_object().unwrap(), 1);
        let devices = directory.devices();
        let contact = Contact::default();
        let heard = |device: &str, online: bool, lot: &str| {
            let record = json!({"v": 1, "device": device, "online": online, "lot": lot, "wrong": []});
            contact.put(0, record.to_string().as_bytes());
        };
        heard("m-1", true, "L1");
        heard("m-2", false, "L1");
        heard("m-3", true, "L2");
        heard("gone", true, "L2");
        let counted = |silent: &[&str]| {
            let silent = silent.iter().map(ToString::to_string).collect();
            let count = contact.count(devices.iter().map(|device| &**device), &silent);
            count
                .of()
                .filter(|(_, _, number)| *number > 0)
                .map(|(kind, state, number)| format!("{} {} {number}", kind.word(), state.word()))
                .collect::<Vec<_>>()
        };
        assert_eq!(counted(&[]), ["detector online 2", "detector offline 1", "camera unheard 1"]);
        assert_eq!(counted(&["L2"]), ["detector online 1", "detector offline 2", "camera unheard 1"]);
        let mut saved = Vec::new();
        contact.save(0, &mut saved);
        heard("c-1", true, "");
        contact.restore(0, &saved);
        assert_eq!(counted(&["L2"]), ["detector online 1", "detector offline 2", "camera unheard 1"]);
        heard("m-2", true, "L1");
        assert_eq!(counted(&[]), ["detector online 3", "camera unheard 1"]);
    }
}
