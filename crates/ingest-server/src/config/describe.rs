//! The options as people meet them: each with its name in the file, its flag, its variable and its sentence.

use std::fmt::Write;

use clap::{ArgAction, Args as _};
use toml::{Table, Value};

use super::{Effective, Environment, Given, SECRET_VARIABLES, Settings};

/// An option.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Its name in the file: `section.option`, or `option` above all sections.
    pub path: String,
    /// Its flag, without the dashes.
    pub flag: String,
    /// Its variable.
    pub variable: String,
    /// What its value is called.
    pub value: String,
    /// What it is for.
    pub help: String,
    /// Whether it has several values.
    pub is_list: bool,
}

/// All options, in the order of their fields.
pub fn options() -> Vec<Described> {
    let command = Settings::augment_args(clap::Command::new("parkline"));
    let described = |arg: &clap::Arg| {
        let path = arg.get_id().to_string();
        Described {
            flag: arg.get_long().unwrap_or_default().to_owned(),
            variable: format!("PARKLINE_{}", path.replace('.', "_").to_uppercase()),
            value: arg
                .get_value_names()
                .and_then(|names| names.first())
                .map(ToString::to_string)
                .unwrap_or_default(),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            is_list: matches!(arg.get_action(), ArgAction::Append),
            path,
        }
    };
    command.get_arguments().map(described).collect()
}

impl Described {
    /// The table of the file that it stands in.
    pub fn section(&self) -> Option<&str> {
        self.path.split_once('.').map(|(section, _)| section)
    }

    /// Its name within its section.
    pub fn name(&self) -> &str {
        self.path.split_once('.').map_or(&*self.path, |(_, name)| name)
    }

    /// Whether its value is a path.
    pub fn is_path(&self) -> bool {
        matches!(&*self.value, "FILE" | "DIR" | "SITE")
    }

    pub(super) fn value_in(&self, settings: &Settings) -> Option<Value> {
        let table = Table::try_from(settings).ok()?;
        match self.section() {
            Some(section) => table.get(section)?.get(self.name()).cloned(),
            None => table.get(self.name()).cloned(),
        }
    }

    pub(super) fn default(&self) -> Option<Value> {
        let defaults = Given::default().effective(Environment::default(), "/nowhere".as_ref()).ok()?;
        defaults.values.get(&self.path).map(|(value, _)| value.clone())
    }
}

/// A config file in which every option stands with its sentence, all commented out but those in `set`.
pub fn template(set: &[(&str, &str)]) -> String {
    let mut out = "\
# The settings of `parkline serve`. What is commented out has the value that stands there, or none.
# A variable (PARKLINE_LISTEN_HTTP for http in [listen]) counts more than this file, a flag (--http) more than both;
# `parkline serve --print-config` shows what holds and who said so, `parkline check` whether it can be used.
# Paths count from the folder of this file. Secrets do not stand here: name files that only the server can read.
"
    .to_owned();
    let mut section = None;
    for option in options() {
        if option.section() != section.as_deref() {
            section = option.section().map(str::to_owned);
            let _ = writeln!(out, "\n[{}]", section.as_deref().unwrap_or_default());
        }
        let _ = writeln!(out, "\n# {}", wrapped(&option.help));
        let _ = match (set.iter().find(|(path, _)| *path == option.path), option.default()) {
            (Some((_, value)), _) => writeln!(out, "{} = \"{value}\"", option.name()),
            (None, Some(default)) => writeln!(out, "#{} = {default}", option.name()),
            (None, None) => writeln!(out, "#{} = {}", option.name(), option.placeholder()),
        };
    }
    out
}

impl Described {
    fn placeholder(&self) -> String {
        match &*self.value {
            "N" | "BOOL" => format!("{} …", self.value),
            _ if self.is_list => format!("[\"{}\"]", self.value),
            _ => format!("\"{}\"", self.value),
        }
    }
}

/// A sentence over lines of a comment.
fn wrapped(help: &str) -> String {
    let mut lines = vec![String::new()];
    for word in help.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < 110 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n# ")
}

/// What holds, as a config file with who said so behind each value. No secret is in it: of variables that hold one only
/// whether they are there.
pub fn printed(effective: &Effective) -> String {
    let mut out = String::new();
    let mut section = None;
    for option in options() {
        let Some((value, origin)) = effective.values.get(&option.path) else { continue };
        if option.section() != section.as_deref() {
            section = option.section().map(str::to_owned);
            let _ = writeln!(out, "\n[{}]", section.as_deref().unwrap_or_default());
        }
        let _ = writeln!(out, "{:<48} # {origin}", format!("{} = {value}", option.name()));
    }
    for (name, _) in SECRET_VARIABLES {
        let there = if effective.environment.get(name).is_some() { "is set" } else { "is not set" };
        let _ = writeln!(out, "{}# {name} {there}", if name == SECRET_VARIABLES[0].0 { "\n" } else { "" });
    }
    out
}
