//! The site that the simulated devices belong to.

use serde_json::{Value, json};

/// Berths of one lot: lots are what partitions divide.
const BERTHS: u32 = 100;
/// The name of the devices' secret.
const SECRET: &str = "load";

/// A detector's number in native frames.
pub(super) fn number(device: u32) -> u64 {
    0x4c4f_4144_0000_0000 | u64::from(device)
}

/// A camera's id.
pub(super) fn camera(index: u32) -> String {
    format!("load-cam-{index}")
}

/// A site for so many detectors and cameras; with keys where `keyed`.
pub fn site(devices: u32, cameras: u32, keyed: bool) -> Value {
    let zone = "Asia/Shanghai";
    let policy = json!({"flicker": "0s", "min_stay": "0s"});
    let lot = |index: u32| json!({"id": format!("load-{index}"), "kind": "roadside", "time_zone": zone, "tariffs": ["load"], "policy": policy});
    let gated = |index: u32| json!({"id": format!("load-gate-{index}"), "kind": "gated", "time_zone": zone, "tariffs": ["load"]});
    let berth =
        |index: u32| json!({"id": format!("load-b-{index}"), "lot": format!("load-{}", index / BERTHS)});
    let lane = |index: u32| json!({"id": format!("load-in-{index}"), "lot": format!("load-gate-{index}"), "direction": "entry"});
    let detector = |index: u32| {
        let mut device = json!({"id": format!("load-d-{index}"), "serial": format!("{:016x}", number(index)),
            "protocol": "parkline", "berth": format!("load-b-{index}")});
        if keyed {
            device["key"] = json!(SECRET);
        }
        device
    };
    let post =
        |index: u32| json!({"id": camera(index), "protocol": "vz-http", "lane": format!("load-in-{index}")});
    let tariff = json!({"format": 1, "id": "load", "currency": "CNY", "time_zone": zone,
        "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]});
    json!({"format": 1, "tariffs": [tariff],
        "lots": (0..devices.div_ceil(BERTHS)).map(lot).chain((0..cameras).map(gated)).collect::<Vec<_>>(),
        "berths": (0..devices).map(berth).collect::<Vec<_>>(), "lanes": (0..cameras).map(lane).collect::<Vec<_>>(),
        "devices": (0..devices).map(detector).chain((0..cameras).map(post)).collect::<Vec<_>>()})
}

/// The secrets of that site: one key for all, which nobody else may know either.
pub fn secrets(key: &[u8; 32]) -> String {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{SECRET} 1 {hex}\n")
}

/// A plate of its own for each of two million reads.
pub(super) fn plate(read: u64) -> String {
    const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let letter = LETTERS.get((read / 100_000 % 24) as usize).copied().unwrap_or(b'A');
    format!("粤{}{:05}", char::from(letter), read % 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_holds_together() {
        for keyed in [false, true] {
            let site = site(250, 3, keyed);
            let text = site.to_string();
            parkline::site::Site::parse(&[("site", text.as_bytes())]).unwrap();
            assert_eq!(site["lots"].as_array().unwrap().len(), 6);
        }
        let ring = crate::secrets::Keyring::parse(&secrets(&[7; 32])).unwrap();
        let directory = crate::directory::Directory::new(site(2, 1, true).as_object().unwrap(), 1);
        assert_eq!(ring.lacks(&directory), None);
        assert_ne!(plate(99_999), plate(100_000));
    }
}
