use std::{fs, path::Path};

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    given: Given,
}

fn given(flags: &[&str]) -> Given {
    Line::try_parse_from([&["parkline"], flags].concat()).unwrap().given
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn effective(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Effective, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE), file).unwrap();
    given(flags).effective(environment(variables), folder.path())
}

fn origin(effective: &Effective, path: &str) -> String {
    effective.values[path].1.to_string()
}

#[test]
fn flags_count_more_than_variables_those_more_than_the_file_and_that_more_than_the_defaults() {
    let file = "data = 'd'\n[listen]\nhttp = '10.0.0.1:1'\ntcp = '10.0.0.1:2'\nports = ['f6213=10.0.0.1:3']\n\
        [mqtt]\nclient_id = 'of-the-file'\n";
    let variables = [
        ("PARKLINE_LISTEN_HTTP", "10.0.0.2:1"),
        ("PARKLINE_LISTEN_TCP", "10.0.0.2:2"),
        ("PARKLINE_MQTT_TOPICS", "a=b  c=d"),
        ("PARKLINE_MQTT_CLIENT_ID", ""),
    ];
    let held = effective(file, &variables, &["--tcp", "none", "--single-copy"]).unwrap();
    let Settings { data, listen, mqtt, kafka, .. } = &held.settings;
    assert_eq!(listen.tcp.as_deref(), Some("none"));
    assert_eq!(listen.http, Some("10.0.0.2:1".parse().unwrap()));
    assert_eq!(listen.ports.as_deref(), Some(&["f6213=10.0.0.1:3".to_owned()][..]));
    assert_eq!(mqtt.topics.as_deref(), Some(&["a=b".to_owned(), "c=d".to_owned()][..]));
    assert_eq!(mqtt.client_id.as_deref(), Some("of-the-file"), "an empty variable says nothing");
    assert_eq!((kafka.single_copy, kafka.role), (Some(true), Some(Role::All)));
    assert_eq!(data.as_deref(), Some(Path::new("d")));
    for (path, who) in [
        ("listen.tcp", "--tcp"),
        ("listen.http", "PARKLINE_LISTEN_HTTP"),
        ("listen.ports", "parkline.toml"),
        ("mqtt.topics", "PARKLINE_MQTT_TOPICS"),
        ("kafka.role", "default"),
    ] {
        assert_eq!(origin(&held, path), who, "{path}");
    }
    assert!(held.is_set("data") && !held.is_set("kafka.role") && !held.is_set("site"));
}

#[test]
fn a_flag_takes_back_what_the_file_turns_on() {
    let held = effective("[kafka]\nsingle_copy = true\n", &[], &["--single-copy=false"]).unwrap();
    assert_eq!(held.settings.kafka.single_copy, Some(false));
}

#[test]
fn what_cannot_be_used_is_named_with_its_place() {
    for (file, place, why) in [
        ("sight = 'x'", "parkline.toml, line 1, column 1", "unknown field `sight`"),
        ("\n[listen]\nhtpp = '1'", "parkline.toml, line 3, column 1", "unknown field `htpp`"),
        ("[listen]\nhttp = 'here'", "parkline.toml, line 2, column 8", "socket address"),
        ("[listen]\nports = 'one'", "parkline.toml, line 2, column 9", "expected a sequence"),
        ("[kafka]\nrole = 'boss'", "parkline.toml, line 2, column 8", "unknown variant `boss`"),
        ("site = ", "parkline.toml, line 1", ""),
    ] {
        let error = effective(file, &[], &[]).unwrap_err();
        assert!(error.place.starts_with(place) && error.why.contains(why), "{file}: {error}");
    }
    let error = effective("", &[("PARKLINE_LISTEN_HTTP", "here")], &[]).unwrap_err();
    assert!(error.place == "PARKLINE_LISTEN_HTTP" && error.why.contains("socket address"), "{error}");
    let error = effective("", &[("PARKLINE_PARTITIONS", "0")], &[]).unwrap_err();
    assert_eq!(error.place, "PARKLINE_PARTITIONS");
    let error =
        given(&["--config", "no-such.toml"]).effective(Environment::default(), Path::new("/")).unwrap_err();
    assert_eq!(error.place, "no-such.toml");
}

