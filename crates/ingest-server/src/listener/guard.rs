//! Who may speak: what a listener takes, and why it does not take the rest. Nothing here is remembered of a device but
//! what the site and the secrets say, so any instance may check any frame.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use device_codec::{
    Protocol,
    native::{AckStatus, Frame, Key},
};
use parking_types::Instant;

use super::{Limits, rate::Rate};
use crate::{
    clock::{Moment, moment},
    directory::{Device, Directory},
    metrics::{Listener, Refused},
    record::Sender,
    secrets::{Secret, Secrets},
};

/// What decides who may speak.
pub struct Guard {
    /// The devices.
    pub directory: Arc<Directory>,
    /// Their keys and tokens.
    pub secrets: Secrets,
    /// Whether the server is open: no tokens are configured, so it listens on loopback only and takes whoever is there.
    pub open: bool,
    /// What connections and devices may do.
    pub limits: Limits,
    /// What came in through each listener.
    rates: [Rate; Listener::ALL.len()],
    /// Since when that is counted.
    since: Moment,
}

/// A device as a connection knows it.
#[derive(Debug)]
pub struct Known {
    /// The device.
    pub device: Arc<Device>,
    /// Its number in native frames.
    pub number: u64,
    /// What its records have in common.
    pub sender: Sender,
    secret: Option<Arc<Secret>>,
    /// The key of its last frame whose tag was right; 0: none was.
    key_id: AtomicU32,
}

impl Known {
    /// The key to make tags with for what goes to the device: the one that it used last.
    pub fn key(&self) -> Option<(u32, &Key)> {
        let id = self.key_id.load(Ordering::Relaxed);
        // Its end is for what comes; what goes out in that moment is still understood.
        self.secret.as_ref()?.key(id, Instant::MIN).map(|key| (id, key))
    }

    /// Whether the frame is the device's own.
    ///
    /// # Errors
    /// What is wrong with its tag.
    pub fn proves(&self, frame: &Frame<'_>, now: Instant) -> Result<(), Refused> {
        let Some(secret) = &self.secret else {
            return if frame.is_tagged() { Err(Refused::UnknownKey) } else { Ok(()) };
        };
        if !frame.is_tagged() {
            return Err(Refused::NoTag);
        }
        let id = frame.head().key_id;
        let key = secret.key(id, now).ok_or(Refused::UnknownKey)?;
        frame.verify(key).map_err(|_| Refused::BadTag)?;
        self.key_id.store(id, Ordering::Relaxed);
        Ok(())
    }
}

impl Guard {
    /// A guard at whose listeners nothing has come in yet.
    pub fn new(directory: Arc<Directory>, secrets: Secrets, open: bool, limits: Limits) -> Self {
        Self { directory, secrets, open, limits, rates: Default::default(), since: moment() }
    }

    /// Whether one more frame keeps to the paces of its device and its listener.
    ///
    /// # Errors
    /// [`Refused::Rate`].
    pub fn paces(&self, device: &Device, listener: Listener, at: Moment) -> Result<(), Refused> {
        let now_ns = at.saturating_duration_since(self.since).as_nanos() as u64;
        let listeners = self.rates.get(listener as usize);
        let keep = device.rate.take(self.limits.device, now_ns)
            && listeners.is_none_or(|rate| rate.take(self.limits.listener, now_ns));
        if keep { Ok(()) } else { Err(Refused::Rate) }
    }

    /// Whether any device of these protocols that proves nothing may speak from this address.
    pub fn expects(&self, protocols: &[Protocol], from: IpAddr) -> bool {
        protocols.iter().any(|protocol| self.directory.expects(*protocol, from, self.open))
    }

    /// A number that is another one after each change of site or secrets: what was asked before holds while it stays.
    pub fn generation(&self) -> (u64, u64) {
        (self.directory.generation(), self.secrets.generation())
    }

    /// The device with this number, if it may speak from this address at all; its frames are still to be proved.
    ///
    /// # Errors
    /// Why it may not.
    pub fn native(&self, number: u64, from: IpAddr) -> Result<Known, Refused> {
        let device = self.directory.by_serial(&format!("{number:016x}")).filter(|device| device.is_native());
        let device = device.ok_or(Refused::UnknownDevice)?;
        if device.key.is_none() {
            self.unproven(&device, from, Refused::NoTag)?;
        } else if !device.sources.is_empty() && !device.is_from(from) {
            return Err(Refused::Address);
        }
        let secret = device.key.as_deref().and_then(|name| self.secrets.secret(name));
        if device.key.is_some() && secret.is_none() {
            return Err(Refused::UnknownKey);
        }
        let sender = Sender::new(&device.id, &device.protocol);
        Ok(Known { device, number, sender, secret, key_id: AtomicU32::new(0) })
    }

    /// Whether a device that proves nothing may speak from this address: one of its `sources`, or any where the site
    /// names none and the server is open. `else_needed` is what it would have needed.
    ///
    /// # Errors
    /// Why it may not.
    pub fn unproven(&self, device: &Device, from: IpAddr, else_needed: Refused) -> Result<(), Refused> {
        match device.sources.is_empty() {
            false if device.is_from(from) => Ok(()),
            false => Err(Refused::Address),
            true if self.open && device.key.is_none() => Ok(()),
            true => Err(else_needed),
        }
    }

    /// Whether a device's own token was given.
    pub fn has_token(&self, device: &Device, token: &str, now: Instant) -> bool {
        let secret = device.key.as_deref().and_then(|name| self.secrets.secret(name));
        secret.is_some_and(|secret| secret.has_token(token, now))
    }
}

