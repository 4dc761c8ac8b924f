//! `parkline sim-usage`: a carrier's list of how much data its SIM cards have used, into a running server.

use std::{net::ToSocketAddrs, path::PathBuf};

use serde_json::{Map, Value, json};

use super::{CannotRun, Ended, http, input};

const EXAMPLES: &str = "\
Examples:
  parkline sim-usage usage.csv --at 2026-03-02T00:00:00+08:00
  carrier-export | parkline sim-usage - --server 10.0.0.5:7580 --token-file admin.token --at 2026-03-02T00:00:00+08:00

The first line names the columns; `iccid` and `used_mb` must be there, of `used_at`, `data_mb`, `valid_until`, `carrier`
and `plan` those that are there are taken over, others are passed over. A line prints {\"iccid\",\"status\"}: `changed`,
`same`, or `refused` with a message. The same can be done for one card by PUT /v1/reference/sims/ICCID.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The list, in CSV; `-`: stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server's HTTP address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7580")]
    server: String,
    /// A file that holds a token of the role admin
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// As of when the list is, where its lines do not say it (`used_at`)
    #[arg(long, value_name = "TIME")]
    at: Option<parking_types::Instant>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let text =
        String::from_utf8(input::whole(&args.file)?).map_err(|_| CannotRun::new("the list is no UTF-8"))?;
    let token = args.token_file.as_ref().map(std::fs::read_to_string).transpose().map_err(CannotRun::new)?;
    let server = args.server.to_socket_addrs().map_err(CannotRun::new)?.next();
    let server = server.ok_or_else(|| CannotRun(format!("{}: no such host", args.server)))?;
    let bearer = token.map(|token| format!("Bearer {}", token.trim()));
    let mut bad = false;
    for card in cards(&text, args.at).map_err(CannotRun)? {
        let (iccid, fields) = card;
        let told = match put(server, bearer.as_deref(), &iccid, fields) {
            Ok(true) => json!({"iccid": iccid, "status": "changed"}),
            Ok(false) => json!({"iccid": iccid, "status": "same"}),
            Err(why) => {
                bad = true;
                json!({"iccid": iccid, "status": "refused", "message": why})
            }
        };
        println!("{told}");
    }
    Ok(Ended::some_bad(bad))
}

/// Works the fields into the card's entry, or makes one.
fn put(
    server: std::net::SocketAddr,
    bearer: Option<&str>,
    iccid: &str,
    fields: Map<String, Value>,
) -> Result<bool, String> {
    let path = format!("/v1/reference/sims/{iccid}");
    let authorized: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", *bearer)).collect();
    let told = |answer: &http::Answer| format!("the server says {}: {}", answer.status, answer.body);
    let ask = |method: &str, headers: &[(&str, &str)], body: &str| {
        http::request(server, method, &path, headers, body).map_err(|error| error.to_string())
    };
    let known = ask("GET", &authorized, "")?;
    let (mut entry, condition) = match known.status {
        200 => {
            let entry = serde_json::from_str::<Map<String, Value>>(&known.body).map_err(|e| e.to_string())?;
            (entry, ("if-match", known.header("etag").unwrap_or("*").to_owned()))
        }
        404 => (Map::from_iter([("id".to_owned(), json!(iccid))]), ("if-none-match", "*".to_owned())),
        _ => return Err(told(&known)),
    };
    entry.extend(fields);
    let headers =
        [&authorized[..], &[(condition.0, &*condition.1), ("content-type", "application/json")]].concat();
    let changed = ask("PUT", &headers, &Value::Object(entry).to_string())?;
    if !(200..300).contains(&changed.status) {
        return Err(told(&changed));
    }
    let answer: Value = serde_json::from_str(&changed.body).map_err(|error| error.to_string())?;
    Ok(answer.get("changed") == Some(&Value::Bool(true)))
}

/// A card and what is said about it.
type Card = (String, Map<String, Value>);

/// The lines of a list as fields of SIM cards.
fn cards(text: &str, at: Option<parking_types::Instant>) -> Result<Vec<Card>, String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let columns: Vec<String> = split(lines.next().ok_or("the list is empty")?)?;
    for needed in ["iccid", "used_mb"] {
        if !columns.iter().any(|column| column == needed) {
            return Err(format!("the first line names no column {needed}"));
        }
    }
    (2..)
        .zip(lines)
        .map(|(number, line)| card(&columns, line, at).map_err(|why| format!("line {number}: {why}")))
        .collect()
}

fn card(columns: &[String], line: &str, at: Option<parking_types::Instant>) -> Result<Card, String> {
    let values = split(line)?;
    if values.len() != columns.len() {
        return Err(format!("{} values for {} columns", values.len(), columns.len()));
    }
    let (mut iccid, mut fields) = (String::new(), Map::new());
    for (column, value) in columns.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
        let value = match column.as_str() {
            "iccid" => {
                iccid = value;
                continue;
            }
            // A carrier counts in fractions; more than what was used is never less.
            "used_mb" | "data_mb" => {
                json!(megabytes(&value, column == "used_mb").ok_or(format!("{column}: no number"))?)
            }
            "used_at" | "valid_until" | "carrier" | "plan" => json!(value),
            _ => continue,
        };
        fields.insert(column.clone(), value);
    }
    if let Some(at) = at {
        fields.entry("used_at").or_insert_with(|| json!(at.to_string()));
    }
    if iccid.is_empty() || !iccid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("no ICCID".to_owned());
    }
    Ok((iccid, fields))
}

/// Whole megabytes, used ones rounded up and those of a plan down.
fn megabytes(text: &str, up: bool) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let more = rest.bytes().any(|digit| digit != b'0');
    let whole: u64 = whole.parse().ok()?;
    rest.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole.checked_add(u64::from(up && more)))?
}

/// The values of a line: commas between them, quotes around those that hold one.
fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                value.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(std::mem::take(&mut value).trim().to_owned()),
            other => value.push(other),
        }
    }
    values.push(value.trim().to_owned());
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(values) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_its_own_order_of_columns() {
        let text = "\u{feff}carrier,iccid,used_mb,data_mb,remark\r\n\"Mobile, \"\"A\"\"\",898600000000000001,80.01,100.9,x\r\n\
            ,898600000000000002,7,,\n";
        let at = "2026-03-02T00:00:00Z".parse().ok();
        let cards = cards(text, at).unwrap();
        assert_eq!(cards.len(), 2);
        let (iccid, fields) = &cards[0];
        assert_eq!(iccid, "898600000000000001");
        assert_eq!(
            Value::Object(fields.clone()),
            json!({"carrier": "Mobile, \"A\"", "used_mb": 81, "data_mb": 100, "used_at": "2026-03-02T00:00:00Z"})
        );
        assert_eq!(
            Value::Object(cards[1].1.clone()),
            json!({"used_mb": 7, "used_at": "2026-03-02T00:00:00Z"})
        );
    }

    #[test]
    fn a_list_that_is_none_is_refused_with_its_line() {
        for (text, why) in [
            ("", "empty"),
            ("iccid,used\n", "used_mb"),
            ("iccid,used_mb\n1,2,3\n", "line 2: 3 values for 2 columns"),
            ("iccid,used_mb\n1,2\n3,much\n", "line 3: used_mb"),
            ("iccid,used_mb\n../x,2\n", "line 2: no ICCID"),
            ("iccid,used_mb\n\"1,2\n", "line 2: a quote"),
        ] {
            let error = cards(text, None).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
