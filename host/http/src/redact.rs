//! Answers without the secrets that were sent for them. A service that repeats a request in its answer (an error
//! page, a redirect, a log for debugging) would otherwise hand them to whatever reads it: the plugin, the
//! recording, messages, the manifest.
//!
//! This is about services that are careless: one that is given a key can always spell it backwards.

use aho_corasick::{AhoCorasick, MatchKind};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use url::form_urlencoded::byte_serialize;

use super::decode::{Codings, Decoded};
use super::error::FetchError;
use super::request::{Method, Secrets};
use super::transport::{Incoming, Outgoing, RawBody, Transport};

/// What stands in the place of a secret.
const MASK: &str = "********";

/// Shorter ones are no keys, and would be found in every text.
const SHORTEST: usize = 6;

/// A transport whose answers do not repeat the secrets of their requests.
pub struct Redacting<T> {
    inner: T,
    /// The largest body, decoded.
    body_bytes: u64,
}

impl<T: Transport> Redacting<T> {
    pub fn new(inner: T, body_bytes: u64) -> Self {
        Self { inner, body_bytes }
    }
}

impl<T: Transport> Transport for Redacting<T> {
    fn send(&self, hop: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        let Some(secrets) = Forms::of(&hop.secrets) else { return self.inner.send(hop) };
        Box::pin(async move {
            let bodiless = hop.method == Method::Head;
            let answer = self.inner.send(hop).await?;
            let mut headers = secrets.without_in(&answer.headers);
            if bodiless || matches!(answer.status, 204 | 304) {
                return Ok(Incoming { headers, ..answer });
            }
            // What is packed cannot be searched.
            let codings = Codings::of(&answer.headers)?;
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            let decoded = Decoded::new(codings, answer.body, self.body_bytes);
            let body = Redacted { decoded, forms: secrets, held: BytesMut::new(), over: false }.into_body();
            Ok(Incoming { status: answer.status, headers, body })
        })
    }

    fn now_ms(&self) -> u64 {
        self.inner.now_ms()
    }

    fn recorded(&self) -> bool {
        self.inner.recorded()
    }
}

/// The secrets of one request, in the forms in which an answer may repeat them.
struct Forms {
    texts: AhoCorasick,
    longest: usize,
}

impl Forms {
    /// `None` where there is nothing to look for.
    fn of(secrets: &Secrets) -> Option<Self> {
        let secrets = secrets.0.iter().filter(|secret| secret.len() >= SHORTEST);
        let mut texts: Vec<String> = secrets
            .flat_map(|secret| {
                let in_url: String = byte_serialize(secret.as_bytes()).collect();
                let in_json = serde_json::to_string(secret).unwrap_or_default();
                let in_json = in_json.trim_matches('"').to_owned();
                [secret.clone(), in_url.to_lowercase(), in_url, in_json.replace('/', "\\/"), in_json]
            })
            .collect();
        texts.sort();
        texts.dedup();
        let longest = texts.iter().map(String::len).max()?;
        // Keys are short and few: this cannot become too large.
        let texts = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts).ok()?;
        Some(Self { texts, longest })
    }

    fn without_in(&self, headers: &HeaderMap) -> HeaderMap {
        let clean = |value: &HeaderValue| {
            if !self.texts.is_match(value.as_bytes()) {
                return value.clone();
            }
            let text = self.texts.replace_all_bytes(value.as_bytes(), &vec![MASK; self.texts.patterns_len()]);
            HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(MASK))
        };
        headers.iter().map(|(name, value)| (name.clone(), clean(value))).collect()
    }
}

/// A body that is searched as it comes. What may be the beginning of a secret is held until the next piece.
struct Redacted {
    decoded: Decoded,
    forms: Forms,
    held: BytesMut,
    over: bool,
}

impl Redacted {
    fn into_body(self) -> RawBody {
        RawBody::new(stream::unfold(self, |mut body| async move {
            let piece = body.next().await?;
            Some((piece, body))
        }))
    }