#[test]
fn a_line_that_cannot_be_used_is_not_repeated() {
    let error = effective("[mqtt]\npassword = 'hunter2'\n", &[], &[]).unwrap_err().to_string();
    assert!(error.contains("unknown field `password`") && !error.contains("hunter2"), "{error}");
}

#[test]
fn paths_in_the_file_count_from_its_folder_and_those_of_flags_from_where_you_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    let file = "site = 'site'\ndata = '/var/lib/p'\n[access]\nsecrets_file = 'secrets'\n";
    fs::write(folder.path().join("etc/p.toml"), file).unwrap();
    let given = given(&["--config", "etc/p.toml", "--tokens", "tokens"]);
    let held = given.effective(Environment::default(), folder.path()).unwrap();
    let Settings { site, data, access, .. } = &held.settings;
    let paths = [site, data, &access.secrets_file, &access.tokens_file].map(|path| path.clone().unwrap());
    assert_eq!(
        paths.map(|path| path.display().to_string()),
        ["etc/site", "/var/lib/p", "etc/secrets", "tokens"]
    );
}

#[test]
fn variables_that_say_nothing_are_told() {
    let variables =
        [("PARKLINE_LISTEN_HTPP", "x"), ("PARKLINE_TOKENS", "x"), ("PARKLINE_CONFIG", FILE), ("PATH", "x")];
    assert_eq!(effective("", &variables, &[]).unwrap().unknown_variables(), ["PARKLINE_LISTEN_HTPP"]);
}

#[test]
fn limits_and_tls_are_what_the_settings_say() {
    let held = effective("", &[], &[]).unwrap();
    assert_eq!(limits(&held).unwrap(), crate::listener::Limits::default(), "one default, two places");
    assert_eq!(tls(&held).unwrap(), None);
    let file = "[limits]\nidle_secs = 60\ndevice_rate = '5/9'\n[tls]\ncertificate = 'c.pem'\nkey = 'k.pem'\non = ['port']\n";
    let held = effective(file, &[], &["--balancer", "10.0.0.0/8"]).unwrap();
    let limits = limits(&held).unwrap();
    assert_eq!((limits.idle.as_secs(), limits.device.burst), (60, 9));
    let tls_held = tls(&held).unwrap().unwrap();
    assert_eq!(
        (tls_held.on, tls_held.files.client_authorities),
        (vec![crate::metrics::Listener::Port], None)
    );
    assert!(balancers(&held).unwrap()[0].holds("10.1.2.3".parse().unwrap()));
    for (file, place) in [
        ("[limits]\nidle_secs = 0", "limits.idle_secs"),
        ("[limits]\nlistener_rate = 'fast'", "limits.listener_rate"),
        ("[tls]\ncertificate = 'c.pem'", "tls.key"),
        ("[tls]\nkey = 'k.pem'", "tls.certificate"),
        ("[tls]\ncertificate = 'c'\nkey = 'k'\non = ['udp']", "tls.on"),
        ("[listen]\nbalancers = ['here']", "listen.balancers"),
    ] {
        let held = effective(file, &[], &[]).unwrap();
        let errors = [super::limits(&held).err(), tls(&held).err(), balancers(&held).err()];
        let error = errors.into_iter().flatten().next().unwrap();
        assert!(error.place.starts_with(place), "{file}: {error}");
    }
}

