//! The files in which the data folder keeps the site.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Documents, change::Reference};
use crate::log::{LogError, make_folder, write_whole};

/// What is being written into the partitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The changes.
    pub(super) references: Vec<Reference>,
    /// The operator's documents, where the changes come out of them.
    pub(super) given: Option<Documents>,
}

/// A file of the data folder that cannot be used.
#[derive(Debug)]
pub enum KeptError {
    /// It cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be written.
    Write(LogError),
}

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeptError {}

impl From<LogError> for KeptError {
    fn from(error: LogError) -> Self {
        Self::Write(error)
    }
}

/// `DATA/TENANT/site`.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder of a tenant, with a first site where there is none.
    pub(super) fn open(tenant: &Path, site: &Documents) -> Result<Self, KeptError> {
        let folder = Self(tenant.join("site"));
        if !folder.path("genesis").exists() {
            make_folder(&folder.0)?;
            // The first site last: without it the next start begins anew.
            folder.keep(site, site, &[])?;
            folder.write("genesis", site)?;
        }
        Ok(folder)
    }

    pub(super) fn genesis(&self) -> Result<Documents, KeptError> {
        self.must("genesis")
    }

    pub(super) fn current(&self) -> Result<Documents, KeptError> {
        self.must("current")
    }

    pub(super) fn given(&self) -> Result<Option<Documents>, KeptError> {
        self.read("given")
    }

    pub(super) fn planned(&self) -> Result<Vec<Reference>, KeptError> {
        Ok(self.read("planned")?.unwrap_or_default())
    }

    pub(super) fn pending(&self) -> Result<Option<Pending>, KeptError> {
        self.read("pending")
    }

    /// Notes what is about to be written.
    pub(super) fn note(&self, pending: &Pending) -> Result<(), KeptError> {
        self.write("pending", pending)
    }

    /// Keeps the site as it is after what was noted.
    pub(super) fn keep(
        &self,
        now: &Documents,
        given: &Documents,
        planned: &[Reference],
    ) -> Result<(), KeptError> {
        self.write("current", now)?;
        self.write("given", given)?;
        self.write("planned", planned)?;
        let pending = self.path("pending");
        match fs::remove_file(&pending) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LogError::io("remove", &pending, &error).into())
            }
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.json"))
    }

    fn write(&self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), KeptError> {
        let path = self.path(name);
        let text = serde_json::to_vec_pretty(value)
            .map_err(|error| KeptError::Read { path: path.clone(), why: error.to_string() })?;
        Ok(write_whole(&path, &text)?)
    }

    fn must<T: DeserializeOwned>(&self, name: &str) -> Result<T, KeptError> {
        let missing = || KeptError::Read { path: self.path(name), why: "it is missing".to_owned() };
        self.read(name)?.ok_or_else(missing)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, KeptError> {
        let path = self.path(name);
        let wrong = |why: String| KeptError::Read { path: path.clone(), why };
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(error.to_string())),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(error.to_string())),
        }
    }
}
