//! Long files on their way to Google Cloud Storage: by resumable uploads. What is called a multipart upload there takes no
//! condition, and joins its parts over whatever is there; a resumable one takes it at its beginning and keeps it to its end,
//! where it is what decides. Nothing has to be joined: the last part makes the object.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use object_store::gcp::GcpCredentialProvider;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, RetryConfig};
use reqwest::{RequestBuilder, Response, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::parts::{InParts, Part};

/// All chunks but the last have a multiple of this length.
pub(crate) const CHUNK: u64 = 256 << 10;
/// Of what a server says about an error.
const MOST_SAID: usize = 16 * 1024;
/// As the library calls it.
const STORE: &str = "GCS";

/// The upload of long files.
pub(crate) struct Resumable {
    pub(crate) client: reqwest::Client,
    /// `None`: requests are not signed.
    pub(crate) credentials: Option<GcpCredentialProvider>,
    /// Where the service is.
    pub(crate) base: Url,
    pub(crate) bucket: String,
    pub(crate) retry: RetryConfig,
}

impl fmt::Debug for Resumable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumable").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

#[async_trait]
impl InParts for Resumable {
    async fn begin(&self, key: &Path, total: u64) -> Result<String, Error> {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/upload/storage/v1/b/{}/o", self.bucket));
        url.query_pairs_mut()
            .append_pair("uploadType", "resumable")
            .append_pair("name", key.as_ref())
            .append_pair("ifGenerationMatch", "0");
        let mut tries = Tries::new(&self.retry);
        loop {
            let mut request = self.client.post(url.clone());
            if let Some(credentials) = &self.credentials {
                request = request.bearer_auth(&credentials.get_credential().await?.bearer);
            }
            let request = request.header("x-upload-content-length", total).header(CONTENT_LENGTH, 0);
            let failure = match sent(request).await {
                Ok(answer) if answer.status().is_success() => return self.begun(&answer),
                Ok(answer) => refused(key, answer).await,
                Err(failure) => failure,
            };
            tries.after(failure).await?;
        }
    }

    async fn part(&self, key: &Path, upload: &str, part: Part) -> Result<PartId, Error> {
        let session = self.session(upload);
        let Part { from, total, bytes, .. } = part;
        let end = from + bytes.len() as u64;
        // How much of the file the server has, where that is known.
        let mut has = Some(from);
        let mut tries = Tries::new(&self.retry);
        loop {
            let rest = has.and_then(|has| usize::try_from(has - from).ok());
            let rest = rest.map(|sent| bytes.slice(sent.min(bytes.len())..)).unwrap_or_default();
            let range = match has {
                Some(has) if !rest.is_empty() => format!("bytes {has}-{}/{total}", end - 1),
                // Asks how much that is; and ends the upload, if it is everything.
                _ => format!("bytes */{total}"),
            };
            let request = self.client.put(session.clone()).header(CONTENT_RANGE, range);
            let answer = sent(request.header(CONTENT_LENGTH, rest.len()).body(rest)).await;
            let failure = match answer {
                Ok(answer) if answer.status().is_success() => {
                    return Ok(PartId { content_id: String::new() });
                }
                Ok(answer) if answer.status() == StatusCode::PERMANENT_REDIRECT => {
                    let there = persisted(&answer);
                    if there < from || there > end {
                        return Err(generic("the server has another length of the file than it was sent"));
                    }
                    if there == end && end < total {
                        return Ok(PartId { content_id: String::new() });
                    }
                    let is_more = has.is_none_or(|had| there > had);
                    has = Some(there);
                    if is_more {
                        continue;
                    }
                    Failure { error: generic("the server takes no more of the file"), may_pass: true }
                }
                Ok(answer) => {
                    has = None;
                    refused(key, answer).await
                }
                Err(failure) => {
                    has = None;
                    failure
                }
            };
            tries.after(failure).await?;
        }
    }

    async fn join(&self, _: &Path, _: &str, _: Vec<PartId>) -> Result<(), Error> {
        Ok(())
    }

    async fn give_up(&self, _: &Path, upload: &str) -> Result<(), Error> {
        let request = self.client.delete(self.session(upload)).header(CONTENT_LENGTH, 0);
        // Whatever it answers (it is 499, of all things): what is not given up is forgotten after a week.
        sent(request).await.map(drop).map_err(|failure| failure.error)
    }
}

impl Resumable {
    /// Where an upload goes on: path and query of what the server says, at the address that the operator gave. Whoever
    /// knows them may write this object, so they are shown to nobody.
    fn begun(&self, answer: &Response) -> Result<String, Error> {
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| self.base.join(location).ok());
        let url = url.ok_or_else(|| generic("the server does not say where the upload goes on"))?;
        Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
    }

    fn session(&self, upload: &str) -> Url {
        let (path, query) = upload.split_once('?').unwrap_or((upload, ""));
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(Some(query));
        url
    }
}