    async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        while !self.over {
            let keep = match self.decoded.next().await {
                Some(Ok(piece)) => {
                    self.held.extend_from_slice(&piece);
                    self.forms.longest - 1
                }
                Some(Err(error)) => {
                    self.over = true;
                    return Some(Err(error));
                }
                None => {
                    self.over = true;
                    0
                }
            };
            let piece = self.searched(keep);
            if !piece.is_empty() {
                return Some(Ok(piece));
            }
        }
        None
    }

    /// What was held, searched, except the last `keep` bytes of it.
    fn searched(&mut self, keep: usize) -> Bytes {
        let mut clean = BytesMut::with_capacity(self.held.len());
        let mut done = 0;
        for found in self.forms.texts.find_iter(&self.held) {
            clean.extend_from_slice(&self.held[done..found.start()]);
            clean.extend_from_slice(MASK.as_bytes());
            done = found.end();
        }
        let ready = self.held.len().saturating_sub(keep).max(done);
        clean.extend_from_slice(&self.held[done..ready]);
        drop(self.held.split_to(ready));
        clean.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "geheim/1+1=2";

    /// Answers every request with these headers and pieces.
    struct Echo(Vec<(&'static str, String)>, Vec<String>);

    impl Transport for Echo {
        fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
            let headers = self.0.iter().map(|(name, value)| {
                (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value"))
            });
            let pieces: Vec<_> = self.1.iter().map(|piece| Ok(Bytes::from(piece.clone()))).collect();
            let body = RawBody::new(stream::iter(pieces));
            Box::pin(std::future::ready(Ok(Incoming { status: 200, headers: headers.collect(), body })))
        }

        fn now_ms(&self) -> u64 {
            0
        }
    }

    async fn answer(echo: Echo) -> (HeaderMap, String) {
        let hop = Outgoing {
            method: Method::Get,
            url: "https://api.example/".parse().expect("a URL"),
            headers: HeaderMap::new(),
            secret_headers: HeaderMap::new(),
            secrets: Secrets(vec![KEY.to_owned()]),
            body: None,
        };
        let mut answer = Redacting::new(echo, 1 << 20).send(hop).await.expect("an answer");
        let mut body = Vec::new();
        while let Some(piece) = answer.body.next().await {
            body.extend(piece.expect("a piece"));
        }
        (answer.headers, String::from_utf8(body).expect("text"))
    }

    #[tokio::test]
    async fn an_answer_does_not_repeat_the_secret_of_its_request_however_it_is_written() {
        let encoded = "geheim%2F1%2B1%3D2";
        let headers = vec![
            ("location", format!("https://other.example/?key={encoded}")),
            ("x-echo", format!("Bearer {KEY}")),
            ("content-length", "17".into()),
        ];
        let said =
            format!("{KEY} {encoded} {} {{\"sent\":\"geheim\\/1+1=2\"}} geheim", encoded.to_lowercase());
        let (headers, body) = answer(Echo(headers, vec![said])).await;
        assert_eq!(body, r#"******** ******** ******** {"sent":"********"} geheim"#);
        assert_eq!(headers["location"], "https://other.example/?key=********");
        assert_eq!(headers["x-echo"], "Bearer ********");
        assert!(!headers.contains_key("content-length"), "it is another one now");
    }

    #[tokio::test]
    async fn a_secret_is_found_however_it_is_cut_into_pieces() {
        let said = format!("before {KEY} between {KEY}{KEY} after geheim/1");
        for size in 1..said.len() {
            let pieces =
                said.as_bytes().chunks(size).map(|piece| String::from_utf8_lossy(piece).into_owned());
            let (_, body) = answer(Echo(Vec::new(), pieces.collect())).await;
            assert_eq!(body, "before ******** between **************** after geheim/1", "by {size}");
        }
    }
}
