//! The clients of the services, each made from the variables of the environment that the service has for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::multipart::MultipartStore;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};
use rustls::ClientConfig;

use super::connection::{Connector, Joining};
use super::error::ObjectError;
use super::place::Place;
use super::service::Service;

/// Who is asked, for whole objects and for parts of long ones.
pub(crate) struct Server {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) parts: Arc<dyn MultipartStore>,
}

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
            Service::Azure => {
                let builder =
                    MicrosoftAzureBuilder::from_env().with_container_name(place.bucket()).with_retry(retry);
                let is_set = |key| builder.get_config_value(&key).is_some();
                let is_on = |key| {
                    let value = builder.get_config_value(&key).unwrap_or_default().to_ascii_lowercase();
                    matches!(value.as_str(), "1" | "true" | "on" | "yes" | "y")
                };
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
        Self { store: Arc::clone(&store) as Arc<dyn ObjectStore>, parts: store }
    }
}
