//! `parkline serve` in an empty folder, `parkline init`, and settings out of a file.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
};

use common::{binary, ended, request, text};
use serde_json::Value;

fn parkline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = binary();
    command.args(arguments).current_dir(folder).env_remove("PARKLINE_CONFIG");
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    parkline(folder, arguments).output().unwrap()
}

const FREE_PORTS: [&str; 4] = ["--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];

#[test]
fn a_server_in_an_empty_folder_works_at_once_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".hidden"), "").unwrap();
    let mut command = parkline(folder.path(), &[&["serve"], &FREE_PORTS[..]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let http: SocketAddr = ready["http"].as_str().unwrap().parse().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    while !said.contains("parkline doctor") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // What it says to type does what it says.
    let curl = said.lines().find_map(|line| line.trim().strip_prefix("curl ")?.split_once(" -d ")).unwrap();
    let (path, body) = (curl.0.strip_prefix(&format!("http://{http}")).unwrap(), curl.1.trim_matches('\''));
    let answer = request(http, "POST", path, &[], body.as_bytes()).unwrap();
    assert!(answer.0 == 200 && answer.1.contains("\"ok\""), "{answer:?}");
    let (_, open) = request(http, "GET", "/v1/sessions?state=open", &[], b"").unwrap();
    assert!(open.contains("粤B7K35Q"), "{open}");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(ended(&mut child).success());
    stderr.read_to_string(&mut said).unwrap();
    assert!(folder.path().join("data").is_dir(), "{said}");

    let checked = output(folder.path(), &["check"]);
    assert_eq!((checked.status.code(), text(&checked.stdout).contains("\"devices\":4")), (Some(0), true));
    let printed = text(&output(folder.path(), &["serve", "--print-config", "--tcp", "none"]).stdout);
    let line = |start: &str| printed.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(line("data =").ends_with("# parkline.toml") && line("tcp =").ends_with("# --tcp"), "{printed}");
}

#[test]
fn a_folder_with_something_in_it_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let refused = output(folder.path(), &[&["serve"], &FREE_PORTS[..]].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("parkline init"), "{}", text(&refused.stderr));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    assert!(output(folder.path(), &["init"]).status.success());
    let again = output(folder.path(), &["init"]);
    assert!(
        again.status.code() == Some(2) && text(&again.stderr).contains("site.json"),
        "nothing is written over"
    );
    assert!(output(folder.path(), &["check"]).status.success());
}

#[test]
fn a_check_says_where_a_setting_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    assert!(output(folder.path(), &["init"]).status.success());
    let path = folder.path().join("parkline.toml");
    let file = fs::read_to_string(&path).unwrap().replace("#ports = []", "ports = [\"vz-http=127.0.0.1:1\"]");
    fs::write(&path, &file).unwrap();
    let wrong = |place: &str| {
        let checked = output(folder.path(), &["check"]);
        let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let message = answer["message"].as_str().unwrap();
        assert!(checked.status.code() == Some(1) && message.starts_with(place), "{message}");
    };
    wrong("listen.ports (parkline.toml): vz-http=127.0.0.1:1: ");
    fs::write(&path, format!("sight = 1\n{file}")).unwrap();
    wrong("parkline.toml, line 1, column 1: unknown field `sight`");
}
