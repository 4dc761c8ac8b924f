//! Devices' keys and tokens: read from a file or a variable, read again while the server runs, never shown.
//!
//! A device of the site names a secret (`key`). A secret has keys for the tags of native frames, each with its number,
//! and tokens for devices that can be given nothing but an address. Several of each may be good at a time, which is how
//! they are changed: add the new one, let the device change over, take the old one away.

use std::{
    collections::HashMap,
    fmt,
    hint::black_box,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use device_codec::native::Key;
use parking_types::Instant;

use crate::{directory::Directory, log::lock};

/// What a device and the server know.
#[derive(Default)]
pub struct Secret {
    keys: Vec<DeviceKey>,
    tokens: Vec<Token>,
    login: Option<Login>,
}

/// What we say who we are to a device that we call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Text,
}

struct DeviceKey {
    id: u32,
    key: Key,
    until: Instant,
}

struct Token {
    text: String,
    until: Instant,
}

impl Secret {
    /// The key with this number, where it is still good.
    pub fn key(&self, id: u32, now: Instant) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id && now < key.until).map(|key| &key.key)
    }

    /// Whether this is one of the tokens; how long that takes tells nothing of them.
    pub fn has_token(&self, given: &str, now: Instant) -> bool {
        let good = |token: &Token| now < token.until && same(&token.text, given);
        self.tokens.iter().fold(false, |found, token| good(token) | found)
    }

    /// Whether it has a token at all.
    pub fn has_tokens(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// What we log in with where we call the device.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Whether it has what devices without tags need: a token that they send, or a login that we send them.
    fn proves_others(&self) -> bool {
        self.has_tokens() || self.login.is_some()
    }

    fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a secret of {} keys and {} tokens", self.keys.len(), self.tokens.len())
    }
}

/// Compares all bytes, whatever differs.
pub(crate) fn same(known: &str, given: &str) -> bool {
    let differing = known.bytes().zip(given.bytes()).fold(0, |bits, (a, b)| black_box(bits | (a ^ b)));
    differing == 0 && known.len() == given.len()
}

/// All secrets by name.
#[derive(Debug, Default)]
pub struct Keyring(HashMap<String, Arc<Secret>>);

/// A line of the secrets that cannot be used; what stands in it is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secrets, line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for SecretError {}

/// A key must have so many bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
const SHORTEST_TOKEN: usize = 16;

impl Keyring {
    /// Reads lines `NAME KEY_ID HEX` and `NAME token TEXT`, each with `until=TIME` behind it where it is to end, and
    /// `NAME login USER PASSWORD`; blank lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`SecretError`]; nothing secret is in it.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut secrets: HashMap<String, Secret> = HashMap::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if !content.is_empty() && !content.starts_with('#') {
                take(content, &mut secrets).map_err(|why| SecretError { line, why })?;
            }
        }
        Ok(Self(secrets.into_iter().map(|(name, secret)| (name, Arc::new(secret))).collect()))
    }

    /// A secret by its name.
    pub fn secret(&self, name: &str) -> Option<&Arc<Secret>> {
        self.0.get(name)
    }

    /// The first device whose secret is missing, or has not what its protocol needs: a key for native frames, a token
    /// for the others.
    pub fn lacks(&self, directory: &Directory) -> Option<Lacking> {
        let lacking = directory.devices().into_iter().filter_map(|device| {
            let name = device.key.as_deref()?;
            let secret = self.secret(name);
            let whole =
                secret.is_some_and(|s| if device.is_native() { s.has_keys() } else { s.proves_others() });
            (!whole).then(|| Lacking { device: device.id.clone(), secret: name.to_owned() })
        });
        lacking.min_by(|a, b| a.device.cmp(&b.device))
    }
}

/// A device of the site whose secret is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The device.
    pub device: String,
    /// The name of the secret.
    pub secret: String,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, secret } = self;
        write!(
            f,
            "device {device} names the secret {secret}, which is missing or not of the kind that it needs"
        )
    }
}

