//! The connections to a store: the operator's own, by the TLS that the HTTP client has, and with the one condition that
//! the library does not put.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderValue, IF_NONE_MATCH};
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use rustls::ClientConfig;

/// A server that is there answers at once.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes the one client that all requests go by.
#[derive(Debug)]
pub(crate) struct Connector(Conditional);

impl Connector {
    pub(crate) fn new(
        mut tls: ClientConfig,
        timeout: Duration,
        joining: Joining,
    ) -> Result<Self, reqwest::Error> {
        // Files in one direction are not faster over HTTP/2, and one connection would carry them all.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .http1_only()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .build()?;
        Ok(Self(Conditional { client, joining }))
    }
}

impl Connector {
    /// The client itself, for requests that the library does not know.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.0.client.clone()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// How the parts of a file are joined.
#[derive(Clone, Debug)]
pub(crate) enum Joining {
    /// `POST key?uploadId=…` (CompleteMultipartUpload); what begins an upload has `uploads` in its query.
    S3,
    /// `PUT key?comp=blocklist` (Put Block List). A key signs the condition too, so that its owner has to sign again.
    Azure(Arc<OnceLock<Weak<MicrosoftAzure>>>),
    /// Not by the library.
    Google,
}

/// Joins parts only into an object that is not there yet. The library has this condition for single requests alone.
#[derive(Clone, Debug)]
struct Conditional {
    client: reqwest::Client,
    joining: Joining,
}

#[async_trait]
impl HttpService for Conditional {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // The client would take it apart with an unwrap.
        if request.uri().to_string().parse::<reqwest::Url>().is_err() {
            return Err(failed("the address of the object store is none"));
        }
        if self.joining.is_of(&request) {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            if let Joining::Azure(owner) = &self.joining {
                sign_again(&mut request, owner).await?;
            }
        }
        self.client.call(request).await
    }
}

impl Joining {
    fn is_of(&self, request: &HttpRequest) -> bool {
        let query = request.uri().query().unwrap_or_default();
        let (method, name) = match self {
            Self::S3 => (http::Method::POST, "uploadId="),
            Self::Azure(_) => (http::Method::PUT, "comp=blocklist"),
            Self::Google => return false,
        };
        request.method() == method && query.split('&').any(|pair| pair.starts_with(name))
    }
}

/// Where a request is signed by the account's key, its headers are; tokens and signatures in the address know nothing of
/// headers.
async fn sign_again(
    request: &mut HttpRequest,
    owner: &OnceLock<Weak<MicrosoftAzure>>,
) -> Result<(), HttpError> {
    let Some(account) = account_of(request) else { return Ok(()) };
    let owner = owner.get().and_then(Weak::upgrade).ok_or_else(|| failed("the store was closed"))?;
    let signed_by = owner.credentials().get_credential().await;
    let signed_by = signed_by.map_err(|error| HttpError::new(HttpErrorKind::Request, error))?;
    request.headers_mut().remove(AUTHORIZATION);
    let signed = AzureAuthorizer::new(&signed_by, &account).try_authorize(request);
    signed.map_err(|error| HttpError::new(HttpErrorKind::Request, error))
}

/// Whose key signed a request: `SharedKey account:signature`.
fn account_of(request: &HttpRequest) -> Option<String> {
    let signed = request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("SharedKey ")?;
    Some(signed.split_once(':')?.0.to_owned())
}

fn failed(why: &'static str) -> HttpError {
    HttpError::new(HttpErrorKind::Request, std::io::Error::other(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_joining_of_parts_is_given_the_condition() {
        let joins = |joining: &Joining, method: &str, uri: &str| {
            let request = http::Request::builder().method(method).uri(uri).body(Vec::<u8>::new().into());
            joining.is_of(&request.unwrap())
        };
        let s3 = |method: &str, uri: &str| joins(&Joining::S3, method, uri);
        assert!(s3("POST", "http://a/b/k?uploadId=1"));
        assert!(!s3("POST", "http://a/b/k?uploads="));
        assert!(!s3("POST", "http://a/b/k?uploads"));
        assert!(!s3("PUT", "http://a/b/k?partNumber=1&uploadId=1"));
        assert!(!s3("DELETE", "http://a/b/k?uploadId=1"));
        let azure = |method: &str, uri: &str| joins(&Joining::Azure(Arc::default()), method, uri);
        assert!(azure("PUT", "http://a/b/k?comp=blocklist"));
        assert!(azure("PUT", "http://a/b/k?comp=blocklist&sv=2023-11-03&sig=x"));
        assert!(!azure("PUT", "http://a/b/k?comp=block&blockid=1"));
        assert!(!azure("GET", "http://a/b/k?comp=blocklist"));
        assert!(!azure("PUT", "http://a/b/k"));
    }
}
