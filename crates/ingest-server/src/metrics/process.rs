//! What the system says of this process, under the names that Prometheus' own clients use. Where it says nothing (another
//! system than Linux) they are left out.

use std::{fs, path::Path};

use super::value;

/// Appends memory and open files.
pub fn write(out: &mut String) {
    if let Some(bytes) = resident_bytes() {
        value(out, "process_resident_memory_bytes", "gauge", "Memory that the process holds.", bytes);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // The one that reads the folder is among them.
        let open = (files.count() as u64).saturating_sub(1);
        value(out, "process_open_fds", "gauge", "Open files; a connection is one.", open);
    }
    if let Some(most) = most_files() {
        value(out, "process_max_fds", "gauge", "Files that may be open.", most);
    }
}

/// Room of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that we may still use.
    pub free: u64,
    /// All bytes.
    pub all: u64,
}

/// The disk on which a folder lies.
pub fn disk(folder: &Path) -> Option<Disk> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        all: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn most_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_knows_how_large_it_is() {
        let mut out = String::new();
        write(&mut out);
        let number = |name: &str| -> u64 {
            out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
        };
        assert!(number("process_resident_memory_bytes") > 1 << 20);
        let disk = disk(Path::new("/")).unwrap();
        assert!(disk.all > 0 && disk.free <= disk.all);
        assert_eq!(super::disk(Path::new("/no/such/folder")), None);
        assert!(number("process_open_fds") >= 3 && number("process_max_fds") > number("process_open_fds"));
    }
}
