//! Plates labelled by people and by other projects' tests, changed to made-up ones of the same structure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parking_types::{Plate, PlateClass};

/// The classes that a label of the sources stands for; colours alone do not tell a layout.
fn fits(label: &str, class: PlateClass) -> bool {
    use PlateClass::{
        Consulate, Embassy, HongKong, Learner, Macau, NewEnergyLarge, NewEnergySmall, Ordinary, Police,
        Trailer,
    };
    match label {
        "blue" | "blue_or_yellow" => class == Ordinary,
        "yellow_single" => matches!(class, Ordinary | Learner),
        "yellow_double" | "yellow_double_trailer" => matches!(class, Ordinary | Trailer),
        "white" => matches!(class, Police | Ordinary),
        "green_nev_small" => class == NewEnergySmall,
        "green_nev_large" => class == NewEnergyLarge,
        "black" => matches!(class, Ordinary | Embassy | Consulate | HongKong | Macau),
        "black_hk_cross_border" => class == HongKong,
        "black_macau_cross_border" => class == Macau,
        "black_consulate" | "consulate" => class == Consulate,
        "black_embassy" => class == Embassy,
        // Tractors are not in GA 36; impossible strings fit no layout, or another one than their label says.
        "tractor_green" => class == PlateClass::Foreign,
        "invalid" => true,
        _ => false,
    }
}

#[test]
fn labelled_plates_have_the_class_of_their_label() {
    let rows: Vec<[&str; 3]> = include_str!("data/plates.csv")
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>().try_into().unwrap())
        .collect();
    assert!(rows.len() > 150);
    for [text, label, source] in rows {
        let plate = Plate::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(plate.as_str(), text, "a plate in canonical form stays as it is");
        assert!(fits(label, plate.class()), "{text} is {} and {source} says {label}", plate.class());
    }
}

#[test]
fn a_misread_plate_resembles_itself_and_few_others() {
    let plates: Vec<Plate> = include_str!("data/plates.csv")
        .lines()
        .skip(1)
        .filter_map(|line| Plate::parse(line.split(',').next()?).ok())
        .collect();
    for (index, plate) in plates.iter().enumerate() {
        let misread: String = plate.as_str().replacen('8', "B", 1);
        assert!(plate.resembles(&Plate::parse(&misread).unwrap()), "{plate} {misread}");
        let others = plates
            .iter()
            .enumerate()
            .filter(|(other, p)| *other != index && *p != plate && plate.resembles(p));
        assert_eq!(others.count(), 0, "{plate}");
    }
}
