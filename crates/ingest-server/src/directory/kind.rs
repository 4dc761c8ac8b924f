//! What kind of thing a device is, for those who look after it.

use device_codec::Protocol;
use serde_json::Value;

use crate::metrics::label;

label! {
    /// What kind of thing a device is.
    DeviceKind {
        /// It says whether a berth is taken.
        Detector = "detector",
        /// It reads plates.
        Camera = "camera",
        /// It opens and shuts, and reads no plates.
        Barrier = "barrier",
        /// It guards a berth with a bar.
        GroundLock = "ground_lock",
        /// It shows and says.
        Screen = "screen",
        /// It speaks for several berths.
        Gateway = "gateway",
        /// Something else.
        Other = "other",
    }
}

impl DeviceKind {
    /// By what its protocol can say and obey and, where that can be anything, by where it stands.
    pub fn of(protocol: &str, entry: &Value) -> Self {
        let Some(info) = Protocol::parse(protocol).map(Protocol::info) else { return Self::Other };
        let (says, obeys) = (|word| info.says.contains(&word), |word| info.commands.contains(&word));
        let (plates, berths) = (says("plate"), says("occupied") || says("vehicle_count"));
        if berths && entry.get("berths").is_some() {
            Self::Gateway
        } else if plates && (!berths || entry.get("lane").is_some()) {
            Self::Camera
        } else if obeys("raise") && !plates {
            Self::GroundLock
        } else if berths {
            Self::Detector
        } else if obeys("open") {
            Self::Barrier
        } else if obeys("show") {
            Self::Screen
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_protocol_that_devices_speak_has_a_kind() {
        for protocol in Protocol::ALL.iter().filter(|protocol| **protocol != Protocol::Manual) {
            let kind = DeviceKind::of(protocol.name(), &json!({}));
            assert_ne!(kind, DeviceKind::Other, "{}", protocol.name());
        }
        for (protocol, entry, kind) in [
            ("bosch-tps110", json!({"berth": "b"}), "detector"),
            ("nwave-ncc405", json!({"berth": "b"}), "detector"),
            ("vz-http", json!({"lane": "in"}), "camera"),
            ("parkline", json!({"lane": "in"}), "camera"),
            ("parkline", json!({"berth": "b"}), "detector"),
            ("yuncitys-gateway", json!({"berths": {"1": "b"}}), "gateway"),
            ("barrier-aa55", json!({"lane": "in"}), "barrier"),
            ("led-0064", json!({"lot": "L"}), "screen"),
            ("ground-lock-dudu", json!({"berth": "b"}), "ground_lock"),
            ("no-such", json!({}), "other"),
        ] {
            assert_eq!(DeviceKind::of(protocol, &entry).word(), kind, "{protocol} {entry}");
        }
    }
}
