#![no_main]
#[path = "../../crates/device-codec/tests/fuzzed/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses one part")]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // What stands before the first byte that is no text.
    let end = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    fuzzed::spoken(std::str::from_utf8(&bytes[..end]).unwrap()).unwrap();
});
