//! Where a device waits: `HOST`, `HOST:PORT`, `[V6]:PORT`.

use device_codec::Protocol;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// How a device is spoken with that waits to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Frames on one connection, both ways.
    Stream(device_codec::Framing),
    /// Requests.
    Http,
}

/// How devices of this protocol are spoken with, where they wait to be called.
pub(super) fn manner(protocol: Protocol) -> Option<Manner> {
    match protocol {
        Protocol::VzTcp | Protocol::MilesightTcp | Protocol::BarrierAa55 | Protocol::Led0064 => {
            device_codec::Framing::of(protocol).map(Manner::Stream)
        }
        Protocol::HikvisionIsapi | Protocol::DahuaHttp | Protocol::GroundLockDudu => Some(Manner::Http),
        _ => None,
    }
}

impl Address {
    /// Reads an address; without a port it is the protocol's own, where there is one.
    pub(crate) fn parse(text: &str, protocol: Protocol) -> Option<Self> {
        let own = match manner(protocol)? {
            Manner::Http => Some(80),
            Manner::Stream(_) => (protocol == Protocol::VzTcp).then_some(8131),
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match text.split_once(':') {
                // Several colons without brackets: an address of version 6 and nothing else.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(own, |port| port.parse().ok())?;
        let sound = !host.is_empty() && !host.contains(['/', ' ', '@']);
        sound.then(|| Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_protocols_own_where_none_is_named() {
        let read = |text: &str, protocol| Address::parse(text, protocol).map(|address| address.to_string());
        let vz = |text: &str| read(text, Protocol::VzTcp);
        assert_eq!(vz("10.0.0.9").as_deref(), Some("10.0.0.9:8131"));
        assert_eq!(vz("10.0.0.9:9000").as_deref(), Some("10.0.0.9:9000"));
        assert_eq!(vz("fd00::9").as_deref(), Some("[fd00::9]:8131"));
        assert_eq!(vz("[fd00::9]:9000").as_deref(), Some("[fd00::9]:9000"));
        assert_eq!(read("cam-1.lan", Protocol::DahuaHttp).as_deref(), Some("cam-1.lan:80"));
        assert_eq!(read("10.0.0.9:4001", Protocol::BarrierAa55).as_deref(), Some("10.0.0.9:4001"));
        let bad = ["", ":80", "10.0.0.9:", "10.0.0.9:x", "http://10.0.0.9", "a b", "10.0.0.9:70000"];
        assert!(bad.iter().all(|text| vz(text).is_none()));
        assert_eq!(read("10.0.0.9", Protocol::BarrierAa55), None, "a converter has no usual port");
        assert_eq!(read("10.0.0.9:80", Protocol::VzHttp), None, "such a camera calls us");
    }
}
