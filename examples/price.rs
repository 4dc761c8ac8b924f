//! Prices one stay with the tariff engine alone, and prints the receipt line by line.
//!
//! `cargo run --example price`

use parking_types::Zone;
use tariff_engine::{Stay, Tariff, price};

const TARIFF: &str = r#"{ "format": 1, "id": "kerb", "currency": "CNY", "time_zone": "Asia/Shanghai",
  "rules": [ { "id": "day", "from": "07:30", "to": "21:00", "cap": "20.00", "charge": { "tiers": "total", "steps": [
    { "upto": "30m", "price": "0" },
    { "upto": "60m", "price": "3.00" },
    { "every": "60m", "price": "1.00", "partial": "down" } ] } } ] }"#;

const STAY: &str =
    r#"{ "id": "a1", "entry": "2022-01-01T08:00:00+08:00", "exit": "2022-01-01T13:57:01+08:00" }"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tariff = Tariff::from_json(TARIFF.as_bytes())?;
    let stay = Stay::from_json(STAY.as_bytes())?;
    let receipt = price(&tariff, None, &stay)?;

    let clock = |at, zone: &Zone| zone.local(at).to_string().chars().skip(11).take(5).collect::<String>();
    for line in &receipt.lines {
        let (from, to) = (clock(line.from, receipt.zone), clock(line.to, receipt.zone));
        let amount = line.amount.in_currency(receipt.currency);
        println!("{from}–{to}  {:6} {:8} {amount:>8}", line.kind.as_str(), line.rule.unwrap_or(""));
    }
    println!("total {:>27} {}", receipt.total.in_currency(receipt.currency).to_string(), receipt.currency);
    if let Some(next) = receipt.next_change {
        let total = next.total.in_currency(receipt.currency);
        println!("later than {}: {total}", clock(next.at, receipt.zone));
    }
    println!("{}", receipt.to_json());
    Ok(())
}
