//! The `parkline` command.

/// A session's records are made by one thread and dropped by another; a recording takes a sixth less time than with
/// the system's allocator (BENCHMARKS.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ingest_server::cli::run()
}
