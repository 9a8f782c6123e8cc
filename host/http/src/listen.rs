//! Being told of answers as whoever asked got them.

use std::sync::Arc;

use url::Url;

use super::error::FetchError;

/// What came of one request of a plugin, after its redirects and retries. Secrets are in none of it.
#[derive(Debug)]
pub struct Answered<'a> {
    /// The plugin that asked.
    pub plugin: &'a str,
    /// What it asked for.
    pub url: &'a Url,
    /// The status and the decoded body, as far as it was read; or why there is no answer.
    pub result: Result<(u16, &'a [u8]), &'a FetchError>,
}

/// Told of every answer that a plugin gets; files are not among them. Called in the middle of the work: what takes
/// long here delays it.
pub trait Listener: Send + Sync {
    /// One more answer.
    fn answered(&self, answered: &Answered<'_>);
}

/// A listener, or none.
#[derive(Clone, Default)]
pub struct Listening(pub Option<Arc<dyn Listener>>);

impl Listening {
    pub fn tell(&self, plugin: &str, url: &Url, result: Result<(u16, &[u8]), &FetchError>) {
        if let Some(listener) = &self.0 {
            listener.answered(&Answered { plugin, url, result });
        }
    }
}
