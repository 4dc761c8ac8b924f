//! The commands that read and write files: what they print, and how they end.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;

use common::{json_lines, run, site, text, write_site};
use serde_json::json;

#[test]
fn decode_goes_on_after_a_bad_frame() {
    let output = run(&["decode", "--protocol", "bosch-tps110", "--fport", "1"], b"01\n\nzz\n0\n00\n");
    let lines = json_lines(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["occupied"], &lines[3]["occupied"]), (&json!(true), &json!(false)));
    assert_eq!((&lines[1]["error"]["code"], &lines[1]["error"]["offset"]), (&json!("syntax"), &json!(0)));
    let named = run(&["decode", "--protocol", "bosch-tps110:1"], b"01");
    assert_eq!(
        (named.status.code(), json_lines(&named.stdout)[0]["kind"].clone()),
        (Some(0), json!("occupancy"))
    );
}

#[test]
fn json_protocols_take_text_and_hex() {
    let push = common::push("aaaaaaaa-11111111", 5, "粤B7K35Q");
    let hex: String = push.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines = [push.as_slice(), hex.as_bytes()].join(&b'\n');
    let output = run(&["decode", "--protocol", "vz-http"], &lines);
    let readings = json_lines(&output.stdout);
    assert_eq!((output.status.code(), readings.len()), (Some(0), 2), "{}", text(&output.stderr));
    assert_eq!(readings[0], readings[1]);
    assert_eq!(readings[0]["plate"], "粤B7K35Q");
}

#[test]
fn bodies_without_their_frame_and_frames_without_bytes() {
    let output =
        run(&["decode", "--protocol", "vz-tcp"], "{\"cmd\":\"getsn\",\"value\":\"粤\"}\n".as_bytes());
    assert_eq!(
        (output.status.code(), json_lines(&output.stdout)[0]["device"].clone()),
        (Some(0), json!("粤"))
    );
    let started = run(&["decode", "--protocol", "pni-placepod"], b"\n156601\n");
    let kinds: Vec<_> = json_lines(&started.stdout).iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds, ["startup", "occupancy"]);
}

#[test]
fn explain_prints_a_table_for_people_and_lines_for_programs() {
    let output = run(&["explain", "--protocol", "bosch-tps110:2"], b"0112\n");
    let fields = json_lines(&output.stdout);
    assert_eq!((output.status.code(), fields[0]["offset"].clone()), (Some(0), json!(0)));
    assert!(text(&output.stderr).contains("occupied"), "{}", text(&output.stderr));
    let broken = run(&["explain", "--protocol", "bosch-tps110:2"], b"\n01121314151617\n");
    assert_eq!(broken.status.code(), Some(1));
    assert!(json_lines(&broken.stdout).iter().any(|line| line["error"]["code"].is_string()));
}

#[test]
fn protocols_are_listed() {
    let output = run(&["protocols"], b"");
    let names: Vec<_> = json_lines(&output.stdout).into_iter().map(|line| line["protocol"].clone()).collect();
    assert!(names.contains(&json!("vz-http")) && names.contains(&json!("parkline")));
}

#[test]
fn quote_prints_receipts_in_order_and_errors_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let tariff = folder.path().join("tariff.json");
    fs::write(&tariff, site()["tariffs"][0].to_string()).unwrap();
    let stay = |id: &str, exit: &str| {
        json!({"id": id, "entry": "2026-03-02T08:00:00+08:00", "exit": exit}).to_string()
    };
    let input =
        [stay("a", "2026-03-02T09:10:00+08:00"), String::new(), stay("b", "2026-03-01T09:10:00+08:00")]
            .join("\n");
    let output = run(&["quote", "--tariff", tariff.to_str().unwrap()], input.as_bytes());
    let lines = json_lines(&output.stdout);
    assert_eq!((output.status.code(), lines.len()), (Some(1), 2));
    assert_eq!((&lines[0]["id"], &lines[0]["total"]), (&json!("a"), &json!("3.00")));
    assert_eq!(lines[1]["error"]["code"], "exit_before_entry");
    fs::write(&tariff, "{\"format\":2}").unwrap();
    let refused = run(&["quote", "--tariff", tariff.to_str().unwrap()], b"");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    assert!(text(&refused.stderr).starts_with("{\"error\":"), "{}", text(&refused.stderr));
}

