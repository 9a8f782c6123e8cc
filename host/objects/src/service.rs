//! The services that have stores, and what is particular to each: its words, its variables, its permissions.

/// Who keeps the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3, and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// Whether a text is the address of something in a store, whichever it is.
pub fn is_address(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| Service::ALL.iter().any(|service| service.scheme() == scheme))
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    /// What the addresses of its objects begin with, without the colon.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }

    /// Whether something can be the name of a bucket there. What else it may not be, the
    /// service itself tells.
    pub(crate) fn is_bucket(self, name: &str) -> bool {
        let of = |kind: fn(char) -> bool| !name.is_empty() && name.chars().all(kind);
        match self {
            Self::S3 => {
                name.len() <= 255 && of(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            }
            Self::Google => {
                (3..=222).contains(&name.len())
                    && of(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_'))
            }
            Self::Azure => {
                (3..=63).contains(&name.len())
                    && of(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            }
        }
    }

    /// The condition that nothing is there yet, as it goes over the line.
    pub(crate) fn condition(self) -> &'static str {
        match self {
            Self::S3 | Self::Azure => "If-None-Match: *",
            Self::Google => "x-goog-if-generation-match: 0",
        }
    }

    /// What it means that there is no such thing.
    pub(crate) fn not_found(self) -> &'static str {
        match self {
            Self::S3 => "there is no such bucket or object: check `run.store` and AWS_ENDPOINT_URL",
            Self::Google => "there is no such bucket or object: check `run.store` and GOOGLE_BASE_URL",
            Self::Azure => {
                "there is no such container or blob: check `run.store`, AZURE_STORAGE_ACCOUNT_NAME and \
                 AZURE_STORAGE_ENDPOINT"
            }
        }
    }

    /// What it means that we may not.
    pub(crate) fn not_allowed(self) -> &'static str {
        match self {
            Self::S3 => {
                "the server does not allow it with these keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
                 AWS_SESSION_TOKEN): they need s3:ListBucket, s3:GetObject, s3:PutObject and s3:AbortMultipartUpload \
                 there, and the region must be the bucket's (AWS_REGION)"
            }
            Self::Google => {
                "the server does not allow it with what it was given (GOOGLE_SERVICE_ACCOUNT, GOOGLE_SERVICE_ACCOUNT_KEY, \
                 GOOGLE_APPLICATION_CREDENTIALS, or the machine's service account): that needs storage.objects.create, get, \
                 list and delete there, which the role Storage Object User has"
            }
            Self::Azure => {
                "the server does not allow it with what it was given (AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, \
                 AZURE_CLIENT_ID and what belongs to it, or the machine's identity): that needs the role Storage Blob Data \
                 Contributor on the container, a SAS read, create, write and list (sp=rcwl), and the clock must be right"
            }
        }
    }

    /// Where no key was found in the environment: where one was looked for then.
    pub(crate) fn looked_elsewhere(self) -> Option<&'static str> {
        let (any, told): (&[&str], _) = match self {
            Self::S3 => (
                &["AWS_ACCESS_KEY_ID"],
                "AWS_ACCESS_KEY_ID is not set, so that a key was looked for where machines of Amazon's have one",
            ),
            Self::Google => (
                &[
                    "GOOGLE_SERVICE_ACCOUNT",
                    "GOOGLE_SERVICE_ACCOUNT_PATH",
                    "SERVICE_ACCOUNT",
                    "GOOGLE_SERVICE_ACCOUNT_KEY",
                    "GOOGLE_APPLICATION_CREDENTIALS",
                    "GOOGLE_BEARER_TOKEN",
                    "GOOGLE_SKIP_SIGNATURE",
                ],
                "neither GOOGLE_SERVICE_ACCOUNT nor GOOGLE_SERVICE_ACCOUNT_KEY nor GOOGLE_APPLICATION_CREDENTIALS is set, so \
                 that a token was looked for where gcloud keeps one and where machines of Google's have one",
            ),
            Self::Azure => (
                &[
                    "AZURE_STORAGE_ACCOUNT_KEY",
                    "AZURE_STORAGE_ACCESS_KEY",
                    "AZURE_STORAGE_MASTER_KEY",
                    "AZURE_STORAGE_SAS_KEY",
                    "AZURE_STORAGE_SAS_TOKEN",
                    "AZURE_STORAGE_TOKEN",
                    "AZURE_STORAGE_CLIENT_SECRET",
                    "AZURE_CLIENT_SECRET",
                    "AZURE_FEDERATED_TOKEN_FILE",
                    "AZURE_STORAGE_USE_EMULATOR",
                    "AZURE_USE_AZURE_CLI",
                    "AZURE_CREDENTIAL_TYPE",
                ],
                "neither AZURE_STORAGE_ACCOUNT_KEY nor AZURE_STORAGE_SAS_TOKEN nor AZURE_CLIENT_SECRET is set, so that a \
                 token was looked for where machines of Azure's have one",
            ),
        };
        any.iter().all(|name| std::env::var_os(name).is_none()).then_some(told)
    }
}
