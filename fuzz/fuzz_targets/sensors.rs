//! Binary sensors on their real ports.
#![no_main]

use device_codec::{Context, Protocol, decode};
use libfuzzer_sys::fuzz_target;

const SENSORS: [(Protocol, u8); 22] = [
    (Protocol::BoschTps110, 1),
    (Protocol::BoschTps110, 2),
    (Protocol::BoschTps110, 3),
    (Protocol::BoschTps110, 4),
    (Protocol::BoschTps110, 5),
    (Protocol::BoschTps110, 6),
    (Protocol::PniPlacepod, 0),
    (Protocol::NwaveNps310, 3),
    (Protocol::NwaveNps405, 1),
    (Protocol::NwaveNps405, 2),
    (Protocol::NwaveNps405, 10),
    (Protocol::NwaveNcc405, 2),
    (Protocol::NetvoxR719a, 6),
    (Protocol::NetvoxR719a, 7),
    (Protocol::DingtekDo200, 3),
    (Protocol::DingtekDo201, 3),
    (Protocol::Libelium11, 0),
    (Protocol::LibeliumSp2, 0),
    (Protocol::TekzitelTekzipark, 1),
    (Protocol::TekzitelTekzipark, 2),
    (Protocol::CicicomSlgi3, 0),
    (Protocol::F6213, 0),
];

fuzz_target!(|data: &[u8]| {
    let [pick, bytes @ ..] = data else { return };
    let (protocol, port) = SENSORS[usize::from(*pick) % SENSORS.len()];
    let context = Context { port: Some(port), ..Context::default() };
    let mut readings = 0;
    let outcome = decode(protocol, bytes, &context, &mut |_| readings += 1);
    assert_eq!(outcome.is_ok(), readings > 0);
});
