//! Replays what the fuzz targets have found, and the seeds they start from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod oracle;
mod replay;

use std::fs;
use std::path::Path;

type Target = fn(&[u8]) -> Result<(), String>;

#[test]
fn finds_stay_fixed() {
    let targets: [(&str, Target); 5] = [
        ("tariff_document", replay::document),
        ("tariff_calendar", replay::calendar),
        ("tariff_stay", replay::stay),
        ("tariff_oracle", replay::oracle),
        ("tariff_advice", replay::advice),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    for (name, target) in targets {
        let mut replayed = 0;
        for entry in fs::read_dir(root.join(name)).unwrap() {
            let path = entry.unwrap().path();
            target(&fs::read(&path).unwrap())
                .unwrap_or_else(|difference| panic!("{}: {difference}", path.display()));
            replayed += 1;
        }
        assert!(replayed > 0, "nothing to replay for {name}");
    }
}
