//! Where an object store is: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

use super::service::Service;

/// A bucket of a service, and what the names of all our objects in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    service: Service,
    bucket: String,
    prefix: Path,
}

/// Why a text names no place. It does not repeat the text, which may hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    /// Another scheme, or none.
    #[error(
        "a store is given as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; for a folder of this machine, \
         leave it empty and give --out"
    )]
    Scheme,
    /// A folder of this machine, or its memory.
    #[error("a store is on another machine; for a folder of this one, leave it empty and give --out")]
    Local,
    /// A web server: also one to which files can be written.
    #[error(
        "a web server cannot be a store, nor one that speaks WebDAV: nothing obliges it to refuse a file that is there \
         already, so that two workers could overwrite each other's. A store is s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or \
         az://CONTAINER/PREFIX, and the address of its server is a variable of the environment (AWS_ENDPOINT_URL, \
         GOOGLE_BASE_URL, AZURE_STORAGE_ENDPOINT)"
    )]
    Web,
    /// Another name of a service that is known.
    #[error(
        "this service is written {0}://, as in {0}://NAME/PREFIX; account and keys come from the environment"
    )]
    Alias(&'static str),
    /// The name of the bucket.
    #[error(
        "s3:// is followed by the name of a bucket: letters, digits, dots and hyphens (keys come from the environment, \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the server from AWS_ENDPOINT_URL)"
    )]
    Bucket,
    /// The name of the bucket at Google.
    #[error(
        "gs:// is followed by the name of a bucket: at least 3 small letters, digits, dots and hyphens (keys come from the \
         environment, GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS)"
    )]
    GoogleBucket,
    /// The name of the container.
    #[error(
        "az:// is followed by the name of a container: 3 to 63 small letters, digits and hyphens (account and keys come \
         from the environment, AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY)"
    )]
    Container,
    /// The prefix.
    #[error("the prefix behind the bucket is a path of plain names, as in s3://bucket/papers/2026")]
    Prefix,
}

impl Place {
    /// Who keeps it.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The name of an object, by its path below the prefix.
    pub(crate) fn key(&self, path: &str) -> Path {
        // As it stands, where that is possible: joined part by part, what Amazon advises against would be written otherwise.
        let whole = format!("{}/{}", self.prefix, path.trim_matches('/'));
        Path::parse(whole.trim_matches('/')).unwrap_or_else(|_| Path::from(whole))
    }

    /// The path below the prefix of an object that has it.
    pub(crate) fn path_of(&self, key: &Path) -> Option<String> {
        let rest = key.as_ref().strip_prefix(self.prefix.as_ref())?;
        Some(rest.trim_start_matches('/').to_owned())
    }

    /// The address of an object, by its path below the prefix.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}/{}", self.service.scheme(), self.bucket, self.key(path))
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidPlace::Scheme)?;
        let service = Service::ALL.into_iter().find(|service| service.scheme() == scheme);
        let service = service.ok_or_else(|| unknown(scheme))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if !service.is_bucket(bucket) {
            return Err(match service {
                Service::S3 => InvalidPlace::Bucket,
                Service::Google => InvalidPlace::GoogleBucket,
                Service::Azure => InvalidPlace::Container,
            });
        }
        let prefix = prefix.trim_end_matches('/');
        let plain = |part: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_=+@~".contains(c);
            // Azure takes no part that ends in a dot as it stands.
            !matches!(part, "" | "." | "..")
                && part.chars().all(is_plain)
                && !(service == Service::Azure && part.ends_with('.'))
        };
        // Keys have at most 1024 bytes.
        if !prefix.is_empty() && !prefix.split('/').all(plain) || prefix.len() > 512 {
            return Err(InvalidPlace::Prefix);
        }
        let prefix = Path::parse(prefix).map_err(|_| InvalidPlace::Prefix)?;
        Ok(Self { service, bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        match self.prefix.as_ref() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

/// Why a scheme is none of ours.
fn unknown(scheme: &str) -> InvalidPlace {
    match scheme {
        "file" | "memory" => InvalidPlace::Local,
        "http" | "https" | "webdav" | "dav" | "davs" => InvalidPlace::Web,
        "s3a" | "s3n" => InvalidPlace::Alias("s3"),
        "gcs" => InvalidPlace::Alias("gs"),
        "azure" | "adl" | "abfs" | "abfss" | "wasb" | "wasbs" => InvalidPlace::Alias("az"),
        _ => InvalidPlace::Scheme,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_shown_and_names_its_objects() {
        for text in [
            "s3://papers",
            "s3://papers/2026/oa",
            "s3://my.bucket-1/a=b",
            "gs://papers_1/oa",
            "az://papers/oa",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        let place: Place = "s3://papers/oa/".parse().unwrap();
        assert_eq!(place.url("files/ab.pdf"), "s3://papers/oa/files/ab.pdf");
        assert_eq!(place.path_of(&place.key("files/ab.pdf")).as_deref(), Some("files/ab.pdf"));
        assert_eq!(place.url("works/a~2 ü%41.json"), "s3://papers/oa/works/a~2 ü%41.json");
        assert_eq!(place.url(""), "s3://papers/oa");
        let whole: Place = "s3://papers".parse().unwrap();
        assert_eq!(whole.url("works/a(1).json"), "s3://papers/works/a(1).json");
        assert_eq!(whole.path_of(&whole.key("works/a.json")).as_deref(), Some("works/a.json"));
    }

    #[test]
    fn what_is_no_place_is_refused_without_being_repeated() {
        for (text, why) in [
            ("papers", InvalidPlace::Scheme),
            ("ftp://papers", InvalidPlace::Scheme),
            ("file:///papers", InvalidPlace::Local),
            ("memory:///", InvalidPlace::Local),
            ("https://me:hidden@papers.blob.core.windows.net/oa", InvalidPlace::Web),
            ("webdav://papers.example/oa", InvalidPlace::Web),
            ("s3a://papers/oa", InvalidPlace::Alias("s3")),
            ("abfss://papers@hidden.dfs.core.windows.net/oa", InvalidPlace::Alias("az")),
            ("gcs://papers/oa", InvalidPlace::Alias("gs")),
            ("gs://Papers", InvalidPlace::GoogleBucket),
            ("gs://hidden@papers/oa", InvalidPlace::GoogleBucket),
            ("az://Papers/oa", InvalidPlace::Container),
            ("az://hidden@papers/oa", InvalidPlace::Container),
            ("az://papers/oa./a", InvalidPlace::Prefix),
            ("s3://", InvalidPlace::Bucket),
            ("s3:///a", InvalidPlace::Bucket),
            ("s3://KEY:hidden@papers/a", InvalidPlace::Bucket),
            ("s3://papers/../a", InvalidPlace::Prefix),
            ("s3://papers/a//b", InvalidPlace::Prefix),
            ("s3://papers/a?b", InvalidPlace::Prefix),
        ] {
            let invalid = text.parse::<Place>().unwrap_err();
            assert_eq!(invalid, why, "{text}");
            assert!(!invalid.to_string().contains("hidden"));
        }
    }
}
