//! Repository commands: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask bench-table`.

mod bench_table;
mod tidy;
mod tree;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const HELP: &str = "\
cargo xtask COMMAND

  ci            everything that a change must pass (.ci/run)
  tidy          the repository's own rules: dependency direction, clock, file sizes, links, versions,
                leftovers, floats near money, private paths
  bench-table   the last criterion results under the target directory, as a Markdown table
";

fn main() -> ExitCode {
    let root = root();
    let done = match std::env::args().nth(1).as_deref() {
        Some("ci") => run_ci(&root),
        Some("tidy") => tidy::run(&root),
        Some("bench-table") => bench_table::run(&target(&root)),
        None | Some("help" | "-h" | "--help") => {
            print!("{HELP}");
            Ok(true)
        }
        Some(other) => Err(format!("no such command: {other}\n\n{HELP}")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// The repository: the directory above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn run_ci(root: &Path) -> Result<bool, String> {
    let status = Command::new("bash").arg(".ci/run").current_dir(root).status();
    status.map(|status| status.success()).map_err(|error| format!("bash .ci/run: {error}"))
}
