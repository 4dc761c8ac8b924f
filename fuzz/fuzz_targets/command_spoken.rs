#![no_main]
#[path = "../../crates/device-codec/tests/fuzzed/mod.rs"]
#[allow(dead_code, reason = "each target uses one family")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzzed::spoken(text).unwrap();
});