fn take(line: &str, secrets: &mut HashMap<String, Secret>) -> Result<(), &'static str> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(kind), Some(text)) = (words.next(), words.next(), words.next()) else {
        return Err(
            "expected a name, a key's number or the word token or login, and the key in hex, the token, or user and password",
        );
    };
    if kind == "login" {
        return login(text, (words.next(), words.next()), secrets.entry(name.to_owned()).or_default());
    }
    let until = match (words.next(), words.next()) {
        (None, _) => Instant::MAX,
        (Some(word), None) => {
            let at = word.strip_prefix("until=").and_then(|at| at.parse().ok());
            at.ok_or("behind the secret only until= with a time such as 2026-03-02T08:00:00+08:00 may stand")?
        }
        _ => return Err("too many words"),
    };
    let secret = secrets.entry(name.to_owned()).or_default();
    if kind == "token" {
        if text.len() < SHORTEST_TOKEN {
            return Err("a token must have at least 16 characters");
        }
        secret.tokens.push(Token { text: text.to_owned(), until });
        return Ok(());
    }
    let id: u32 = kind.parse().map_err(|_| "expected the key's number, or the word token")?;
    if id == 0 {
        return Err("a key's number begins with 1: 0 stands for no key");
    }
    if secret.keys.iter().any(|key| key.id == id) {
        return Err("this secret has a key with this number already");
    }
    let bytes = hex(text).ok_or("a key is written in hex")?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err("a key has 16 to 64 bytes");
    }
    secret.keys.push(DeviceKey { id, key: Key::new(&bytes), until });
    Ok(())
}

fn login(user: &str, rest: (Option<&str>, Option<&str>), secret: &mut Secret) -> Result<(), &'static str> {
    let (Some(password), None) = rest else { return Err("behind login a user and a password must stand") };
    if secret.login.is_some() {
        return Err("this secret has a login already");
    }
    secret.login = Some(Login { user: user.to_owned(), password: Text(password.to_owned()) });
    Ok(())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Where secrets are read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// There are none.
    #[default]
    None,
    /// A file, which can be read again.
    File(PathBuf),
    /// The text itself, from the environment.
    Text(Text),
}

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Why secrets cannot be used.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be read.
    Io(PathBuf, std::io::Error),
    /// A line is wrong.
    Line(SecretError),
    /// A device's secret is not there.
    Lacking(Lacking),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Line(error) => error.fmt(f),
            Self::Lacking(lacking) => lacking.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

/// The secrets in force.
pub struct Secrets {
    source: Source,
    ring: Mutex<Arc<Keyring>>,
    /// Counts how often they were replaced, so that who keeps one knows when to look again.
    generation: AtomicU64,
}

impl Secrets {
    /// Reads what the devices of `directory` need.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn open(source: Source, directory: &Directory) -> Result<Self, ReadError> {
        let ring = read(&source)?;
        if let Some(lacking) = ring.lacks(directory) {
            return Err(ReadError::Lacking(lacking));
        }
        Ok(Self { source, ring: Mutex::new(Arc::new(ring)), generation: AtomicU64::new(1) })
    }

    /// Reads them again; those in force stay where that fails. A key that was taken away ends at once, so a device that
    /// now lacks what it needs keeps nothing from being changed: the first one is told.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_again(&self, directory: &Directory) -> Result<Option<Lacking>, ReadError> {
        let ring = Arc::new(read(&self.source)?);
        let lacking = ring.lacks(directory);
        *lock(&self.ring) = ring;
        self.generation.fetch_add(1, Ordering::SeqCst);
        Ok(lacking)
    }

    /// Which reading is in force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Whether it is a token of any device.
    pub fn is_a_token(&self, given: &str, now: Instant) -> bool {
        let ring = lock(&self.ring).clone();
        ring.0.values().fold(false, |found, secret| secret.has_token(given, now) | found)
    }

    /// A secret by its name.
    pub fn secret(&self, name: &str) -> Option<Arc<Secret>> {
        lock(&self.ring).secret(name).cloned()
    }
}

