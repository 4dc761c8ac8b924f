#![no_main]
#[path = "../../crates/tariff-engine/tests/compare/mod.rs"]
mod compare;
#[path = "../../crates/tariff-engine/tests/oracle/mod.rs"]
mod oracle;
#[path = "../../crates/tariff-engine/tests/replay/mod.rs"]
mod replay;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    replay::advice(bytes).unwrap();
});