#[test]
fn every_option_has_one_name_everywhere() {
    let options = options();
    let mut names: Vec<&str> = options
        .iter()
        .flat_map(|option| [&*option.flag, &*option.variable])
        .chain(SECRET_VARIABLES.map(|v| v.0))
        .collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for option in &options {
        assert!(!option.help.is_empty() && !option.value.is_empty() && !option.flag.is_empty(), "{option:?}");
        // A field whose id is not its path in the file would be unknown there.
        let line = match option.section() {
            Some(section) => format!("[{section}]\n{} = {{}}", option.name()),
            None => format!("{} = {{}}", option.name()),
        };
        let error = toml::from_str::<Settings>(&line).unwrap_err().to_string();
        assert!(!error.contains("unknown field"), "{}: {error}", option.path);
    }
}

#[test]
fn what_is_printed_is_a_config_file_without_secrets() {
    let variables = [("PARKLINE_TOKENS", "admin 0123456789abcdef"), ("PARKLINE_MQTT_PASSWORD", "hunter2")];
    let held = effective("data = 'd'\n", &variables, &["--port", "f6213=127.0.0.1:1"]).unwrap();
    let printed = printed(&held);
    assert!(!printed.contains("0123456789abcdef") && !printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("# PARKLINE_TOKENS is set\n# PARKLINE_SECRETS is not set\n"), "{printed}");
    let line = printed.lines().find(|line| line.starts_with("ports")).unwrap();
    assert!(line.starts_with("ports = [\"f6213=127.0.0.1:1\"]") && line.ends_with("# --port"), "{line}");
    let again = effective(&printed, &[], &[]).unwrap();
    assert_eq!(again.settings, held.settings);
}

#[test]
fn the_commented_file_holds_every_option_and_sets_only_what_is_asked() {
    let template = template(&[("site", "site.json"), ("data", "data")]);
    let held = effective(&template, &[], &[]).unwrap();
    assert_eq!(held.settings.site.as_deref(), Some(Path::new("site.json")));
    let set: Vec<String> = options().into_iter().map(|o| o.path).filter(|path| held.is_set(path)).collect();
    assert_eq!(set, ["site", "data"]);
    for option in options() {
        let stands = |line: &str| line.trim_start_matches('#').starts_with(&format!("{} = ", option.name()));
        assert!(template.lines().any(stands), "{}: {template}", option.path);
    }
    // The defaults that stand there are the ones that hold.
    let uncommented: String = template
        .lines()
        .filter(|line| !line.starts_with("# "))
        .map(|line| line.trim_start_matches('#'))
        .filter(|line| !line.contains(" …") && !line.contains("\"FILE") && !line.contains("=ADDR"))
        .fold(String::new(), |all, line| all + line + "\n");
    let values = toml::from_str::<Settings>(&uncommented).unwrap();
    assert_eq!(values.listen.http, held.settings.listen.http);
    assert_eq!(values.kafka.role, Some(Role::All));
}

/// The guide's table, as it should stand there.
fn table() -> String {
    let mut out =
        String::from("| in the file | flag | variable | default | what it is |\n|---|---|---|---|---|\n");
    for option in options() {
        let path =
            option.section().map_or_else(|| option.path.clone(), |s| format!("[{s}] {}", option.name()));
        let default = option.default().map_or_else(|| "–".to_owned(), |value| format!("`{value}`"));
        let (flag, variable, value) = (&option.flag, &option.variable, &option.value);
        let help = option.help.replace('|', "\\|");
        out += &format!("| `{path}` | `--{flag} {value}` | `{variable}` | {default} | {help} |\n");
    }
    out += "\n| variable without an option | what it is |\n|---|---|\n";
    out += "| `PARKLINE_CONFIG` | The config file, instead of `--config` |\n";
    SECRET_VARIABLES.iter().for_each(|(name, what)| out += &format!("| `{name}` | {what} |\n"));
    out
}

#[test]
fn the_guide_has_every_option_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("<!-- options -->\n").unwrap();
    let (stands, after) = rest.split_once("<!-- /options -->").unwrap();
    let wanted = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}<!-- options -->\n{wanted}<!-- /options -->{after}")).unwrap();
    } else {
        assert!(stands == wanted, "UPDATE_DOCS=1 cargo test -p ingest-server --lib config writes it anew");
    }
}