fn recording() -> String {
    let frame = |at: &str, device: &str, counter: u32, payload: &str| {
        json!({"received_at": at, "device": device, "protocol": "bosch-tps110", "port": 1, "counter": counter, "payload": payload})
            .to_string()
    };
    let lines = [
        frame("2026-03-02T08:00:00+08:00", "m-1", 1, "01"),
        frame("2026-03-02T08:00:02+08:00", "m-1", 1, "01"),
        frame("2026-03-02T09:10:00+08:00", "m-1", 2, "00"),
        json!({"received_at": "2026-03-02T09:20:00+08:00", "tick": true}).to_string(),
    ];
    lines.join("\n")
}

fn roadside() -> serde_json::Value {
    let mut site = site();
    let device = json!({"id": "m-1", "protocol": "bosch-tps110", "berth": "L1-001"});
    site["devices"].as_array_mut().unwrap().push(device);
    site
}

#[test]
fn replay_writes_the_files_of_the_contract_and_the_same_bytes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let site_file = write_site(folder.path(), &roadside());
    let replay = |out: &str, input: &str| {
        let out = folder.path().join(out);
        let output = run(
            &["replay", "--site", site_file.to_str().unwrap(), "--out", out.to_str().unwrap()],
            input.as_bytes(),
        );
        let files = [
            "sessions.jsonl",
            "charges.jsonl",
            "alerts.jsonl",
            "commands.jsonl",
            "dead-letters.jsonl",
            "summary.json",
        ];
        (output, files.map(|file| fs::read(out.join(file)).unwrap()))
    };
    let (output, files) = replay("one", &recording());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary = &json_lines(&files[5])[0];
    assert_eq!(
        *summary,
        json!({"frames": 3, "applied": 2, "duplicate": 1, "dead_letters": 0, "readings_dead": 0, "sessions": 1, "charges": 1})
    );
    assert_eq!(json_lines(&output.stdout), std::slice::from_ref(summary));
    assert_eq!(json_lines(&files[1])[0]["total"], "3.00");
    let people = text(&output.stderr);
    for word in ["copies        1", "revenue         CNY 3.00", "3 × 1.00", "JSON: "] {
        assert!(people.contains(word), "{word} is not in:\n{people}");
    }
    assert_eq!(replay("two", &recording()).1, files);

    let (bad, files) = replay("three", "no record\n");
    assert_eq!((bad.status.code(), json_lines(&files[4]).len()), (Some(1), 1));
}

