//! What listeners must know of the site: which devices there are, what they speak, and where their frames go.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use device_codec::Protocol;
use serde_json::{Map, Value};

use crate::{listener::rate::Rate, partition};

mod kind;
mod places;

pub use kind::DeviceKind;
pub(crate) use places::{Berth, Lot, Places, Spot};

/// A device of the site.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id.
    pub id: String,
    /// The name of its protocol.
    pub protocol: String,
    /// What kind of thing it is.
    pub kind: DeviceKind,
    /// The partition of its frames.
    pub partition: u32,
    /// Who may speak for it; empty: nothing is said.
    pub sources: Vec<Network>,
    /// The name of its secret.
    pub key: Option<String>,
    /// The number that it gives itself.
    pub serial: Option<String>,
    /// Where it waits to be called.
    pub address: Option<String>,
    /// How fast its frames come.
    pub rate: Arc<Rate>,
}

impl Device {
    /// Whether it speaks our own frame, whose tag can prove who it is.
    pub fn is_native(&self) -> bool {
        self.protocol == Protocol::Parkline.name()
    }

    /// Whether its `sources` hold the address.
    pub fn is_from(&self, address: IpAddr) -> bool {
        self.sources.iter().any(|network| network.holds(address))
    }
}

/// A block of addresses in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

/// Addresses of both versions as 128 bits; version 4 lies where RFC 4291 maps it.
fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Network {
    /// Reads `10.1.0.0/16`, `fd00::/8`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(width), |bits| bits.parse().ok()).filter(|bits| *bits <= width)?;
        Some(Self { address: wide(address), bits: bits + 128 - width })
    }

    /// Whether the address lies in the block.
    pub fn holds(&self, address: IpAddr) -> bool {
        let differing = self.address ^ wide(address);
        differing.checked_shr(128 - self.bits).unwrap_or(0) == 0
    }
}

/// The devices of a site, and the groups of what people's actions name; replaced as a whole when the site changes.
#[derive(Debug)]
pub struct Directory(RwLock<Arc<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    partitions: u32,
    /// How often the site has changed.
    generation: u64,
    devices: HashMap<String, Arc<Device>>,
    serials: HashMap<String, String>,
    /// From where devices that prove nothing are expected, by protocol.
    expected: HashMap<String, Expected>,
    /// Group by lot.
    groups: HashMap<String, String>,
    /// Lot by berth, and lot by lane.
    berths: HashMap<String, String>,
    lanes: HashMap<String, String>,
    places: Arc<Places>,
}

/// From where a protocol's devices come.
#[derive(Debug, Default)]
struct Expected {
    networks: Vec<Network>,
    /// One of them is taken from anywhere by an open server.
    anywhere: bool,
}

impl Directory {
    /// Reads a merged site.
    pub fn new(site: &Map<String, Value>, partitions: u32) -> Self {
        Self(RwLock::new(Arc::new(Entries::new(site, partitions, &HashMap::new()))))
    }

