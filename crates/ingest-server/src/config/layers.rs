//! Defaults, the file, the environment and flags, laid over one another; of each value it is known who set it.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use clap::Parser;
use toml::{Table, Value};

use super::{
    FILE, SECRET_VARIABLES, Settings,
    describe::{Described, options},
};

const DEFAULTS: &str = include_str!("defaults.toml");
/// What all variables begin with.
const PREFIX: &str = "PARKLINE_";
/// What names the config file.
const CONFIG: &str = "PARKLINE_CONFIG";

/// What a command that needs the settings is given on its command line.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Given {
    /// The config file; without it `parkline.toml` of the folder that you are in, where there is one. Every option
    /// below may stand in it, or in a variable: docs/configuration.md
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Flags.
    #[command(flatten)]
    pub flags: Settings,
}

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// The config file.
    File(PathBuf),
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// Something that cannot be used, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file with line and column, the variable, or the option and who set it.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for ConfigError {}

/// The variables of a process that begin with `PARKLINE_`. Empty ones count as absent.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process.
    pub fn here() -> Self {
        Self::from_iter(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        }))
    }

    /// The text of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let ours = |(name, value): &(String, String)| name.starts_with(PREFIX) && !value.is_empty();
        Self(variables.into_iter().filter(ours).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some hold secrets.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What holds.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The values.
    pub settings: Settings,
    /// The config file, where one was read.
    pub file: Option<PathBuf>,
    /// By option: its value and who set it.
    pub(super) values: BTreeMap<String, (Value, Origin)>,
    /// Where secrets may stand.
    pub environment: Environment,
}

impl Given {
    /// Lays flags over variables over the file over the defaults. `folder` is the one that the process is in.
    ///
    /// # Errors
    /// [`ConfigError`], with the place of what cannot be used.
    pub fn effective(&self, environment: Environment, folder: &Path) -> Result<Effective, ConfigError> {
        let options = options();
        let mut values = BTreeMap::new();
        let mut lay = |layer: &Settings, origin: &dyn Fn(&Described) -> Origin| {
            for option in &options {
                if let Some(value) = option.value_in(layer) {
                    values.insert(option.path.clone(), (value, origin(option)));
                }
            }
        };
        lay(&read(Path::new("defaults"), DEFAULTS)?, &|_| Origin::Default);
        let file = self.file(&environment, folder);
        if let Some(path) = &file {
            let settings = from_file(path, &folder.join(path), &options)?;
            lay(&settings, &|_| Origin::File(path.clone()));
        }
        for option in &options {
            if let Some(text) = environment.get(&option.variable) {
                lay(&from_variable(option, text)?, &|option| Origin::Variable(option.variable.clone()));
            }
        }
        lay(&self.flags, &|option| Origin::Flag(option.flag.clone()));
        let settings = nested(values.iter().map(|(path, (value, _))| (path, value))).try_into();
        let settings = settings.map_err(|error: toml::de::Error| ConfigError {
            place: "the settings".to_owned(),
            why: error.message().to_owned(),
        })?;
        Ok(Effective { settings, file, values, environment })
    }

    /// The config file, if there is one: named, or in the folder.
    pub fn file(&self, environment: &Environment, folder: &Path) -> Option<PathBuf> {
        let named = self.config.clone().or_else(|| environment.get(CONFIG).map(PathBuf::from));
        named.or_else(|| folder.join(FILE).is_file().then(|| PathBuf::from(FILE)))
    }
}

impl Effective {
    /// An error about a value: names the option and who set it.
    pub fn wrong(&self, path: &str, why: impl fmt::Display) -> ConfigError {
        let origin = self.values.get(path).map(|(_, origin)| origin);
        let place = match origin {
            None | Some(Origin::Default) => path.to_owned(),
            Some(origin) => format!("{path} ({origin})"),
        };
        ConfigError { place, why: why.to_string() }
    }

    /// An error about an option that has no value and needs one.
    pub fn missing(&self, path: &str, why: &str) -> ConfigError {
        let option = options().into_iter().find(|option| option.path == path);
        let ways = option.map_or_else(String::new, |option| {
            let section = option.section().map_or_else(String::new, |name| format!(" in [{name}]"));
            format!(
                ": {} = …{section} in the config file, {} or --{}",
                option.name(),
                option.variable,
                option.flag
            )
        });
        ConfigError { place: path.to_owned(), why: format!("{why}{ways}") }
    }

    /// Whether somebody set the option.
    pub fn is_set(&self, path: &str) -> bool {
        self.values.get(path).is_some_and(|(_, origin)| *origin != Origin::Default)
    }

    /// Variables that look like ours and are none: a misspelt one would be passed over in silence.
    pub fn unknown_variables(&self) -> Vec<&str> {
        let options = options();
        let known = |name: &str| {
            name == CONFIG
                || options.iter().any(|option| option.variable == name)
                || SECRET_VARIABLES.iter().any(|(secret, _)| *secret == name)
        };
        self.environment.0.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }
}

fn from_file(named: &Path, path: &Path, options: &[Described]) -> Result<Settings, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError {
        place: named.display().to_string(),
        why: format!("cannot be read: {error}"),
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let mut settings = read(named, &text)?;
    // Paths in the file count from its folder, wherever the server is started.
    let folder = named.parent().unwrap_or(Path::new(""));
    for option in options.iter().filter(|option| option.is_path()) {
        if let Some(value) = option.value_in(&settings) {
            settings = over(&settings, nested([(&option.path, &under(folder, value))]));
        }
    }
    Ok(settings)
}

/// A path, or several, as they count from a folder.
fn under(folder: &Path, value: Value) -> Value {
    match value {
        Value::String(path) => Value::String(folder.join(path).display().to_string()),
        Value::Array(paths) => Value::Array(paths.into_iter().map(|path| under(folder, path)).collect()),
        other => other,
    }
}

fn from_variable(option: &Described, text: &str) -> Result<Settings, ConfigError> {
    let values: Vec<&str> = if option.is_list { text.split_whitespace().collect() } else { vec![text] };
    let flags = values.into_iter().map(|value| format!("--{}={value}", option.flag));
    let words = ["parkline".to_owned()].into_iter().chain(flags);
    Flags::try_parse_from(words).map(|flags| flags.settings).map_err(|error| {
        let said = error.to_string();
        let why = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ConfigError { place: option.variable.clone(), why }
    })
}

/// Nothing but the settings' flags.
#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

fn read(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        // Only the place: the line itself may hold what was meant to be secret.
        let (line, column) = place(text, error.span().unwrap_or_default());
        let place = format!("{}, line {line}, column {column}", path.display());
        ConfigError { place, why: error.message().trim_end().to_owned() }
    })
}

fn place(text: &str, span: Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or_default();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The tables that paths like `listen.http` stand for.
fn nested<'a>(values: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Table {
    let mut tables = Table::new();
    for (path, value) in values {
        match path.split_once('.') {
            None => drop(tables.insert(path.clone(), value.clone())),
            Some((section, option)) => {
                let section = tables.entry(section).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    section.insert(option.to_owned(), value.clone());
                }
            }
        }
    }
    tables
}

/// Settings with some values replaced.
fn over(settings: &Settings, with: Table) -> Settings {
    let mut table = Table::try_from(settings).unwrap_or_default();
    for (name, value) in with {
        match (table.get_mut(&name), value) {
            (Some(Value::Table(section)), Value::Table(more)) => section.extend(more),
            (_, value) => drop(table.insert(name, value)),
        }
    }
    table.try_into().unwrap_or_else(|_| settings.clone())
}
