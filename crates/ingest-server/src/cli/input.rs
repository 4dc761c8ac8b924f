//! Lines out of files or stdin, with progress on a terminal.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::CannotRun;

const BUFFER: usize = 1 << 20;
/// How much is given at a time.
const BLOCK: usize = 8 << 20;

/// Gives every line of the files, or of stdin where there are none or one is called `-`, without its line end.
///
/// # Errors
/// A file that cannot be read, or what `each` says.
pub(super) fn lines(
    files: &[PathBuf],
    mut each: impl FnMut(&[u8]) -> Result<(), CannotRun>,
) -> Result<(), CannotRun> {
    each_file(files, |path, progress| {
        let mut reader = BufReader::with_capacity(BUFFER, open(path).map_err(|e| unreadable(path, &e))?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(|e| unreadable(path, &e))? > 0 {
            progress.inc(line.len() as u64);
            each(
                line.strip_suffix(b"\n")
                    .map_or(line.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line)),
            )?;
            line.clear();
        }
        Ok(())
    })
}

/// Gives the files, or stdin, in blocks of whole lines; a thread reads the next block meanwhile.
///
/// # Errors
/// A file that cannot be read, or what `each` says; what was read before the failure has been given.
pub(super) fn blocks(
    files: &[PathBuf],
    mut each: impl FnMut(&[u8]) -> Result<(), CannotRun>,
) -> Result<(), CannotRun> {
    thread::scope(|scope| {
        let (filled, blocks) = mpsc::sync_channel(1);
        let (used, spare) = mpsc::channel();
        let reading = scope.spawn(move || {
            each_file(files, |path, progress| {
                let mut file = open(path).map_err(|e| unreadable(path, &e))?;
                let mut block = Vec::with_capacity(BLOCK);
                loop {
                    let room = BLOCK.saturating_sub(block.len()).max(BUFFER) as u64;
                    let read = file.by_ref().take(room).read_to_end(&mut block);
                    let read = read.map_err(|e| unreadable(path, &e))?;
                    progress.inc(read as u64);
                    let whole = match block.iter().rposition(|b| *b == b'\n') {
                        _ if read == 0 => block.len(),
                        Some(last) => last + 1,
                        None => continue,
                    };
                    let mut next = spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(BLOCK));
                    next.clear();
                    next.extend_from_slice(block.get(whole..).unwrap_or_default());
                    block.truncate(whole);
                    // Whoever took the blocks has failed and says why.
                    let Ok(()) = filled.send(core::mem::replace(&mut block, next)) else { return Ok(()) };
                    if read == 0 {
                        return Ok(());
                    }
                }
            })
        });
        for block in blocks {
            each(&block)?;
            // Nobody needs a spare one after the last block was read.
            let _last = used.send(block).is_err();
        }
        reading.join().unwrap_or_else(|_| Err(CannotRun::new("reading failed")))
    })
}

/// What there is to read, one after the other, with progress on a terminal.
fn each_file(
    files: &[PathBuf],
    mut each: impl FnMut(&Path, &ProgressBar) -> Result<(), CannotRun>,
) -> Result<(), CannotRun> {
    let stdin = [PathBuf::from("-")];
    let files = if files.is_empty() { &stdin } else { files };
    let progress = progress(files);
    files.iter().try_for_each(|path| each(path, &progress))?;
    progress.finish_and_clear();
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> CannotRun {
    CannotRun(format!("cannot read {}: {error}", path.display()))
}

/// A whole file, or stdin where it is called `-`.
pub(super) fn whole(path: &Path) -> Result<Vec<u8>, CannotRun> {
    let mut bytes = Vec::new();
    let read = open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    Ok(if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) })
}

/// A bar on a terminal, where the length of everything is known and it is worth looking at; else nothing.
fn progress(files: &[PathBuf]) -> ProgressBar {
    const WORTH_BYTES: u64 = 4 << 20;
    let bytes: Option<u64> =
        files.iter().map(|path| std::fs::metadata(path).ok().map(|about| about.len())).sum();
    let total = bytes.filter(|bytes| *bytes >= WORTH_BYTES && io::stderr().is_terminal());
    let Some(total) = total else { return ProgressBar::hidden() };
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
