//! The connections to an S3 server: the operator's own, by the TLS that the HTTP client has, and with the one condition
//! that the library does not put.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderValue, IF_NONE_MATCH};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use rustls::ClientConfig;

/// A server that is there answers at once.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes the one client that all requests go by.
#[derive(Debug)]
pub(crate) struct Connector {
    client: reqwest::Client,
}

impl Connector {
    pub(crate) fn new(mut tls: ClientConfig, timeout: Duration) -> Result<Self, reqwest::Error> {
        // Files in one direction are not faster over HTTP/2, and one connection would carry them all.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let client = reqwest::Client::builder()
            .http1_only()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(timeout))
            .timeout(timeout)
            .build()?;
        Ok(Self { client })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Conditional(self.client.clone())))
    }
}

/// Joins parts only into an object that is not there yet. The library has this condition for single requests alone;
/// headers that are no part of the signature may be added.
#[derive(Debug)]
struct Conditional(reqwest::Client);

#[async_trait]
impl HttpService for Conditional {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // The client would take it apart with an unwrap.
        if request.uri().to_string().parse::<reqwest::Url>().is_err() {
            let error = std::io::Error::other("the address of the object store is none");
            return Err(HttpError::new(HttpErrorKind::Request, error));
        }
        if joins_parts(&request) {
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        self.0.call(request).await
    }
}

/// `POST key?uploadId=…` (CompleteMultipartUpload); what begins an upload has `uploads` in its query.
fn joins_parts(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == http::Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_joining_of_parts_is_given_the_condition() {
        let joins = |method: &str, uri: &str| {
            let request = http::Request::builder().method(method).uri(uri).body(Vec::<u8>::new().into());
            joins_parts(&request.unwrap())
        };
        assert!(joins("POST", "http://a/b/k?uploadId=1"));
        assert!(!joins("POST", "http://a/b/k?uploads="));
        assert!(!joins("POST", "http://a/b/k?uploads"));
        assert!(!joins("PUT", "http://a/b/k?partNumber=1&uploadId=1"));
        assert!(!joins("DELETE", "http://a/b/k?uploadId=1"));
    }
}