/// What went wrong with one request.
struct Failure {
    error: Error,
    may_pass: bool,
}

/// The answer to a request, whichever it is.
async fn sent(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| {
        let may_pass = !error.is_builder();
        // The address has what lets everybody write.
        let source = Box::new(error.without_url());
        Failure { error: Error::Generic { store: STORE, source }, may_pass }
    })
}

/// What a refusal means.
async fn refused(key: &Path, mut answer: Response) -> Failure {
    let status = answer.status();
    let mut body = Vec::new();
    while body.len() < MOST_SAID {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    let said = serde_json::from_slice::<Answer>(&body).map(|answer| answer.error.message).unwrap_or_default();
    let (path, source) = (key.to_string(), format!("{status} {said}").into());
    let error = match status {
        StatusCode::UNAUTHORIZED => Error::Unauthenticated { path, source },
        StatusCode::FORBIDDEN => Error::PermissionDenied { path, source },
        StatusCode::NOT_FOUND => Error::NotFound { path, source },
        StatusCode::PRECONDITION_FAILED => Error::Precondition { path, source },
        _ => Error::Generic { store: STORE, source },
    };
    let may_pass = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    Failure { error, may_pass }
}

/// What is told of an error: `{"error": {"code": 403, "message": "…"}}`.
#[derive(Deserialize)]
struct Answer {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    message: String,
}

/// How much of the file the server has: `Range: bytes=0-524287`, or nothing.
fn persisted(answer: &Response) -> u64 {
    let range = answer.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let last = range.and_then(|range| range.trim().strip_prefix("bytes=0-")?.parse::<u64>().ok());
    last.map_or(0, |last| last.saturating_add(1))
}

fn generic(why: &'static str) -> Error {
    Error::Generic { store: STORE, source: why.into() }
}

/// Tries of one request.
struct Tries<'a> {
    retry: &'a RetryConfig,
    made: usize,
    until: Instant,
}

impl<'a> Tries<'a> {
    fn new(retry: &'a RetryConfig) -> Self {
        Self { retry, made: 0, until: Instant::now() + retry.retry_timeout }
    }

