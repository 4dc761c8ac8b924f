//! TLS to the broker: whom we trust, and what we show.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject},
};

use crate::listener::tls::{TlsError, certificates, wrong};

/// Where certificates for a broker stand, as PEM. They are read for each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerTls {
    /// The authorities of the broker's certificate; none: those that this machine trusts.
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key, for a broker that wants one.
    pub ours: Option<(PathBuf, PathBuf)>,
}

impl BrokerTls {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let system = PathBuf::from("the authorities of this machine");
        let place = self.authorities.as_ref().unwrap_or(&system);
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|error| wrong(path, error))?;
                }
            }
            // Some that a system has are of a kind that nobody uses any more.
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        if roots.is_empty() {
            return Err(wrong(place, "there is none"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(place, error))?
            .with_root_certificates(roots);
        let config = match &self.ours {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let read = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error))?;
                builder.with_client_auth_cert(chain, read).map_err(|error| wrong(certificate, error))?
            }
        };
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) =
            (file("cert", &ours.cert.pem()), file("key", &ours.signing_key.serialize_pem()));
        let authorities = Some(certificate.clone());
        let tls = |ours| BrokerTls { authorities: authorities.clone(), ours };
        assert!(tls(None).read().is_ok());
        assert!(tls(Some((certificate.clone(), key.clone()))).read().is_ok());
        let empty = file("empty", "");
        for (wrong, named) in [
            (BrokerTls { authorities: Some(empty.clone()), ours: None }, "empty"),
            (tls(Some((empty.clone(), key))), "empty"),
            (tls(Some((certificate, empty))), "empty"),
            (BrokerTls { authorities: Some("/nowhere".into()), ours: None }, "/nowhere"),
        ] {
            let error = wrong.read().unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
