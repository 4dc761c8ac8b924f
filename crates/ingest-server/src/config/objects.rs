//! Object storage, from the settings.

use super::{CREDENTIALS, ConfigError, Effective};
use crate::{
    objects::{Credentials, ObjectsAt},
    secrets::Text,
};

/// Object storage that photos go to, where there is any.
///
/// # Errors
/// The option that cannot be used, and who set it.
pub fn objects(effective: &Effective) -> Result<Option<ObjectsAt>, ConfigError> {
    let settings = &effective.settings.objects;
    let Some(url) = &settings.url else {
        let alone =
            ["endpoint", "region", "credentials_file", "authorities"].map(|name| format!("objects.{name}"));
        return match alone.iter().find(|path| effective.is_set(path)) {
            Some(path) => Err(effective.wrong(path, "says something only with objects.url")),
            None => Ok(None),
        };
    };
    if effective.settings.data.is_none() {
        return Err(
            effective.wrong("objects.url", "photos are kept only where there is a data folder (data)")
        );
    }
    let wrong = || effective.wrong("objects.url", "expected s3://BUCKET[/PREFIX]");
    let rest = url.strip_prefix("s3://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    {
        return Err(wrong());
    }
    if let Some(endpoint) = &settings.endpoint
        && !is_endpoint(endpoint)
    {
        return Err(effective.wrong("objects.endpoint", "expected http[s]://HOST[:PORT]"));
    }
    let credentials = match (&settings.credentials_file, effective.environment.get(CREDENTIALS)) {
        (Some(path), _) => Credentials::File(path.clone()),
        (None, Some(line)) => Credentials::Line(Text(line.to_owned())),
        (None, None) => {
            return Err(
                effective.missing("objects.credentials_file", "object storage wants to know who we are")
            );
        }
    };
    Ok(Some(ObjectsAt {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: settings.endpoint.as_ref().map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        region: settings.region.clone().unwrap_or_default(),
        credentials,
        authorities: settings.authorities.clone(),
    }))
}

/// A host and perhaps a port; credentials there would stand in the list of processes.
fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.trim_end_matches('/'));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Given};

    fn read(flags: &[(&str, &str)]) -> Result<Option<ObjectsAt>, String> {
        let mut given = Given::default();
        let set = &mut given.flags;
        set.data = Some("data".into());
        for (name, value) in flags {
            let text = Some((*value).to_owned());
            match *name {
                "url" => set.objects.url = text,
                "endpoint" => set.objects.endpoint = text,
                "no data" => set.data = None,
                _ => set.objects.region = text,
            }
        }
        let variable = [(CREDENTIALS.to_owned(), "AKID s3cr3t".to_owned())];
        let known = if flags.iter().any(|(name, _)| *name == "region") { &variable[..0] } else { &variable };
        let environment = Environment::from_iter(known.iter().cloned());
        let effective = given.effective(environment, "/nowhere".as_ref()).unwrap();
        objects(&effective).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_read_with_its_prefix_and_what_cannot_be_used_is_named() {
        assert!(read(&[]).unwrap().is_none());
        let at =
            read(&[("url", "s3://photos/city/"), ("endpoint", "http://10.0.0.5:9000/")]).unwrap().unwrap();
        assert_eq!((&*at.bucket, &*at.prefix, &*at.region), ("photos", "city", "us-east-1"));
        assert_eq!(at.endpoint.as_deref(), Some("http://10.0.0.5:9000"));
        assert!(!format!("{at:?}").contains("s3cr3t"), "{at:?}");
        assert_eq!(read(&[("url", "s3://photos")]).unwrap().unwrap().prefix, "");
        for (flags, named) in [
            (&[("url", "http://photos")][..], "objects.url"),
            (&[("url", "s3://")], "objects.url"),
            (&[("url", "s3://key:secret@photos")], "objects.url"),
            (&[("url", "s3://photos"), ("endpoint", "10.0.0.5")], "objects.endpoint"),
            (&[("url", "s3://photos"), ("endpoint", "http://me:secret@host")], "objects.endpoint"),
            (&[("endpoint", "http://host")], "objects.endpoint"),
            (&[("url", "s3://photos"), ("no data", "")], "objects.url"),
            (&[("url", "s3://photos"), ("region", "eu")], "objects.credentials_file"),
        ] {
            let said = read(flags).unwrap_err();
            assert!(said.contains(named) && !said.contains("secret@"), "{said}");
        }
    }
}