fn read(source: &Source) -> Result<Keyring, ReadError> {
    let text = match source {
        Source::None => String::new(),
        Source::File(path) => {
            std::fs::read_to_string(path).map_err(|error| ReadError::Io(path.clone(), error))?
        }
        Source::Text(Text(text)) => text.clone(),
    };
    Keyring::parse(&text).map_err(ReadError::Line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn keys_have_numbers_and_ends() {
        let text = format!(
            "# devices\nm-1 1 {KEY} until=2026-03-02T08:00:00+08:00\nm-1 2 {KEY}\n\nc-1 token 0123456789abcdef\n"
        );
        let ring = Keyring::parse(&text).unwrap();
        let secret = ring.secret("m-1").unwrap();
        let (before, after) = (at("2026-03-01T23:59:59Z"), at("2026-03-02T00:00:00Z"));
        let good = |id: u32, now: Instant| secret.key(id, now).is_some();
        assert!(good(1, before) && good(2, before));
        assert!(!good(1, after) && good(2, after), "the first one has ended");
        assert!(!good(0, before) && !good(3, before));
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(
            secret.key(2, after).unwrap().tag(b"x"),
            Key::new(&bytes).tag(b"x"),
            "hex is read as it stands"
        );
        let token = ring.secret("c-1").unwrap();
        assert!(token.has_token("0123456789abcdef", after));
        assert!(
            !token.has_token("0123456789abcdeF", after)
                && !token.has_token("0123456789abcdef0", after)
                && !token.has_token("", after)
        );
        assert!(ring.secret("nobody").is_none());
    }

    #[test]
    fn a_bad_line_is_named_and_what_stands_in_it_is_not() {
        let cases = [
            ("m-1 1", "expected a name"),
            ("m-1 0 00112233445566778899aabbccddeeff", "begins with 1"),
            ("m-1 x 00112233445566778899aabbccddeeff", "number"),
            ("m-1 1 0011223344556677", "16 to 64"),
            ("m-1 1 zz112233445566778899aabbccddeeff", "hex"),
            ("m-1 1 00112233445566778899aabbccddeef", "hex"),
            ("m-1 token deadbeef", "16 characters"),
            ("m-1 login deadbeef", "user and a password"),
            ("m-1 login admin dead beef", "user and a password"),
            ("m-1 1 00112233445566778899aabbccddeeff until=soon", "until="),
            ("m-1 1 00112233445566778899aabbccddeeff until=2026-03-02T00:00:00Z more", "too many"),
        ];
        for (line, why) in cases {
            let error = Keyring::parse(&format!("\n{line}")).unwrap_err();
            assert_eq!((error.line, error.why.contains(why)), (2, true), "{line}: {error}");
            assert!(
                !error.to_string().contains("0011") && !error.to_string().contains("deadbeef"),
                "{error}"
            );
        }
        let ring = Keyring::parse("c-1 login admin deadbeef").unwrap();
        let login = ring.secret("c-1").unwrap().login().cloned().unwrap();
        assert_eq!((&*login.user, &*login.password.0), ("admin", "deadbeef"));
        assert!(!format!("{login:?}").contains("deadbeef"));
        let twice = format!("m-1 1 {KEY}\nm-1 1 {KEY}");
        assert!(Keyring::parse(&twice).unwrap_err().why.contains("already"));
        let ring = Keyring::parse(&format!("m-1 1 {KEY}\nm-1 token 0123456789abcdef")).unwrap();
        let shown = format!("{ring:?} {:?}", Source::Text(Text(KEY.to_owned())));
        assert!(!shown.contains("0001") && !shown.contains("0123"), "{shown}");
    }

    #[test]
    fn what_a_device_names_must_be_there_and_of_its_kind() {
        let site = serde_json::json!({"devices": [
            {"id": "n-1", "protocol": "parkline", "key": "n"}, {"id": "c-1", "protocol": "vz-http", "key": "c"}, {"id": "x", "protocol": "f6213"}]});
        let directory = Directory::new(site.as_object().unwrap(), 1);
        let lacks =
            |text: &str| Keyring::parse(text).unwrap().lacks(&directory).map(|lacking| lacking.device);
        let (key, token) = (format!("n 1 {KEY}"), "c token 0123456789abcdef");
        assert_eq!(lacks(&format!("{key}\n{token}")), None);
        assert_eq!(lacks(&format!("{key}\nc login admin secret")), None, "we log in there");
        assert_eq!(lacks(&key).as_deref(), Some("c-1"));
        assert_eq!(lacks(token).as_deref(), Some("n-1"));
        assert_eq!(
            lacks(&format!("n token 0123456789abcdef\n{token}")).as_deref(),
            Some("n-1"),
            "a token makes no tag"
        );
    }

    #[test]
    fn secrets_are_read_again_and_stay_where_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        std::fs::write(&path, format!("m-1 1 {KEY}")).unwrap();
        let directory = Directory::new(&serde_json::Map::new(), 1);
        let secrets = Secrets::open(Source::File(path.clone()), &directory).unwrap();
        let has = |id: u32| secrets.secret("m-1").unwrap().key(id, Instant::EPOCH).is_some();
        assert!(has(1) && !has(2));
        std::fs::write(&path, format!("m-1 2 {KEY}")).unwrap();
        assert!(has(1), "not before it is asked for");
        let before = secrets.generation();
        secrets.read_again(&directory).unwrap();
        assert!(!has(1) && has(2) && secrets.generation() > before);
        std::fs::write(&path, "m-1 2").unwrap();
        let generation = secrets.generation();
        assert!(secrets.read_again(&directory).is_err());
        assert!(has(2) && secrets.generation() == generation);
        std::fs::write(&path, "").unwrap();
        let site = serde_json::json!({"devices": [{"id": "n-1", "protocol": "parkline", "key": "m-1"}]});
        directory.replace(site.as_object().unwrap());
        let lacking = secrets.read_again(&directory).unwrap();
        assert_eq!(
            (lacking.map(|l| l.device).as_deref(), secrets.secret("m-1").is_some()),
            (Some("n-1"), false)
        );
    }
}
