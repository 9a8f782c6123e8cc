//! What can go wrong with an object store, for people.

use object_store::Error;

/// Longer is what a server says about itself.
const MOST_SAID: usize = 400;

/// What could not be done, to which object, and why.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} {url}: {why}")]
pub struct ObjectError {
    pub(crate) what: &'static str,
    pub(crate) url: String,
    pub(crate) why: String,
}

impl ObjectError {
    pub(crate) fn new(what: &'static str, url: String, why: impl Into<String>) -> Self {
        Self { what, url, why: why.into() }
    }

    /// What an error of the library means to an operator.
    pub(crate) fn of(what: &'static str, url: String, error: &Error) -> Self {
        let meaning = match error {
            Error::NotFound { .. } => {
                "there is no such bucket or object: check `run.store` and AWS_ENDPOINT_URL"
            }
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                "the server does not allow it with these keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
                 AWS_SESSION_TOKEN): they need s3:ListBucket, s3:GetObject, s3:PutObject and s3:AbortMultipartUpload \
                 there, and the region must be the bucket's (AWS_REGION)"
            }
            _ => "",
        };
        let said = said(error);
        let why = if meaning.is_empty() { said } else { format!("{meaning} ({said})") };
        Self { what, url, why }
    }
}

/// What the library says, and the server through it: on one line, and not too much of it.
fn said(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if let Some((end, _)) = line.char_indices().nth(MOST_SAID) {
        line.truncate(end);
        line.push('…');
    }
    line
}
