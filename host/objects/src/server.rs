//! The clients of the services, each made from the variables of the environment that the service has for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use rustls::ClientConfig;

use super::connection::{Connector, Joining};
use super::error::ObjectError;
use super::google::{CHUNK, Resumable};
use super::parts::{InParts, Multipart};
use super::place::Place;
use super::service::Service;

/// Who is asked, for whole objects and for parts of long ones.
pub(crate) struct Server {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) parts: Arc<dyn InParts>,
    /// Parts have a multiple of this length.
    pub(crate) chunk: u64,
}

/// Where Google's service is.
const GOOGLE: &str = "https://storage.googleapis.com";

impl Server {
    /// Makes the client; nobody is asked yet.
    pub(crate) fn open(
        place: &Place,
        tls: ClientConfig,
        timeout: Duration,
        retry: RetryConfig,
    ) -> Result<Self, ObjectError> {
        let failed = |why: &str| ObjectError::new("open the store", place.to_string(), why);
        let meant = |error| ObjectError::of("open the store", place.to_string(), place.service(), &error);
        let connector = |joining| {
            let connector = Connector::new(tls, timeout, joining);
            connector.map_err(|error| failed(&error.to_string()))
        };
        match place.service() {
            Service::S3 => {
                let builder = AmazonS3Builder::from_env()
                    .with_bucket_name(place.bucket())
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .with_retry(retry)
                    .with_http_connector(connector(Joining::S3)?);
                Ok(Self::of(Arc::new(builder.build().map_err(meant)?)))
            }
            Service::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(place.bucket());
                // The same for whole objects and for long ones.
                let base = builder.get_config_value(&GoogleConfigKey::BaseUrl);
                let base = base.unwrap_or_else(|| GOOGLE.to_owned());
                let url = reqwest::Url::parse(&base).ok().filter(|url| url.has_host());
                let url = url.ok_or_else(|| failed("GOOGLE_BASE_URL is not the address of a server"))?;
                if url.scheme() != "https" && !is_on(std::env::var("GOOGLE_ALLOW_HTTP").ok()) {
                    return Err(failed(
                        "GOOGLE_BASE_URL is not https://, so that everybody on the way can read tokens; if that is meant, set \
                         GOOGLE_ALLOW_HTTP=true",
                    ));
                }
                let is_signed = !is_on(builder.get_config_value(&GoogleConfigKey::SkipSignature));
                let connector = connector(Joining::Google)?;
                let client = connector.client();
                let builder = builder.with_base_url(base.trim_end_matches('/'));
                let builder = builder.with_retry(retry.clone()).with_http_connector(connector);
                let is_key = builder.get_config_value(&GoogleConfigKey::ServiceAccountKey).is_some();
                let built = builder.build().map_err(|error| match is_key {
                    // What is said of a text that cannot be read may repeat it.
                    true => failed(
                        "GOOGLE_SERVICE_ACCOUNT_KEY is not the JSON of a service account's key, or is not alone: \
                         GOOGLE_SERVICE_ACCOUNT names the file of one",
                    ),
                    false => meant(error),
                });
                let store = Arc::new(built?);
                let parts = Resumable {
                    client,
                    credentials: is_signed.then(|| Arc::clone(store.credentials())),
                    base: url,
                    bucket: place.bucket().to_owned(),
                    retry,
                };
                Ok(Self { store, parts: Arc::new(parts), chunk: CHUNK })
            }
            Service::Azure => {
                let builder =
                    MicrosoftAzureBuilder::from_env().with_container_name(place.bucket()).with_retry(retry);
                let is_set = |key| builder.get_config_value(&key).is_some();
                let is_on = |key| is_on(builder.get_config_value(&key));
                if !is_set(AzureConfigKey::AccountName) && !is_on(AzureConfigKey::UseEmulator) {
                    return Err(failed("AZURE_STORAGE_ACCOUNT_NAME is not set: whose container is it?"));
                }
                let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint).unwrap_or_default();
                if endpoint.to_ascii_lowercase().starts_with("http://")
                    && !is_on(AzureConfigKey::Client(ClientConfigKey::AllowHttp))
                {
                    return Err(failed(
                        "AZURE_STORAGE_ENDPOINT is http://, where everybody on the way can read keys; if that is meant, set \
                         AZURE_ALLOW_HTTP=true",
                    ));
                }
                let owner = Arc::new(OnceLock::new());
                let joining = Joining::Azure(Arc::clone(&owner));
                let built = builder.with_http_connector(connector(joining)?).build();
                let store = Arc::new(built.map_err(meant)?);
                // It is the first to be set.
                let _ = owner.set(Arc::downgrade(&store));
                Ok(Self::of(store))
            }
        }
    }

    /// One that does both.
    pub(crate) fn of<S: ObjectStore + MultipartStore>(store: Arc<S>) -> Self {
        Self { parts: Arc::new(Multipart(Arc::clone(&store))), store, chunk: 1 }
    }
}

/// Whether a variable says yes, as the library understands it.
fn is_on(value: Option<String>) -> bool {
    matches!(value.unwrap_or_default().to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes" | "y")
}
