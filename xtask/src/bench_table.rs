//! The last criterion results as a Markdown table, for BENCHMARKS.md.

use serde_json::Value;
use std::{fs, path::Path};

/// Prints one row a benchmark found under `target`.
///
/// # Errors
/// A message when there are no results.
pub(crate) fn run(target: &Path) -> Result<bool, String> {
    let results = target.join("criterion");
    let mut rows = Vec::new();
    collect(&results, &mut rows);
    rows.sort();
    if rows.is_empty() {
        return Err(format!("no results under {}: run cargo bench first", results.display()));
    }
    println!("| benchmark | median | a second |\n|---|---:|---:|");
    for row in rows {
        println!("{row}");
    }
    Ok(true)
}

fn collect(folder: &Path, rows: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let read =
            |name: &str| -> Option<Value> { serde_json::from_slice(&fs::read(path.join(name)).ok()?).ok() };
        match (path.ends_with("new"), read("benchmark.json"), read("estimates.json")) {
            (true, Some(benchmark), Some(estimates)) => rows.extend(row(&benchmark, &estimates)),
            _ => collect(&path, rows),
        }
    }
}

/// One row from criterion's `benchmark.json` and `estimates.json`.
fn row(benchmark: &Value, estimates: &Value) -> Option<String> {
    let nanos = estimates["median"]["point_estimate"].as_f64()?;
    let rate = match &benchmark["throughput"] {
        Value::Object(of) => {
            of.iter().next().and_then(|(unit, n)| Some((unit.clone(), n.as_f64()? * 1e9 / nanos)))
        }
        _ => None,
    };
    let rate = rate.map_or(String::new(), |(unit, rate)| format!("{} {}", scaled(rate), unit.to_lowercase()));
    Some(format!("| {} | {} | {rate} |", benchmark["full_id"].as_str()?, duration(nanos)))
}

fn duration(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

fn scaled(rate: f64) -> String {
    match rate {
        r if r < 1e3 => format!("{r:.0}"),
        r if r < 1e6 => format!("{:.1} K", r / 1e3),
        r if r < 1e9 => format!("{:.2} M", r / 1e6),
        r => format!("{:.2} G", r / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_names_time_and_rate() {
        let benchmark = json!({ "full_id": "decode/native", "throughput": { "Elements": 64 } });
        let estimates = json!({ "median": { "point_estimate": 1600.0 } });
        assert_eq!(row(&benchmark, &estimates).unwrap(), "| decode/native | 1.60 µs | 40.00 M elements |");
        assert_eq!(row(&json!({ "full_id": "a" }), &estimates).unwrap(), "| a | 1.60 µs |  |");
        assert_eq!(row(&benchmark, &json!({})), None);
    }
}
