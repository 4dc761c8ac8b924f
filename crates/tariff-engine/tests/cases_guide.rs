//! The documents of docs/tariff.md: every one is read, and the fees under it are charged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

use tariff_engine::{Calendar, Stay, TariffSet, total};

#[test]
fn the_documents_of_the_guide() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tariff.md");
    let page = fs::read_to_string(page).unwrap();
    let (mut tariffs, mut fees, mut others, mut specials) = (0, 0, 0, 0);
    // The last tariff; what follows a calendar is priced by it, with that calendar.
    let mut last: Option<TariffSet> = None;
    for part in page.split("```json\n").skip(1) {
        let (document, after) = part.split_once("```").unwrap();
        let calendar = Calendar::from_json(document.as_bytes()).ok();
        if document.contains("\"rules\"") {
            let set = TariffSet::from_json(document.as_bytes())
                .unwrap_or_else(|error| panic!("{error} at {}: {document}", error.path()));
            last = Some(set);
            tariffs += 1;
        } else {
            let stay = document.contains("\"adjust\"") && Stay::from_json(document.as_bytes()).is_ok();
            assert!(calendar.is_some() || stay || document.contains("\"next_change\""), "{document}");
            others += 1;
            if calendar.is_none() {
                continue;
            }
        }
        let Some(set) = &last else { continue };
        let id = set.ids().next().unwrap().to_owned();
        for line in
            after.lines().take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with("- `20"))
        {
            let words: Vec<&str> = line.split(['`', ' ', ':']).collect();
            let fee = line.rsplit(": ").next().unwrap();
            let times: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            let instant = |text: &str| format!("{text}+08:00").parse().unwrap();
            let mut stay = Stay::new("s", instant(times[0]), instant(times[1]));
            for word in words {
                stay.vehicle = parking_types::VehicleClass::parse(word).map(Into::into).or(stay.vehicle);
                stay.plate_color =
                    parking_types::PlateColor::parse(word).map(Into::into).or(stay.plate_color);
            }
            let tariff = set.version_at(&id, stay.entry).unwrap();
            let priced =
                total(tariff, calendar.as_ref(), &stay).unwrap().in_currency(tariff.currency()).to_string();
            assert_eq!(priced, fee, "{line} of {document}");
            fees += 1;
            specials += usize::from(calendar.is_some());
        }
    }
    assert_eq!((tariffs, others, specials), (19, 4, 3));
    assert!(fees >= 30, "{fees}");
}
