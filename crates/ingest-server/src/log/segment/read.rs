//! Reading records out of segment files.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};

use super::{
    super::{Entry, LogError},
    disk,
    layout::{self, HEADER, MAX_RECORD, PREFIX, Parsed, Piece},
    scan::Index,
    shared::Shared,
    store,
};

const CHUNK: usize = 128 << 10;

/// One segment as a reader sees it.
struct Target {
    base: u64,
    path: PathBuf,
    file: Arc<File>,
    /// Readable bytes.
    len: u64,
    /// The place where to start looking.
    from: (u64, u64),
}

/// Records from `from` on; see [`Log::read`](super::super::Log::read).
pub(super) fn read(shared: &Shared, from: u64, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError> {
    let Some(target) = target(shared, from, wait)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut taken = 0;
    let end = walk(&target, |offset, value| {
        if offset >= from {
            taken += value.len() + PREFIX;
            found.push(Entry { offset, key: Bytes::new(), value });
        }
        taken < limit
    })?;
    shared.leave_hint(from, end.0, target.base, end.1);
    Ok(found)
}

fn target(shared: &Shared, from: u64, wait: Duration) -> Result<Option<Target>, LogError> {
    let tail = shared.tail_at(from, wait);
    if tail.end <= from {
        return Ok(None);
    }
    let after = tail.segments.partition_point(|(base, _)| *base <= from);
    let at = after.saturating_sub(1);
    let Some((base, index)) = tail.segments.get(at).cloned() else { return Ok(None) };
    let hint = shared.hint(from).filter(|(known, _)| *known == base).map(|(_, byte)| (from, byte));
    let start = (base, HEADER as u64);
    if after == tail.segments.len() {
        let from = hint.or_else(|| tail.active_index.floor(from)).unwrap_or(start);
        let path = store::path(&shared.folder, base);
        return Ok(Some(Target { base, path, file: tail.active.clone(), len: tail.bytes, from }));
    }
    drop(tail);
    let (path, file) = shared.sealed(base)?;
    let len = file.metadata().map_err(|e| LogError::io("read", &path, &e))?.len();
    let mut target = Target { base, path, file: Arc::new(file), len, from: hint.unwrap_or(start) };
    if hint.is_none() && from != base {
        target.from = indexed(shared, &target, index)?.floor(from).unwrap_or(start);
    }
    Ok(Some(target))
}

/// The index of a sealed segment, made on first use.
fn indexed(shared: &Shared, target: &Target, known: Option<Arc<Index>>) -> Result<Arc<Index>, LogError> {
    if let Some(index) = known {
        return Ok(index);
    }
    let mut index = Index::default();
    let mut byte = HEADER as u64;
    walk_pieces(target, (target.base, byte), |offset, piece, _| {
        if let Piece::Record { .. } = piece {
            index.note(offset, byte);
        }
        byte += piece.size() as u64;
        true
    })?;
    let index = Arc::new(index);
    let mut tail = shared.tail();
    if let Some((_, slot)) = tail.segments.iter_mut().find(|(base, _)| *base == target.base) {
        *slot = Some(index.clone());
    }
    Ok(index)
}

/// Gives records to `each` until it says no; returns the offset and byte after the last one.
fn walk(target: &Target, mut each: impl FnMut(u64, Bytes) -> bool) -> Result<(u64, u64), LogError> {
    walk_pieces(target, target.from, |offset, piece, bytes| match piece {
        Piece::Record { len } => each(offset, bytes.slice(PREFIX..PREFIX + len)),
        Piece::Mark { .. } => true,
    })
}

fn walk_pieces(
    target: &Target,
    (mut offset, mut byte): (u64, u64),
    mut each: impl FnMut(u64, Piece, Bytes) -> bool,
) -> Result<(u64, u64), LogError> {
    let damaged = |at, why| LogError::Corrupt { file: target.path.clone(), at, why };
    let mut need = CHUNK;
    while byte < target.len {
        let chunk = chunk(&target.file, &target.path, byte, need.min(left(target.len, byte)))?;
        let mut used = 0;
        need = CHUNK;
        while used < chunk.len() {
            match layout::parse(chunk.get(used..).unwrap_or_default()) {
                Parsed::Whole(piece) => {
                    let bytes = chunk.slice(used..used + piece.size());
                    used += piece.size();
                    byte += piece.size() as u64;
                    let go_on = each(offset, piece, bytes);
                    offset += u64::from(matches!(piece, Piece::Record { .. }));
                    if !go_on {
                        return Ok((offset, byte));
                    }
                }
                Parsed::Short(size) if size <= left(target.len, byte) => {
                    need = size.max(CHUNK);
                    break;
                }
                Parsed::Short(_) => return Err(damaged(byte, "a record is cut short")),
                Parsed::Bad(why) => return Err(damaged(byte, why)),
            }
        }
    }
    Ok((offset, byte))
}

/// Bytes between `byte` and the end, as far as one record may need them.
fn left(len: u64, byte: u64) -> usize {
    usize::try_from(len.saturating_sub(byte)).unwrap_or(usize::MAX).min(2 * MAX_RECORD)
}

fn chunk(file: &File, path: &Path, at: u64, size: usize) -> Result<Bytes, LogError> {
    let mut buffer = BytesMut::zeroed(size);
    disk::read_exact(file, path, &mut buffer, at)?;
    Ok(buffer.freeze())
}
