//! Any bytes, as any protocol: they decode or fail within themselves, and they can be printed.
#![no_main]

use device_codec::{Context, Protocol, decode, explain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [pick, port, bytes @ ..] = data else { return };
    let protocol = Protocol::ALL[usize::from(*pick) % Protocol::ALL.len()];
    let context = Context { port: Some(*port), ..Context::default() };
    let mut json = Vec::new();
    let outcome = decode(protocol, bytes, &context, &mut |reading| {
        json.clear();
        reading.write_json(&mut json);
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).expect("readings are JSON");
    });
    let explanation = explain(protocol, bytes, &context);
    assert_eq!(explanation.error, outcome.err());
    if let Err(error) = outcome {
        assert!(error.offset <= bytes.len() && json.is_empty(), "{protocol}: {error}");
    }
});
