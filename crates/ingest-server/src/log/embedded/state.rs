//! Checkpoints: a reader's state in a file of its own, named by the position it belongs to.
//!
//! ```text
//! magic[8] "PARKCKP1" | position u64 | length u64 | CRC-32C of the state u32 | reserved u32 | state
//! ```
//! A checkpoint whose position is not committed yet (a crash came between) is passed over, so the file may be
//! written before the commit is durable.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::log::{LogError, Name, segment::write_parts};

const MAGIC: &[u8; 8] = b"PARKCKP1";
const HEADER: usize = 32;
/// Two, as the newer one may belong to a commit that never became durable.
const KEPT: usize = 2;

/// Writes a checkpoint and drops those that are no longer needed.
pub(super) fn save(
    folder: &Path,
    reader: &Name,
    partition: u32,
    position: u64,
    state: &[u8],
) -> Result<(), LogError> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&position.to_le_bytes());
    header.extend_from_slice(&(state.len() as u64).to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(state).to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    write_parts(&folder.join(format!("{reader}-{partition}-{position:020}.ckpt")), &[&header, state])?;
    for (_, file) in files(folder, reader, partition)?.into_iter().rev().skip(KEPT) {
        fs::remove_file(&file).map_err(|e| LogError::io("remove", &file, &e))?;
    }
    Ok(())
}

/// The newest checkpoint that is whole and not past `committed`. A damaged one is passed over: the log has all.
pub(super) fn load(
    folder: &Path,
    reader: &Name,
    partition: u32,
    committed: u64,
) -> Result<Option<(u64, Bytes)>, LogError> {
    for (position, file) in files(folder, reader, partition)?.into_iter().rev() {
        let bytes = Bytes::from(fs::read(&file).map_err(|e| LogError::io("read", &file, &e))?);
        if position <= committed
            && let Some(state) = checked(&bytes, position)
        {
            return Ok(Some((position, state)));
        }
    }
    Ok(None)
}

fn checked(bytes: &Bytes, position: u64) -> Option<Bytes> {
    let (header, state) = bytes.split_at_checked(HEADER)?;
    let number = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let sum = header.get(24..28)?.try_into().ok().map(u32::from_le_bytes)?;
    let whole = header.starts_with(MAGIC) && number(8)? == position && number(16)? == state.len() as u64;
    (whole && crc32c::crc32c(state) == sum).then(|| bytes.slice(HEADER..))
}

/// A reader's checkpoints, oldest first.
fn files(folder: &Path, reader: &Name, partition: u32) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let prefix = format!("{reader}-{partition}-");
    let list = fs::read_dir(folder).map_err(|e| LogError::io("list", folder, &e))?;
    let mut files: Vec<(u64, PathBuf)> = list
        .filter_map(Result::ok)
        .filter_map(|file| {
            let name = file.file_name();
            let position = name.to_str()?.strip_prefix(&prefix)?.strip_suffix(".ckpt")?;
            Some((position.parse().ok()?, file.path()))
        })
        .collect();
    files.sort();
    Ok(files)
}