#[test]
fn what_cannot_run_ends_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let site_file = folder.path().join("site.json");
    fs::write(&site_file, r#"{"format":1,"lots":[{"id":"L1","kind":"street"}]}"#).unwrap();
    let site_file = site_file.to_str().unwrap();
    for (arguments, word) in [
        (vec!["decode", "--protocol", "morse"], "morse"),
        (vec!["decode", "--protocol", "bosch-tps110:x"], "port"),
        (vec!["replay", "--site", "/nowhere/site.json"], "/nowhere/site.json"),
        (vec!["replay", "--site", site_file], "lots[0]"),
        (vec!["decode"], "--protocol"),
        (vec!["fly"], "fly"),
    ] {
        let output = run(&arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(run(&["--help"], b"").status.code(), Some(0));
}

#[test]
fn lint_tells_what_is_odd_and_ends_by_the_worst() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, value: serde_json::Value| {
        let path = folder.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let tariff = |grace: &str, rules: serde_json::Value| json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "ladder": "stay", "grace": grace, "rules": rules});
    let hourly = |id: &str| json!({"id": id, "charge": {"steps": [{"every": "1h", "price": "5.00"}]}});
    let clean = file("clean.json", tariff("0s", json!([hourly("all")])));
    let steep = file("steep.json", tariff("2h", json!([hourly("all")])));
    let hidden = file("hidden.json", tariff("0s", json!([hourly("all"), hourly("more")])));
    let year = file(
        "cn-2026.json",
        json!({"format": 1, "id": "cn-2026", "covers": {"from": "2026-01-01", "until": "2027-01-01"}}),
    );
    let lint = |arguments: &[&str]| run(&[&["lint", "--today", "2026-03-02"], arguments].concat(), b"");

    let output = lint(&[&clean, "--strict", "--calendar", &year]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "nothing found\n");

    let output = lint(&[&steep]);
    let lines = json_lines(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    let cliff = lines.iter().find(|line| line["code"] == "cliff").unwrap();
    assert_eq!((&cliff["file"], &cliff["path"]), (&json!(steep), &json!("grace")));
    assert_eq!((&cliff["total"], &cliff["compared"][0]["total"]), (&json!("0.00"), &json!("15.00")));
    for part in ["warning cliff at grace", "one minute more than 2h costs 15.00 more", "10:01:00  CNY 15.00"]
    {
        assert!(text(&output.stderr).contains(part), "{part} is not in:\n{}", text(&output.stderr));
    }
    // The stay that is shown costs what is shown.
    let priced = run(&["quote", "--tariff", &steep], cliff["compared"][0]["stay"].to_string().as_bytes());
    assert_eq!(json_lines(&priced.stdout)[0]["total"], "15.00");
    assert_eq!(lint(&[&steep, "--strict"]).status.code(), Some(1));

    let output = lint(&["--json", &hidden, &clean]);
    assert_eq!(
        (output.status.code(), json_lines(&output.stdout)[0]["code"].clone()),
        (Some(1), json!("unreachable_rule"))
    );
    assert_eq!(text(&output.stderr), "");

    let late = run(&["lint", &year, "--today", "2026-12-01"], b"");
    assert_eq!(json_lines(&late.stdout)[0]["code"], "calendar_ends");
    let bad = run(&["lint"], b"{\"format\":2}");
    assert_eq!((bad.status.code(), json_lines(&bad.stdout)[0]["file"].clone()), (Some(1), json!("-")));
    let mut site = site();
    site["tariffs"][0]["rules"] = json!([hourly("all"), hourly("more")]);
    let site = file("site.json", site);
    let found = json_lines(&lint(&[&site]).stdout);
    assert_eq!(found[0]["path"], "tariffs[0].rules[1]", "{found:?}");
    assert_eq!(lint(&["/nowhere/t.json"]).status.code(), Some(2));
}

#[test]
fn backtest_tells_what_a_new_tariff_changes() {
    let folder = tempfile::tempdir().unwrap();
    let tariff = |name: &str, price: &str| {
        let path = folder.path().join(name);
        let rules = json!([{"id": "all", "charge": {"steps": [{"every": "1h", "price": price}]}}]);
        let tariff =
            json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": rules});
        fs::write(&path, tariff.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (tariff("old.json", "2.00"), tariff("new.json", "2.50"));
    let stay = |id: &str, exit: &str| {
        json!({"id": id, "entry": "2026-03-02T08:00:00+08:00", "exit": exit}).to_string()
    };
    let stays = [stay("a", "2026-03-02T10:00:00+08:00"), stay("b", "2026-03-02T08:00:00+08:00")].join("\n");
    let output = run(&["backtest", "--old", &old, "--new", &new], stays.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = &json_lines(&output.stdout)[0];
    assert_eq!(
        (&report["stays"], &report["same"], &report["difference"]),
        (&json!(2), &json!(1), &json!("1.00"))
    );
    assert_eq!(report["dearer"], json!({"stays": 1, "amount": "1.00"}));
    for part in ["(+25.0 %)", "largest changes", "08:00:00 → 2026-03-02 10:00:00"] {
        assert!(text(&output.stderr).contains(part), "{part} is not in:\n{}", text(&output.stderr));
    }
    let shown = text(&output.stderr);
    let line =
        |begin: &str| shown.lines().find(|line| line.starts_with(begin)).unwrap_or_default().to_owned();
    // Amounts end in one column, and one stay is one stay.
    let end = |begin: &str, part: &str| line(begin).find(part).map(|at| at + part.len());
    assert_eq!(end("old total", "4.00"), Some(48), "{shown}");
    assert_eq!(end("difference", "+1.00"), end("dearer", "+1.00"), "{shown}");
    assert_eq!(line("dearer").split_whitespace().nth(2), Some("stay"), "{shown}");
    assert_eq!(line("cheaper").split_whitespace().nth(2), Some("stays"), "{shown}");
    let columns = |line: &str| line.chars().take_while(|c| *c != '(').collect::<String>();
    let head = line("largest changes").chars().count();
    let row = columns(&line("2026-03-02 08:00:00 →"));
    assert_eq!(row.trim_end().chars().count(), head + "  a".len(), "{shown}");
    let bad = run(&["backtest", "--json", "--old", &old, "--new", &new], format!("{stays}\n{{\n").as_bytes());
    assert_eq!((bad.status.code(), json_lines(&bad.stdout)[0].clone()), (Some(1), report.clone()));
    assert!(text(&bad.stderr).starts_with("line 3: bad_json: "), "{}", text(&bad.stderr));
    assert_eq!(run(&["backtest", "--old", &old, "--new", "/nowhere"], b"").status.code(), Some(2));
}

const DAY: &str = r#"{"format":1,"id":"day","currency":"CNY","time_zone":"Asia/Shanghai","rules":[{"id":"day","from":"08:00","to":"20:00",
    "charge":{"steps":[{"upto":"30m","price":"0"},{"every":"1h","price":"2.00"}]}}]}"#;

#[test]
fn quote_explains_receipts_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let tariff = folder.path().join("tariff.json");
    fs::write(&tariff, DAY).unwrap();
    let stays = [
        r#"{"id":"a","entry":"2026-03-02T08:00:00+08:00","exit":"2026-03-02T10:00:00+08:00"}"#,
        r#"{"id":"b","entry":"2026-03-02T08:00:00+08:00","exit":"2026-03-01T10:00:00+08:00"}"#,
        r#"{"id":"c"}"#,
    ]
    .join("\n");
    let explain = |more: &[&str]| {
        let arguments = [&["quote", "--tariff", tariff.to_str().unwrap()], more].concat();
        run(&arguments, stays.as_bytes())
    };
    let chinese = explain(&["--explain", "--lang", "zh", "--width", "32"]);
    let out = text(&chinese.stdout);
    assert_eq!(chinese.status.code(), Some(1));
    for part in [
        "入场            2026-03-02 08:00",
        "工作日 (星期一)",
        "2 x 2.00",
        "CNY 4.00",
        "此后 2026-03-02 10:30",
        "b: exit_before_entry",
        "c: bad_field",
    ] {
        assert!(out.contains(part), "{part} is not in:\n{out}");
    }
    let english = explain(&["--explain"]);
    assert!(text(&english.stdout).contains("workday (Monday)"), "{}", text(&english.stdout));
    assert_eq!(explain(&["--lang", "zh"]).status.code(), Some(2), "a language without --explain");
    assert_eq!(explain(&["--explain", "--width", "3"]).status.code(), Some(2));
}

