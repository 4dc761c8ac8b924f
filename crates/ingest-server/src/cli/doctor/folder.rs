//! The data folder and its disk.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use super::Finding;
use crate::{
    clock::{Clock, duration, moment},
    metrics::process::{self, Disk},
};
use parking_types::Instant;

/// Syncs that are timed.
const SYNCS: usize = 16;
/// A sync that takes longer bounds how many frames a second the log takes.
const SLOW: Duration = Duration::from_millis(10);
/// Less room than this is a night's worth.
const ROOM: u64 = 10 << 30;
/// How far a file's time may lie ahead of the machine's.
const AHEAD: Duration = Duration::from_secs(2);

pub(super) fn look(data: &Path, running: bool, tell: &mut dyn FnMut(Finding)) {
    if !data.exists() {
        tell(Finding::well("data folder", format!("{} is made at the first start", data.display())));
        return;
    }
    tell(held(data, running));
    tell(disk(data));
    tell(room(data));
    tell(times(data));
}

/// Who holds the folder.
fn held(data: &Path, running: bool) -> Finding {
    let place = data.display();
    let tenants =
        fs::read_dir(data).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("lock")));
    let mut held = false;
    for lock in tenants.filter(|lock| lock.is_file()) {
        held |= match File::open(&lock) {
            Ok(file) => matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)),
            Err(error) => {
                let message = format!("{}: {error}", lock.display());
                return Finding::bad(
                    "data folder",
                    message,
                    "give it to the server's user, and run doctor as that user",
                );
            }
        };
    }
    match (held, running) {
        (true, true) => Finding::well("data folder", format!("{place}: the running server holds it")),
        (true, false) => Finding::doubtful(
            "data folder",
            format!("{place}: a process holds it, but no server answers at our HTTP address"),
            "is a server with other settings running? a second one on the same folder is refused",
        ),
        (false, true) => Finding::doubtful(
            "data folder",
            format!("{place}: the server that answers at our HTTP address does not hold it"),
            "these settings are another server's: `parkline serve --print-config`",
        ),
        (false, false) => Finding::well("data folder", format!("{place}: nobody holds it")),
    }
}

/// How long a sync takes.
fn disk(data: &Path) -> Finding {
    match syncs(&data.join(".doctor")) {
        Err(error) => {
            let message = format!("{} cannot be written: {error}", data.display());
            Finding::bad("disk", message, "give the folder to the server's user; look at `df -h` and `mount`")
        }
        Ok(median) if median > SLOW => Finding::doubtful(
            "disk",
            format!("a sync takes {:.1} ms", median.as_secs_f64() * 1e3),
            "nothing is acknowledged before it is synced: use a disk with a write cache that survives power loss",
        ),
        Ok(median) => Finding::well("disk", format!("a sync takes {:.2} ms", median.as_secs_f64() * 1e3)),
    }
}

fn syncs(path: &Path) -> io::Result<Duration> {
    let mut took = Vec::new();
    let written = (|| {
        let mut file = File::create(path)?;
        for _ in 0..SYNCS {
            let since = moment();
            file.write_all(&[0; 256])?;
            file.sync_data()?;
            took.push(moment().duration_since(since));
        }
        Ok(())
    })();
    let _ = fs::remove_file(path);
    took.sort_unstable();
    written.map(|()| took.get(SYNCS / 2).copied().unwrap_or_default())
}

/// How much room there is.
fn room(data: &Path) -> Finding {
    match process::disk(data) {
        None => Finding::doubtful(
            "room",
            "the system does not say how much room there is",
            "look yourself: `df -h`",
        ),
        Some(Disk { free, .. }) if free < ROOM => Finding::bad(
            "room",
            format!("{} MiB are free", free >> 20),
            "make room: frames are kept for ever, about 300 bytes each; what does not fit is not acknowledged",
        ),
        Some(Disk { free, .. }) => Finding::well("room", format!("{} GiB are free", free >> 30)),
    }
}

/// Whether the log was written in the future, as this machine's clock has it.
fn times(data: &Path) -> Finding {
    let newest = newest(data, 4);
    let now = SystemTime::UNIX_EPOCH + duration(Clock::system().now() - Instant::EPOCH);
    match newest.and_then(|newest| newest.duration_since(now).ok()).filter(|ahead| *ahead > AHEAD) {
        None => Finding::well("log's time", "nothing in the log was written later than now"),
        Some(ahead) => Finding::bad(
            "log's time",
            format!("the log was written {} s ahead of this machine's clock", ahead.as_secs()),
            "the clock was set back: mend time synchronisation; the server takes frames when the clock has caught up",
        ),
    }
}

fn newest(folder: &Path, depth: u8) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?;
    let time = |entry: io::Result<fs::DirEntry>| {
        let (path, about) = (entry.as_ref().ok()?.path(), entry.as_ref().ok()?.metadata().ok()?);
        if about.is_dir() {
            if depth > 0 { newest(&path, depth - 1) } else { None }
        } else {
            about.modified().ok()
        }
    };
    entries.filter_map(time).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn a_log_from_the_future_is_found_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let tenant = folder.path().join("default");
        fs::create_dir(&tenant).unwrap();
        let lock = File::create(tenant.join("lock")).unwrap();
        let mut found = Vec::new();
        look(folder.path(), false, &mut |finding| found.push(finding));
        assert!(
            found.iter().all(|finding| finding.check == "room" || finding.state != State::Bad),
            "{found:?}"
        );
        lock.try_lock().unwrap();
        assert_eq!(held(folder.path(), true).state, State::Well);
        assert_eq!(held(folder.path(), false).state, State::Doubtful, "another server's");
        lock.unlock().unwrap();
        assert_eq!(held(folder.path(), true).state, State::Doubtful);
        lock.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33)).unwrap();
        assert_eq!(times(folder.path()).state, State::Bad);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "the file for the disk is gone");
    }
}