    /// The site has changed: whoever asks from now on is told what it says now.
    pub fn replace(&self, site: &Map<String, Value>) {
        let before = self.entries();
        let generation = before.generation + 1;
        let entries =
            Arc::new(Entries { generation, ..Entries::new(site, before.partitions, &before.devices) });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// A number that is another one after each change of the site: what was asked before holds while it stays.
    pub fn generation(&self) -> u64 {
        self.entries().generation
    }

    fn entries(&self) -> Arc<Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A device by its id.
    pub fn device(&self, id: &str) -> Option<Arc<Device>> {
        self.entries().devices.get(id).cloned()
    }

    /// A device by the serial number that it gives itself, or by its id.
    pub fn by_serial(&self, serial: &str) -> Option<Arc<Device>> {
        let entries = self.entries();
        entries.devices.get(entries.serials.get(serial).map_or(serial, String::as_str)).cloned()
    }

    /// All devices, in no order.
    pub fn devices(&self) -> Vec<Arc<Device>> {
        self.entries().devices.values().cloned().collect()
    }

    /// The device of this protocol whose `sources` hold the address, where it is the only one.
    pub fn by_address(&self, protocol: Protocol, from: IpAddr) -> Option<Arc<Device>> {
        let entries = self.entries();
        let speaks = |device: &&Arc<Device>| device.protocol == protocol.name() && device.is_from(from);
        let mut devices = entries.devices.values().filter(speaks);
        devices.next().filter(|_| devices.next().is_none()).cloned()
    }

    /// Whether a device of this protocol that proves nothing may come from there; `open`: where the site does not say
    /// from where, too.
    pub fn expects(&self, protocol: Protocol, from: IpAddr, open: bool) -> bool {
        let entries = self.entries();
        entries.expected.get(protocol.name()).is_some_and(|expected| {
            open && expected.anywhere || expected.networks.iter().any(|network| network.holds(from))
        })
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.entries().devices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lots, berths and lanes as they are now.
    pub(crate) fn places(&self) -> Arc<Places> {
        self.entries().places.clone()
    }

    /// The partition of an action's target: its session's, else its berth's, lane's or lot's group. What names
    /// nothing known goes to partition 0, whose worker says so.
    pub fn partition_of_action(&self, action: &Value) -> u32 {
        self.entries().partition_of_action(action)
    }
}

impl Entries {
    fn new(site: &Map<String, Value>, partitions: u32, before: &HashMap<String, Arc<Device>>) -> Self {
        let mut directory = Self { partitions, ..Self::default() };
        let pairs = |kind: &str, field: &str| -> HashMap<String, String> {
            entries(site, kind).filter_map(|entry| Some((text(entry, "id")?, text(entry, field)?))).collect()
        };
        directory.berths = pairs("berths", "lot");
        directory.lanes = pairs("lanes", "lot");
        directory.groups = entries(site, "lots")
            .filter_map(|lot| Some((text(lot, "id")?, text(lot, "group").or_else(|| text(lot, "id"))?)))
            .collect();
        for entry in entries(site, "devices") {
            let (Some(id), Some(protocol)) = (text(entry, "id"), text(entry, "protocol")) else { continue };
            if let Some(serial) = text(entry, "serial") {
                directory.serials.insert(serial, id.clone());
            }
            let group = directory.group_of_device(entry);
            let partition = partition::partition_of(group.as_ref().unwrap_or(&id).as_bytes(), partitions);
            let sources = entry.get("sources").and_then(Value::as_array).into_iter().flatten();
            let sources: Vec<Network> =
                sources.filter_map(|source| Network::parse(source.as_str()?)).collect();
            let key = text(entry, "key");
            let expected = directory.expected.entry(protocol.clone()).or_default();
            expected.anywhere |= sources.is_empty() && key.is_none();
            for network in &sources {
                if !expected.networks.contains(network) {
                    expected.networks.push(*network);
                }
            }
            let rate = before.get(&id).map(|device| device.rate.clone()).unwrap_or_default();
            let kind = DeviceKind::of(&protocol, entry);
            let (serial, address) = (text(entry, "serial"), text(entry, "address"));
            let device =
                Device { id: id.clone(), protocol, kind, partition, sources, key, serial, address, rate };
            directory.devices.insert(id, Arc::new(device));
        }
        let group = |lot: &str| directory.groups.get(lot).cloned().unwrap_or_else(|| lot.to_owned());
        directory.places =
            Arc::new(Places::new(site, |lot| partition::partition_of(group(lot).as_bytes(), partitions)));
        directory
    }

    fn group_of_device(&self, device: &Value) -> Option<String> {
        let one_of_many =
            || device.get("berths")?.as_object()?.values().find_map(|berth| Some(berth.as_str()?.to_owned()));
        let berth = text(device, "berth").or_else(one_of_many);
        let lot = text(device, "lot")
            .or_else(|| text(device, "lane").and_then(|lane| self.lanes.get(&lane).cloned()))
            .or_else(|| berth.and_then(|berth| self.berths.get(&berth).cloned()))?;
        self.groups.get(&lot).cloned()
    }

    fn partition_of_action(&self, action: &Value) -> u32 {
        let named = |field: &str| action.get(field).and_then(Value::as_str);
        let sessions = || action.get("sessions")?.as_array()?.first()?.as_str();
        if let Some(hash) = named("session").or_else(sessions).and_then(group_hash) {
            return partition::of_hash(hash, self.partitions);
        }
        let lot = named("lot")
            .or_else(|| self.lanes.get(named("lane")?).map(String::as_str))
            .or_else(|| self.berths.get(named("berth")?).map(String::as_str));
        let group = lot.and_then(|lot| self.groups.get(lot));
        group.map_or(0, |group| partition::partition_of(group.as_bytes(), self.partitions))
    }
}

/// The hash of the group that stands in the first 32 bits of a session's id: 26 characters of lower-case Crockford
/// base32, which hold 130 bits, so the first character has two bits of zero before it.
pub fn group_hash(session: &str) -> Option<u32> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let value = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte);
    if session.len() != 26 || !session.bytes().all(|byte| value(byte).is_some()) {
        return None;
    }
    // Seven characters are 35 bits: two of zero, 32 of the hash, one of what follows.
    let head =
        session.bytes().take(7).try_fold(0u64, |bits, byte| Some((bits << 5) | value(byte)? as u64))?;
    u32::try_from(head >> 1).ok()
}