/// What a native device is told when its frame is not taken. A stranger learns no more of an address than of a number.
pub fn status(why: Refused) -> AckStatus {
    match why {
        Refused::NoTag | Refused::UnknownKey | Refused::BadTag => AckStatus::BAD_TAG,
        Refused::Busy | Refused::Limit | Refused::Rate | Refused::Deadline => AckStatus::BUSY,
        Refused::Malformed | Refused::TooLarge | Refused::Handshake | Refused::Proxy => AckStatus::BAD_FRAME,
        Refused::UnknownDevice | Refused::Address | Refused::Token | Refused::Role | Refused::Route => {
            AckStatus::UNKNOWN_DEVICE
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::secrets::{Source, Text};
    use device_codec::native::{Head, Heartbeat, Message};
    use serde_json::json;

    pub(crate) const KEYS: &str = "n 1 000102030405060708090a0b0c0d0e0f until=2026-03-02T00:00:00Z\n\
        n 2 101112131415161718191a1b1c1d1e1f\nc token 0123456789abcdef\n";

    fn guard(open: bool) -> Guard {
        let site = json!({"devices": [
            {"id": "keyed", "serial": "0000000000000001", "protocol": "parkline", "key": "n"},
            {"id": "both", "serial": "0000000000000002", "protocol": "parkline", "key": "n", "sources": ["10.0.0.0/8"]},
            {"id": "sourced", "serial": "0000000000000003", "protocol": "parkline", "sources": ["10.0.0.0/8"]},
            {"id": "bare", "serial": "0000000000000004", "protocol": "parkline"},
            {"id": "c", "protocol": "vz-http", "key": "c"}]});
        let directory = Arc::new(Directory::new(site.as_object().unwrap(), 1));
        let secrets = Secrets::open(Source::Text(Text(KEYS.to_owned())), &directory).unwrap();
        Guard::new(directory, secrets, open, Limits::default())
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn frame(number: u64, key: Option<(u32, &[u8])>) -> Vec<u8> {
        let head = Head {
            device_id: number,
            boot_id: 1,
            seq: 1,
            key_id: key.map_or(0, |key| key.0),
            ..Head::default()
        };
        Message::Heartbeat(Heartbeat::default()).encode(&head, key.map(|key| Key::new(key.1)).as_ref())
    }

    #[test]
    fn a_tag_under_a_key_of_the_device_proves_it_and_nothing_else_does() {
        let guard = guard(false);
        let known = guard.native(1, IpAddr::from([9, 9, 9, 9])).unwrap();
        let (one, two): (Vec<u8>, Vec<u8>) = ((0..16).collect(), (16..32).collect());
        let says = |bytes: &[u8], now: &str| known.proves(&Frame::new_checked(bytes).unwrap(), at(now));
        let (early, late) = ("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z");
        assert!(known.key().is_none());
        assert_eq!(says(&frame(1, None), early), Err(Refused::NoTag));
        assert_eq!(says(&frame(1, Some((2, &one))), early), Err(Refused::BadTag), "the other key's number");
        assert_eq!(says(&frame(1, Some((3, &one))), early), Err(Refused::UnknownKey));
        assert_eq!(says(&frame(1, Some((0, &one))), early), Err(Refused::UnknownKey));
        assert!(known.key().is_none(), "a frame that proves nothing changes nothing");
        assert_eq!(says(&frame(1, Some((1, &one))), early), Ok(()));
        assert_eq!(known.key().map(|key| key.0), Some(1));
        assert_eq!(says(&frame(1, Some((1, &one))), late), Err(Refused::UnknownKey), "it has ended");
        assert_eq!(says(&frame(1, Some((2, &two))), late), Ok(()));
        assert_eq!(known.key().map(|key| key.0), Some(2), "answers follow the device to its new key");
    }

    #[test]
    fn addresses_say_who_may_speak_where_nothing_proves_it() {
        let (inside, outside) = (IpAddr::from([10, 1, 1, 1]), IpAddr::from([9, 9, 9, 9]));
        let closed = guard(false);
        let why = |guard: &Guard, number: u64, from: IpAddr| guard.native(number, from).err();
        assert_eq!(why(&closed, 9, inside), Some(Refused::UnknownDevice));
        assert_eq!(why(&closed, 1, outside), None);
        assert_eq!((why(&closed, 2, inside), why(&closed, 2, outside)), (None, Some(Refused::Address)));
        assert_eq!((why(&closed, 3, inside), why(&closed, 3, outside)), (None, Some(Refused::Address)));
        assert_eq!(why(&closed, 4, inside), Some(Refused::NoTag), "it needs a key or an address");
        let open = guard(true);
        assert_eq!((why(&open, 4, outside), why(&open, 3, outside)), (None, Some(Refused::Address)));
        let bare = open.native(4, outside).unwrap();
        let tagged = frame(4, Some((1, &[0; 16])));
        assert_eq!(
            bare.proves(&Frame::new_checked(&tagged).unwrap(), Instant::EPOCH),
            Err(Refused::UnknownKey)
        );
        let camera = open.directory.device("c").unwrap();
        assert_eq!(
            open.unproven(&camera, inside, Refused::Token),
            Err(Refused::Token),
            "the site names a token"
        );
        assert!(open.has_token(&camera, "0123456789abcdef", Instant::EPOCH));
        assert!(!open.has_token(&camera, "0123456789abcdeg", Instant::EPOCH));
    }
}
