//! What can go wrong with an object store, for people.

use object_store::Error;
use object_store::client::HttpError;

use super::service::Service;

/// Longer is what a server says about itself.
const MOST_SAID: usize = 400;

/// What could not be done, to which object, and why.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} {url}: {why}")]
pub struct ObjectError {
    pub(crate) what: &'static str,
    pub(crate) url: String,
    pub(crate) why: String,
    is_of_file: bool,
}

impl ObjectError {
    pub(crate) fn new(what: &'static str, url: String, why: impl Into<String>) -> Self {
        Self { what, url, why: why.into(), is_of_file: false }
    }

    /// The same of what is wrong with one file, where the store does its work.
    pub(crate) fn of_file(what: &'static str, url: String, why: impl Into<String>) -> Self {
        Self { is_of_file: true, ..Self::new(what, url, why) }
    }

    /// Whether it is about this one file, so that others may be stored: else it is the store that does not work.
    pub fn is_of_file(&self) -> bool {
        self.is_of_file
    }

    pub(crate) fn with_hint(self, hint: &str) -> Self {
        Self { why: format!("{}; {hint}", self.why), ..self }
    }

    /// What an error of the library means to an operator.
    pub(crate) fn of(what: &'static str, url: String, service: Service, error: &Error) -> Self {
        let meaning = match error {
            Error::NotFound { .. } => service.not_found(),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => service.not_allowed(),
            _ => "",
        };
        let said = said(error);
        let why = if meaning.is_empty() { said } else { format!("{meaning} ({said})") };
        Self::new(what, url, why)
    }
}

/// Whether a request had no answer: it may have been done all the same.
pub(crate) fn got_no_answer(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        if next.is::<HttpError>() {
            return true;
        }
        cause = next.source();
    }
    false
}

/// What the library says, and the server through it: on one line, and not too much of it. Of the server's answer only the
/// code and the message: what else is in it may repeat the request, with the token that it bore.
fn said(error: &Error) -> String {
    let mut text = without_answers(&error.to_string());
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let more = without_answers(&next.to_string());
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

/// A text without the XML or HTML in it, but for the code and the message of an error.
fn without_answers(text: &str) -> String {
    let Some((before, answer)) = text.split_once('<') else { return text.to_owned() };
    let within = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let said: Vec<&str> = ["Code", "Message"].into_iter().filter_map(within).collect();
    format!("{before}{}", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(said: &str) -> String {
        let source = said.to_owned().into();
        let error = Error::Generic { store: "S3", source };
        ObjectError::of("write", "s3://papers/a".into(), Service::S3, &error).to_string()
    }

    #[test]
    fn of_a_servers_answer_code_and_message_are_told_and_nothing_that_repeats_the_request() {
        let told = error(
            "403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>It differs.</Message>\
             <CanonicalRequest>x-amz-security-token:hidden</CanonicalRequest></Error>",
        );
        assert!(told.contains("403 Forbidden: SignatureDoesNotMatch, It differs."), "{told}");
        assert!(!told.contains("hidden"), "{told}");
        let told = error("502: <html><body>hidden</body></html>");
        assert!(told.ends_with("502:"), "{told}");
    }

    #[test]
    fn what_a_server_says_is_one_short_line_without_control_characters() {
        let told = error(&format!("it\n says \u{1b}[31m {}", "x".repeat(5000)));
        assert!(!told.contains(char::is_control) && told.len() < 600, "{told}");
    }
}