fn entries<'a>(site: &'a Map<String, Value>, kind: &str) -> impl Iterator<Item = &'a Value> {
    site.get(kind).and_then(Value::as_array).into_iter().flatten()
}

fn text(entry: &Value, field: &str) -> Option<String> {
    entry.get(field)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn directory() -> Directory {
        let site = json!({
            "lots": [{"id": "L1"}, {"id": "G1", "group": "mall"}],
            "berths": [{"id": "b1", "lot": "L1"}],
            "lanes": [{"id": "in", "lot": "G1"}],
            "devices": [
                {"id": "m-1", "protocol": "bosch-tps110", "berth": "b1"},
                {"id": "v-9", "protocol": "yuncitys-gateway", "berths": {"1": "b1"}},
                {"id": "c-1", "protocol": "vz-http", "lane": "in", "serial": "abc", "sources": ["10.1.0.0/16", "::1"]},
                {"id": "spare", "protocol": "vz-http"}
            ]
        });
        Directory::new(site.as_object().unwrap(), 12)
    }

    #[test]
    fn a_device_goes_where_its_group_goes() {
        let directory = directory();
        let partition = |device: &str| directory.device(device).unwrap().partition;
        assert_eq!(partition("m-1"), partition::partition_of(b"L1", 12));
        assert_eq!(partition("v-9"), partition("m-1"));
        assert_eq!(partition("c-1"), partition::partition_of(b"mall", 12));
        assert_eq!(partition("spare"), partition::partition_of(b"spare", 12));
        assert_eq!(directory.by_serial("abc").unwrap().id, "c-1");
        assert_eq!(directory.by_serial("m-1").unwrap().id, "m-1");
        assert!(directory.by_serial("nobody").is_none());
    }

    #[test]
    fn an_action_goes_where_its_target_is() {
        let directory = directory();
        let mall = partition::partition_of(b"mall", 12);
        assert_eq!(directory.partition_of_action(&json!({"lane": "in"})), mall);
        assert_eq!(directory.partition_of_action(&json!({"lot": "G1", "plate": "A"})), mall);
        assert_eq!(
            directory.partition_of_action(&json!({"berth": "b1"})),
            partition::partition_of(b"L1", 12)
        );
        assert_eq!(directory.partition_of_action(&json!({"berth": "no such"})), 0);
    }

    #[test]
    fn a_sessions_id_names_its_group() {
        // 2^32 - 1 followed by 96 bits of zero: 00 + 32 ones + 96 zeros, in groups of five.
        assert_eq!(group_hash("7zzzzzy0000000000000000000"), Some(u32::MAX));
        assert_eq!(group_hash("00000000000000000000000000"), Some(0));
        assert_eq!(group_hash("zzzzzzz0000000000000000000"), None, "more than 128 bits");
        assert_eq!(group_hash("0000000000000000000000000i"), None);
        assert_eq!(group_hash("short"), None);
    }

    #[test]
    fn networks() {
        let holds =
            |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.1.0.0/16", "10.1.255.1"));
        assert!(!holds("10.1.0.0/16", "10.2.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "fd00::1"));
        assert!(holds("fd00::/8", "fdff::1") && holds("::/0", "1.2.3.4"));
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("host"), None);
    }
}
