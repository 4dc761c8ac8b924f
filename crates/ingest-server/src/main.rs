//! The `parkline` command.
fn main() {}
