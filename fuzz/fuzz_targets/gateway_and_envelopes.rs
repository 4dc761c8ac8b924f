//! JSON that is not a camera's: the YunParking gateway, manual actions, network servers' envelopes.
#![no_main]

use device_codec::envelope::{Network, open};
use device_codec::manual::Action;
use device_codec::{Context, Protocol, decode, json_path};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = decode(Protocol::YuncitysGateway, data, &Context::default(), &mut |_| {});
    for network in Network::ALL {
        if let Err(error) = open(*network, data) {
            assert!(error.offset <= data.len());
        }
    }
    match Action::parse(data) {
        Ok(action) => {
            let mut written = Vec::new();
            action.write_json(&mut written);
            assert_eq!(Action::parse(&written).as_ref(), Ok(&action), "the canonical form reads the same");
        }
        Err(error) => {
            assert!(error.offset <= data.len());
            let _ = json_path(data, error.offset);
        }
    }
});