    /// Waits until the next one, if what happened may pass.
    async fn after(&mut self, failure: Failure) -> Result<(), Error> {
        let backoff = &self.retry.backoff;
        let exponent = i32::try_from(self.made).unwrap_or(i32::MAX);
        let wait = backoff.init_backoff.as_secs_f64() * backoff.base.powi(exponent);
        let wait = Duration::from_secs_f64(wait.min(backoff.max_backoff.as_secs_f64()));
        self.made += 1;
        let is_over = self.made > self.retry.max_retries || Instant::now() + wait > self.until;
        if !failure.may_pass || is_over {
            return Err(failure.error);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread::JoinHandle;

    use bytes::Bytes;
    use object_store::BackoffConfig;

    use super::super::connection::{Connector, Joining};
    use super::*;

    /// A server that gives these answers, one for each connection; at its end it has what it was asked: the first line, the
    /// range, and the length of the body.
    fn server(answers: &[&'static str]) -> (Resumable, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let answers = answers.to_vec();
        let asked = std::thread::spawn(move || {
            let answered = answers.into_iter().map(|answer| {
                let (mut connection, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let (mut asked, mut length) = (String::new(), 0);
                for line in reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
                    match line.to_ascii_lowercase().split_once(": ") {
                        Some(("content-length", value)) => length = value.parse().unwrap(),
                        Some(("content-range", value)) => asked.push_str(&format!(" {value}")),
                        Some(_) => {}
                        None => asked.push_str(line.trim_end_matches(" HTTP/1.1")),
                    }
                }
                reader.read_exact(&mut vec![0; length]).unwrap();
                write!(connection, "HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
                format!("{asked} {length}")
            });
            answered.collect()
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let client = Connector::new(tls, Duration::from_secs(10), Joining::Google).unwrap().client();
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(1), ..BackoffConfig::default() };
        let retry = RetryConfig { max_retries: 2, backoff, ..RetryConfig::default() };
        (Resumable { client, credentials: None, base, bucket: "papers".into(), retry }, asked)
    }

    fn part(from: u64, end: u64, total: u64) -> Part {
        Part { index: 0, from, total, bytes: Bytes::from(vec![7; usize::try_from(end - from).unwrap()]) }
    }

    const BEGUN: &str = "200 OK\r\nLocation: https://elsewhere.example/upload/o?name=a&upload_id=hidden&ifGenerationMatch=0\r\n";
    const NONE: &str = "308 Resume Incomplete\r\n";
    const HALF: &str = "308 Resume Incomplete\r\nRange: bytes=0-262143\r\n";
    const FIRST: &str = "308 Resume Incomplete\r\nRange: bytes=0-524287\r\n";
    const DONE: &str = "200 OK\r\n";
    const AWAY: &str = "503 Away\r\n";

    #[tokio::test]
    async fn an_upload_goes_on_from_what_the_server_has_at_the_address_that_the_operator_gave() {
        // The first part is taken by halves; of the second nothing comes of the first try.
        let (google, asked) = server(&[AWAY, BEGUN, HALF, FIRST, AWAY, FIRST, DONE]);
        let key = Path::from("oa/a b.pdf");
        let upload = google.begin(&key, 600_000).await.unwrap();
        google.part(&key, &upload, part(0, 524_288, 600_000)).await.unwrap();
        google.part(&key, &upload, part(524_288, 600_000, 600_000)).await.unwrap();
        let begin =
            "POST /upload/storage/v1/b/papers/o?uploadType=resumable&name=oa%2Fa+b.pdf&ifGenerationMatch=0 0";
        let put =
            |rest: &str| format!("PUT /upload/o?name=a&upload_id=hidden&ifGenerationMatch=0 bytes {rest}");
        let expected = [
            begin.to_owned(),
            begin.to_owned(),
            put("0-524287/600000 524288"),
            put("262144-524287/600000 262144"),
            put("524288-599999/600000 75712"),
            put("*/600000 0"),
            put("524288-599999/600000 75712"),
        ];
        assert_eq!(asked.join().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_part_of_which_only_the_answer_was_lost_is_not_sent_again() {
        let (google, asked) = server(&[BEGUN, AWAY, FIRST, AWAY, DONE]);
        let key = Path::from("oa/a.pdf");
        let upload = google.begin(&key, 600_000).await.unwrap();
        google.part(&key, &upload, part(0, 524_288, 600_000)).await.unwrap();
        google.part(&key, &upload, part(524_288, 600_000, 600_000)).await.unwrap();
        let sent: Vec<String> = asked.join().unwrap();
        assert_eq!(sent.iter().filter(|line| line.starts_with("PUT") && !line.ends_with(" 0")).count(), 2);
    }

    #[tokio::test]
    async fn an_upload_ends_where_the_condition_does_not_hold_or_the_server_has_forgotten_what_it_was_sent() {
        let (google, asked) =
            server(&[BEGUN, "412 Precondition Failed\r\n", NONE, NONE, NONE, NONE, HALF, DONE]);
        let key = Path::from("oa/a.pdf");
        let upload = google.begin(&key, 600_000).await.unwrap();
        let refused = google.part(&key, &upload, part(0, 600_000, 600_000)).await.unwrap_err();
        assert!(matches!(refused, Error::Precondition { .. }), "{refused}");
        // It takes nothing, however often it is asked to.
        google.part(&key, &upload, part(0, 524_288, 600_000)).await.unwrap_err();
        google.part(&key, &upload, part(524_288, 600_000, 600_000)).await.unwrap_err();
        google.part(&key, &upload, part(524_288, 600_000, 600_000)).await.unwrap_err();
        google.give_up(&key, &upload).await.unwrap();
        assert!(asked.join().unwrap().last().unwrap().starts_with("DELETE /upload/o?"));
        // Nobody is there any more.
        let error = google.part(&key, &upload, part(0, 1, 600_000)).await.unwrap_err();
        let all = format!("{error} {error:?}");
        assert!(!all.contains("hidden"), "{all}");
    }
}
