//! The site's documents on disk: read from a file or a folder, merged, kept in the data folder, and compared.
//!
//! What they mean is the library's business (`parkline::site`); here they are JSON with lists of things that have ids.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

/// A site's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteDocuments(pub Vec<(String, Vec<u8>)>);

/// Why the documents cannot be used.
#[derive(Debug)]
pub enum SiteFileError {
    /// A file or folder cannot be read.
    Io {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// A folder without any `.json` file.
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A document is no JSON object.
    NoObject {
        /// Which.
        name: String,
        /// What the parser says.
        why: String,
    },
}

impl fmt::Display for SiteFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::Empty { path } => write!(f, "{} holds no .json file", path.display()),
            Self::NoObject { name, why } => write!(f, "{name} is no JSON object: {why}"),
        }
    }
}

impl std::error::Error for SiteFileError {}

/// The names of the site's lists, so that what others name comes before what names it.
pub const KINDS: [&str; 14] = [
    "areas",
    "operators",
    "suppliers",
    "sims",
    "calendars",
    "tariffs",
    "lots",
    "berths",
    "lanes",
    "devices",
    "lot_sets",
    "plate_sets",
    "lists",
    "passes",
];

impl SiteDocuments {
    /// Reads a file, or all `.json` files of a folder in the order of their names.
    ///
    /// # Errors
    /// [`SiteFileError::Io`] and [`SiteFileError::Empty`].
    pub fn read(path: &Path) -> Result<Self, SiteFileError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |error| SiteFileError::Io { path, error }
        };
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            files = fs::read_dir(path)
                .map_err(failed(path))?
                .filter_map(|file| Some(file.ok()?.path()))
                .collect();
            files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
            files.sort();
        }
        if files.is_empty() {
            return Err(SiteFileError::Empty { path: path.to_owned() });
        }
        let read = |file: PathBuf| {
            let bytes = fs::read(&file).map_err(failed(&file))?;
            Ok((file.display().to_string(), bytes))
        };
        files.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// One document with everything: lists are joined, of other fields the last stands.
    ///
    /// # Errors
    /// [`SiteFileError::NoObject`].
    pub fn merged(&self) -> Result<Map<String, Value>, SiteFileError> {
        let mut all = Map::new();
        for (name, bytes) in &self.0 {
            let no_object = |error: serde_json::Error| SiteFileError::NoObject {
                name: name.clone(),
                why: error.to_string(),
            };
            for (field, value) in serde_json::from_slice::<Map<String, Value>>(bytes).map_err(no_object)? {
                match (all.get_mut(&field), value) {
                    (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
                    (_, value) => drop(all.insert(field, value)),
                }
            }
        }
        Ok(all)
    }
}

/// An entry of a list that another site has in another form.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The list.
    pub kind: String,
    /// The entry.
    pub id: String,
    /// The other form; `None`: the other site does not have it.
    pub value: Option<Value>,
}

/// What leads from one merged site to another: what is new or changed in the order in which it can be named, then
/// what is gone in the opposite order.
pub fn changes(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for kind in KINDS {
        let before = by_id(kind, old);
        for (id, value) in by_id(kind, new) {
            if before.iter().find(|(known, _)| *known == id).map(|(_, value)| value) != Some(&value) {
                changes.push(Change { kind: kind.to_owned(), id, value: Some(value) });
            }
        }
    }
    for kind in KINDS.into_iter().rev() {
        let after = by_id(kind, new);
        let gone = by_id(kind, old).into_iter().filter(|(id, _)| !after.iter().any(|(known, _)| known == id));
        changes.extend(gone.map(|(id, _)| Change { kind: kind.to_owned(), id, value: None }));
    }
    changes
}

/// Puts an entry into a list, in place of the one with its id, or takes it out.
pub fn set(site: &mut Map<String, Value>, kind: &str, id: &str, value: Option<&Value>) {
    let list = site.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(list) = list else { return };
    let is = |entry: &Value| entry.get("id").and_then(Value::as_str) == Some(id);
    let place = list.iter().position(is).unwrap_or(list.len());
    list.retain(|entry| !is(entry));
    let versions = match value {
        Some(Value::Array(versions)) => versions.clone(),
        other => other.cloned().into_iter().collect(),
    };
    list.splice(place..place, versions);
}

/// The entries of a list by id, in order. Tariffs with one id are its versions: an array.
pub fn by_id(kind: &str, site: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for value in site.get(kind).and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = value.get("id").and_then(Value::as_str) else { continue };
        match entries.iter_mut().find(|(known, _)| known == id) {
            Some((_, Value::Array(versions))) => versions.push(value.clone()),
            Some((_, first)) => *first = Value::Array(vec![first.take(), value.clone()]),
            None => entries.push((id.to_owned(), value.clone())),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn site(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_folder_is_one_site() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.json"), r#"{"format":1,"lots":[{"id":"L2"}]}"#).unwrap();
        fs::write(folder.path().join("a.json"), r#"{"format":1,"tenant":"sz","lots":[{"id":"L1"}]}"#)
            .unwrap();
        fs::write(folder.path().join("notes.txt"), "no document").unwrap();
        let merged = SiteDocuments::read(folder.path()).unwrap().merged().unwrap();
        assert_eq!(
            Value::Object(merged),
            json!({"format": 1, "tenant": "sz", "lots": [{"id": "L1"}, {"id": "L2"}]})
        );
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(SiteDocuments::read(empty.path()), Err(SiteFileError::Empty { .. })));
        let bad = SiteDocuments(vec![("x".to_owned(), b"[]".to_vec())]);
        assert!(matches!(bad.merged(), Err(SiteFileError::NoObject { .. })));
    }

    #[test]
    fn a_difference_names_things_before_what_needs_them_and_deletes_in_the_other_order() {
        let old = site(json!({"lots": [{"id": "L1"}, {"id": "L2"}], "berths": [{"id": "b", "lot": "L2"}],
            "tariffs": [{"id": "t", "n": 1}]}));
        let new = site(json!({"lots": [{"id": "L1", "name": "one"}, {"id": "L3"}],
            "tariffs": [{"id": "t", "n": 1}, {"id": "t", "n": 2}]}));
        let changed = changes(&old, &new);
        let short: Vec<_> =
            changed.iter().map(|change| (&*change.kind, &*change.id, change.value.is_none())).collect();
        assert_eq!(
            short,
            [
                ("tariffs", "t", false),
                ("lots", "L1", false),
                ("lots", "L3", false),
                ("berths", "b", true),
                ("lots", "L2", true)
            ]
        );
        assert_eq!(changed[0].value, Some(json!([{"id": "t", "n": 1}, {"id": "t", "n": 2}])));
        assert!(changes(&new, &new).is_empty());
        let mut site = old;
        changed.iter().for_each(|change| set(&mut site, &change.kind, &change.id, change.value.as_ref()));
        assert!(changes(&site, &new).is_empty(), "the changes lead there: {site:?}");
    }
}
