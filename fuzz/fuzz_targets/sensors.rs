#![no_main]
#[path = "../../crates/device-codec/tests/fuzzed/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses one part")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzzed::sensor(bytes).unwrap();
});
