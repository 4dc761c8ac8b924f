//! The `parkline` command.

fn main() -> std::process::ExitCode {
    ingest_server::cli::run()
}
