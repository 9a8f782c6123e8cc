//! Requests and answers.

use crate::{Body, FetchError, Host, Method, Request, Response, SourceError, Value, Want, json::Lenient};

impl Request {
    /// A GET that wants the body as text.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            want: Want::Text,
            max_bytes: None,
        }
    }

    /// A HEAD: its answer has no body.
    pub fn head(url: impl Into<String>) -> Self {
        Self { method: Method::Head, ..Self::get(url) }
    }

    /// A POST of JSON.
    pub fn post_json(url: impl Into<String>, body: &Value) -> Self {
        Self { method: Method::Post, body: Some(body.to_string().into_bytes()), ..Self::get(url) }
            .header("content-type", "application/json")
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks for `application/json`.
    pub fn accept_json(self) -> Self {
        self.header("accept", "application/json")
    }

    /// Wants the body as text, decoded by the answer's charset. This is how requests begin.
    pub fn text(mut self) -> Self {
        self.want = Want::Text;
        self
    }

    /// Wants the body as it is.
    pub fn bytes(mut self) -> Self {
        self.want = Want::Bytes;
        self
    }

    /// Wants no more than the first `bytes` of the body.
    pub fn at_most(mut self, bytes: u32) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}

impl Response {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// Whether the status is 2xx.
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; empty for bytes that are not UTF-8.
    pub fn text(&self) -> &str {
        match &self.body {
            Body::Text(text) => text,
            Body::Bytes(bytes) => str::from_utf8(bytes).unwrap_or_default(),
        }
    }

    /// The body as JSON, read into a type that implements `serde::Deserialize`.
    ///
    /// # Errors
    /// `bad-answer`, which says where the JSON broke.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, SourceError> {
        serde_json::from_str(self.text()).map_err(|error| {
            let cut = if self.truncated { " (the body was cut short)" } else { "" };
            SourceError::BadAnswer(format!("{} answered no readable JSON: {error}{cut}", self.url))
        })
    }

    /// This answer if its status is 2xx.
    ///
    /// # Errors
    /// What the status means for a source, see [`SourceError::of_status`].
    pub fn success(self) -> Result<Self, SourceError> {
        if self.ok() {
            return Ok(self);
        }
        Err(SourceError::of_status(&self))
    }
}

impl SourceError {
    /// What a status other than 2xx means: 404 and 410 that there is nothing; 401, 402, 403 and
    /// 407 that a key or a right is missing; 408, 425, 429 and 5xx that it is retryable, with
    /// the `Retry-After` in seconds; anything else is not understood.
    pub fn of_status(response: &Response) -> Self {
        let said = said(response);
        match response.status {
            404 | 410 => Self::NotFound,
            401 | 402 | 403 | 407 => {
                Self::Misconfigured(format!("{} answered {}{said}", response.url, response.status))
            }
            408 | 425 | 429 | 500..=599 => {
                Self::Unavailable(response.header("retry-after").and_then(|seconds| seconds.parse().ok()))
            }
            status => Self::BadAnswer(format!("{} answered {status}{said}", response.url)),
        }
    }

    /// Whether asking again later may help.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<FetchError> for SourceError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Denied(reason) => Self::Misconfigured(reason),
            FetchError::Budget(_) | FetchError::Timeout | FetchError::Transport(_) => Self::Unavailable(None),
            FetchError::TooLarge(limit) => {
                Self::BadAnswer(format!("the answer is larger than {limit} bytes"))
            }
        }
    }
}

/// Asks an API for JSON: a GET, its status understood, its body parsed.
///
/// # Errors
/// Everything that [`Host::fetch`], [`Response::success`] and [`Response::json`] can say.
pub fn get_json(host: &dyn Host, url: &str) -> Result<Value, SourceError> {
    host.fetch(&Request::get(url).accept_json())?.success()?.json()
}

/// The server's error message, shortened: the usual fields of a JSON error.
fn said(response: &Response) -> String {
    let body: Value = serde_json::from_str(response.text()).unwrap_or_default();
    ["message", "error", "detail", "errors.0.detail", "errors.0.title"]
        .iter()
        .find_map(|path| body.text(path))
        .map(|text| format!(": {}", text.chars().take(200).collect::<String>()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            url: "https://api.invalid/x".into(),
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            body: Body::Text(body.into()),
            truncated: false,
            pdf: false,
        }
    }

    #[test]
    fn each_status_becomes_the_error_that_a_source_means() {
        let of = |status| SourceError::of_status(&answer(status, &[], ""));
        assert_eq!(of(404), SourceError::NotFound);
        assert_eq!(of(410), SourceError::NotFound);
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(of(status), SourceError::Unavailable(None), "{status}");
        }
        for status in [401, 403] {
            assert!(matches!(of(status), SourceError::Misconfigured(_)), "{status}");
        }
        for status in [301, 400, 418] {
            assert!(matches!(of(status), SourceError::BadAnswer(_)), "{status}");
        }
    }

    #[test]
    fn retry_after_in_seconds_is_handed_on_and_in_other_forms_left_to_the_host() {
        let seconds = SourceError::of_status(&answer(429, &[("retry-after", " 7 ")], ""));
        assert_eq!(seconds, SourceError::Unavailable(Some(7)));
        let date = answer(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "");
        assert_eq!(SourceError::of_status(&date), SourceError::Unavailable(None));
    }

    #[test]
    fn a_refusal_repeats_what_the_server_said() {
        let error = SourceError::of_status(&answer(401, &[], r#"{"message":"bad key"}"#));
        assert_eq!(error, SourceError::Misconfigured("https://api.invalid/x answered 401: bad key".into()));
    }

    #[test]
    fn json_that_is_none_is_a_bad_answer_and_says_whether_it_was_cut() {
        let mut page = answer(200, &[], "<html>");
        let text = |page: &Response| match page.json::<Value>() {
            Err(SourceError::BadAnswer(text)) => text,
            other => panic!("{other:?}"),
        };
        assert!(text(&page).contains("no readable JSON"));
        page.truncated = true;
        assert!(text(&page).ends_with("(the body was cut short)"));
    }
}
