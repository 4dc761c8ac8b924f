//! Finding the newest record of a key: a map for the active segment of the outputs log, a sorted file for each
//! sealed one. Both follow from the log and are made again where they are missing.
//!
//! ```text
//! file: magic[8] "PARKKEY1" | CRC-32C of what follows u32 | reserved u32 | entries, ascending by hash
//! entry: FNV-1a of topic, 0, key u64 | offset of the commit u64 | index of the record in it u32
//! ```

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use crate::log::{LogError, Name, segment::write_whole};

const MAGIC: &[u8; 8] = b"PARKKEY1";
const HEADER: usize = 16;
const ENTRY: usize = 20;

/// Where a record lies: the commit's offset, and the record's index in it.
pub(super) type Place = (u64, u32);

/// The keys of one outputs log.
pub(super) struct Keys {
    folder: PathBuf,
    /// Base of the segment that `recent` belongs to.
    base: u64,
    recent: HashMap<Vec<u8>, Place>,
    /// Bases of the sealed segments, ascending.
    sealed: Vec<u64>,
    /// Sealed files whose checksum was found right.
    checked: HashSet<u64>,
}

impl Keys {
    pub(super) fn new(folder: &Path, bases: &[u64]) -> Self {
        let (base, sealed) =
            bases.split_last().map_or((0, Vec::new()), |(last, rest)| (*last, rest.to_vec()));
        Self { folder: folder.to_owned(), base, recent: HashMap::new(), sealed, checked: HashSet::new() }
    }

    /// Takes a record of the active segment.
    pub(super) fn insert(&mut self, topic: &Name, key: &[u8], place: Place) {
        self.recent.insert(compound(topic, key), place);
    }

    /// Where the newest record of the key may lie, newest first: the callback says whether it is the one.
    pub(super) fn search<T>(
        &mut self,
        topic: &Name,
        key: &[u8],
        mut rebuild: impl FnMut(u64) -> Result<HashMap<Vec<u8>, Place>, LogError>,
        mut is_it: impl FnMut(Place) -> Result<Option<T>, LogError>,
    ) -> Result<Option<T>, LogError> {
        let wanted = compound(topic, key);
        if let Some(place) = self.recent.get(&wanted) {
            return is_it(*place);
        }
        for base in self.sealed.clone().into_iter().rev() {
            let entries = self.load(base, &mut rebuild)?;
            for place in equal(&entries, hash(&wanted)) {
                if let Some(found) = is_it(place)? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Notes that new segments were begun: what lies before the last goes into files.
    pub(super) fn follow(&mut self, bases: &[u64]) -> Result<(), LogError> {
        for next in bases.iter().filter(|base| **base > self.base).copied().collect::<Vec<_>>() {
            let (old, new) =
                std::mem::take(&mut self.recent).into_iter().partition(|(_, place)| place.0 < next);
            self.recent = new;
            write(&self.folder, self.base, &old)?;
            self.checked.insert(self.base);
            self.sealed.push(self.base);
            self.base = next;
        }
        Ok(())
    }

    /// The entries of a sealed segment, made anew where the file is missing or wrong.
    fn load(
        &mut self,
        base: u64,
        rebuild: &mut impl FnMut(u64) -> Result<HashMap<Vec<u8>, Place>, LogError>,
    ) -> Result<Vec<u8>, LogError> {
        let file = path(&self.folder, base);
        let known = fs::read(&file).ok();
        let checked = self.checked.contains(&base);
        if let Some(entries) = known.and_then(|bytes| entries(bytes, checked)) {
            self.checked.insert(base);
            return Ok(entries);
        }
        write(&self.folder, base, &rebuild(base)?)?;
        fs::read(&file)
            .map(|bytes| bytes.get(HEADER..).unwrap_or_default().to_vec())
            .map_err(|e| LogError::io("read", &file, &e))
    }
}

fn path(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:020}.keys"))
}

/// Topic and key in one: no name holds a zero byte.
pub(super) fn compound(topic: &Name, key: &[u8]) -> Vec<u8> {
    [topic.as_str().as_bytes(), &[0], key].concat()
}

fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn write(folder: &Path, base: u64, keys: &HashMap<Vec<u8>, Place>) -> Result<(), LogError> {
    let mut entries: Vec<(u64, u64, u32)> =
        keys.iter().map(|(key, (commit, index))| (hash(key), *commit, *index)).collect();
    entries.sort_unstable();
    let mut body = Vec::with_capacity(entries.len() * ENTRY);
    for (hash, commit, index) in entries {
        body.extend_from_slice(&hash.to_le_bytes());
        body.extend_from_slice(&commit.to_le_bytes());
        body.extend_from_slice(&index.to_le_bytes());
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&body);
    write_whole(&path(folder, base), &bytes)
}

fn entries(bytes: Vec<u8>, checked: bool) -> Option<Vec<u8>> {
    let (header, body) = bytes.split_at_checked(HEADER)?;
    let sum = header.get(8..12)?.try_into().ok().map(u32::from_le_bytes)?;
    let whole =
        header.starts_with(MAGIC) && body.len() % ENTRY == 0 && (checked || crc32c::crc32c(body) == sum);
    whole.then(|| body.to_vec())
}

/// The places of all entries with this hash, newest first.
fn equal(entries: &[u8], wanted: u64) -> Vec<Place> {
    let entry = |at: usize| {
        let bytes = entries.get(at * ENTRY..(at + 1) * ENTRY)?;
        let (hash, rest) = bytes.split_at_checked(8)?;
        let (commit, index) = rest.split_at_checked(8)?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
        Some((number(hash)?, (number(commit)?, u32::from_le_bytes(index.try_into().ok()?))))
    };
    let (mut low, mut high) = (0, entries.len() / ENTRY);
    while low < high {
        let middle = low.midpoint(high);
        match entry(middle) {
            Some((hash, _)) if hash < wanted => low = middle + 1,
            _ => high = middle,
        }
    }
    let mut places: Vec<Place> =
        (low..).map_while(entry).take_while(|(hash, _)| *hash == wanted).map(|(_, place)| place).collect();
    places.reverse();
    places
}