#[test]
fn curve_prints_and_draws_every_change_of_the_price() {
    let folder = tempfile::tempdir().unwrap();
    let tariff = folder.path().join("tariff.json");
    fs::write(&tariff, DAY).unwrap();
    let (tariff, svg) = (tariff.to_str().unwrap(), folder.path().join("fee.svg"));
    let output = run(
        &[
            "curve",
            tariff,
            "--entry",
            "2026-03-02T08:00",
            "--for",
            "3h",
            "--fee",
            "3",
            "--svg",
            svg.to_str().unwrap(),
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let curve = &json_lines(&output.stdout)[0];
    let points: Vec<(&str, bool, &str)> = curve["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (
                point["at"].as_str().unwrap(),
                point["inclusive"].as_bool().unwrap(),
                point["total"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("2026-03-02T08:00:00+08:00", true, "0.00"),
        ("2026-03-02T08:30:00+08:00", false, "2.00"),
        ("2026-03-02T09:30:00+08:00", false, "4.00"),
        ("2026-03-02T10:30:00+08:00", false, "6.00"),
    ];
    assert_eq!(points, expected);
    assert_eq!(curve["latest_exit"], json!({"fee": "3.00", "at": "2026-03-02T09:30:00+08:00"}));
    let picture = fs::read_to_string(&svg).unwrap();
    for part in
        ["<svg", "day: entry 2026-03-02 08:00", "3.00 until 2026-03-02 09:30", "CNY", "08:30", "</svg>"]
    {
        assert!(picture.contains(part), "{part} is not in the picture");
    }
    // The fee of 30 minutes in, an hour on: three steps after the free half hour, each with its dot.
    assert_eq!(picture.matches("<circle").count(), 1 + 3 * 2);

    let instant = run(&["curve", "--tariff", tariff, "--entry", "2026-03-02T00:00:00Z", "--for", "3h"], b"");
    assert_eq!(json_lines(&instant.stdout)[0]["points"], curve["points"]);
    let stays = br#"{"id":"x","entry":"2026-03-02T08:00:00+08:00","exit":"2026-03-02T08:00:00+08:00"}"#;
    let streamed = run(&["curve", "--tariff", tariff, "--for", "3h"], stays);
    assert_eq!(json_lines(&streamed.stdout)[0]["points"], curve["points"]);
    for wrong in [
        vec!["curve", tariff, "--entry", "8 o'clock"],
        vec!["curve", tariff],
        vec!["curve", tariff, tariff, "--entry", "2026-03-02T08:00"],
    ] {
        assert_eq!(run(&wrong, b"").status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn calendars_are_merged_into_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let calendar = |name: &str, value: serde_json::Value| {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let year = |year: i32| {
        let covers = json!({"from": format!("{year}-01-01"), "until": format!("{}-01-01", year + 1)});
        let days = json!({format!("{year}-10-01"): ["rest_day"]});
        calendar(
            &format!("cn-{year}"),
            json!({"format": 1, "id": format!("cn-{year}"), "covers": covers, "days": days}),
        )
    };
    let fair = calendar(
        "fair",
        json!({"format": 1, "id": "fair", "covers": {"from": "2026-01-01", "until": "2028-01-01"}, "days": {"2026-10-01": ["rest_day", "special_day"]}}),
    );
    let (y26, y27, y28) = (year(2026), year(2027), year(2028));
    let merged = run(&["calendar", "merge", &y26, &y27, &fair], b"");
    assert_eq!(merged.status.code(), Some(0), "{}", text(&merged.stderr));
    let document = &json_lines(&merged.stdout)[0];
    assert_eq!(
        *document,
        json!({"format": 1, "id": "cn-2026+cn-2027+fair", "weekend": ["sat", "sun"], "covers": {"from": "2026-01-01", "until": "2028-01-01"},
            "days": {"2026-10-01": ["rest_day", "special_day"], "2027-10-01": ["rest_day"]}})
    );
    // What was merged prices as the calendars do one by one.
    let days = calendar("days", document.clone());
    let tariff = folder.path().join("tariff.json");
    fs::write(&tariff, DAY).unwrap();
    let stay = br#"{"id":"a","entry":"2027-10-01T08:00:00+08:00","exit":"2027-10-01T10:00:00+08:00"}"#;
    let quote = |calendars: &[&str]| {
        let options = calendars.iter().flat_map(|file| ["--calendar", file]);
        let arguments: Vec<&str> =
            ["quote", "--tariff", tariff.to_str().unwrap()].into_iter().chain(options).collect();
        json_lines(&run(&arguments, stay).stdout)[0].clone()
    };
    assert_eq!(quote(&[&days])["lines"], quote(&[&y26, &y27, &fair])["lines"]);
    assert_eq!(quote(&[&days])["lines"][0]["day_type"], "rest_day");

    let missing = run(&["calendar", "merge", &y26, &y28], b"");
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(2), 0));
    let error = &json_lines(&missing.stderr)[0]["error"];
    assert_eq!(error["code"], "calendar_gap");
    assert!(error["message"].as_str().unwrap().contains("2027-01-01 to 2027-12-31"), "{error}");
    let friday = calendar("friday", json!({"format": 1, "id": "f", "weekend": ["fri"]}));
    assert_eq!(
        json_lines(&run(&["calendar", "merge", &y26, &friday], b"").stderr)[0]["error"]["code"],
        "bad_field"
    );
    let bad = calendar("bad", json!({"format": 1, "id": "b", "day": {}}));
    let refused = json_lines(&run(&["calendar", "merge", &y26, &bad], b"").stderr)[0].clone();
    assert_eq!((&refused["file"], &refused["error"]["path"]), (&json!(bad), &json!("day")));
}
