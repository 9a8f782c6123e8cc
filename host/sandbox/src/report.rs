//! What the host has to say about one call, beside its answer.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tierfall_http::{FetchError, HeaderMap, Response, retryable_status};

use crate::limits::ResourceLimit;

/// What happened while a plugin was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallReport {
    /// Denials, limits, hosts that did not answer, for people.
    pub notes: Vec<String>,
    /// Its requests, in the order in which they ended.
    pub requests: Vec<RequestReport>,
    /// What kept it from an answer.
    pub obstacles: Vec<Obstacle>,
    /// Pages that were refused to it.
    pub refused: Vec<RefusedPage>,
}

/// A page that its server keeps from us; why may stand in what it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPage {
    /// The host that answered.
    pub host: String,
    /// The status: of the client's errors one that does not pass by itself, and says not only that nothing is there.
    pub status: u16,
    /// With it.
    pub headers: HeaderMap,
    /// The beginning of what was shown in place of the page.
    pub body: Bytes,
}

/// More of it is not kept: what a refusal says stands in its head or in a short body.
const MOST_SHOWN: usize = 256 * 1024;

impl RefusedPage {
    pub(crate) fn of(answer: &Response) -> Option<Self> {
        let status = answer.head.status;
        let refused =
            (400..500).contains(&status) && !matches!(status, 404 | 410) && !retryable_status(status);
        refused.then(|| Self {
            host: answer.head.url.host_str().unwrap_or_default().to_owned(),
            status,
            headers: answer.head.headers.clone(),
            body: answer.body.slice(..answer.body.len().min(MOST_SHOWN)),
        })
    }
}

/// Something that kept a plugin from what it asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// A request without an answer, and why.
    Request(FetchError),
    /// A limit of the sandbox that refused something.
    Limit(ResourceLimit),
}

/// One request of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReport {
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Without what names its sender.
    pub url: String,
    /// Of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// How often it was sent again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// Of its time, how long it waited for its host's turn, and before it was sent again.
    #[serde(default, skip_serializing_if = "is_zero_ms")]
    pub waited_ms: u64,
    /// How long it took in all.
    pub ms: u64,
    /// The works that were asked about at once, where it was more than one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub works: u32,
}

/// Of the requests of a question about several works so many are told to each of them: it is for all of them that
/// they were made.
const MOST_SHARED: usize = 4;
/// Of their URLs, which name all the works.
const SHARED_URL: usize = 200;

impl CallReport {
    /// What each of so many works is told that were asked about at once.
    pub(crate) fn shared_by(mut self, works: usize) -> Self {
        if works > 1 {
            self.requests.truncate(MOST_SHARED);
            for request in &mut self.requests {
                request.works = u32::try_from(works).unwrap_or(u32::MAX);
                if request.url.len() > SHARED_URL {
                    request.url.truncate(request.url.floor_char_boundary(SHARED_URL));
                    request.url.push('…');
                }
            }
        }
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero_ms(number: &u64) -> bool {
    *number == 0
}
