//! What we tell a device, and how it is written.
pub(crate) const VZ_HTTP: &[&str] = &["open"];
