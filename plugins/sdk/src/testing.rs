//! A host for native tests: it gives the answers that the test set, and keeps the requests.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::{
    BatchContext, Body, Budget, Context, FetchError, Host, Level, Question, Request, Response, Source, Tried,
    Want, Work, WorkId,
};

/// Answers requests by their URL and fails the test on one that it has no answer for.
///
/// ```
/// use tierfall_sdk::{Host, Request, testing::Recorded};
/// let host = Recorded::new().json("https://api.invalid/1", r#"{"n": 1}"#);
/// assert_eq!(host.fetch(&Request::get("https://api.invalid/1")).unwrap().status, 200);
/// assert_eq!(host.urls(), ["https://api.invalid/1"]);
/// ```
#[derive(Debug, Default)]
pub struct Recorded {
    answers: HashMap<String, RefCell<Vec<Result<Response, FetchError>>>>,
    requests: RefCell<Vec<Request>>,
    log: RefCell<Vec<String>>,
    now_ms: u64,
}

impl Recorded {
    /// A host with no answers. Its clock stands at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self { now_ms: 1_767_225_600_000, ..Self::default() }
    }

    /// The URL answers 200 with this JSON.
    pub fn json(self, url: &str, body: &str) -> Self {
        self.answer(url, 200, "application/json", body)
    }

    /// The URL answers 200 with this page.
    pub fn html(self, url: &str, body: &str) -> Self {
        self.answer(url, 200, "text/html; charset=utf-8", body)
    }

    /// The URL answers 200 with the beginning of a PDF.
    pub fn pdf(self, url: &str) -> Self {
        let response =
            Response { truncated: true, pdf: true, ..response(url, 200, "application/pdf", "%PDF-1.7") };
        self.response(url, response)
    }

    /// The URL answers this status with an empty body.
    pub fn status(self, url: &str, status: u16) -> Self {
        self.answer(url, status, "text/plain", "")
    }

    /// The URL answers this.
    pub fn answer(self, url: &str, status: u16, content_type: &str, body: &str) -> Self {
        let response = response(url, status, content_type, body);
        self.response(url, response)
    }

    /// The URL redirects to one that answers 200 with this page.
    pub fn redirect(self, url: &str, to: &str, body: &str) -> Self {
        self.response(url, response(to, 200, "text/html; charset=utf-8", body))
    }

    /// The URL answers this. Said twice of one URL, the answers come in turn and the last stays.
    pub fn response(self, url: &str, response: Response) -> Self {
        self.result(url, Ok(response))
    }

    /// Fetching the URL fails.
    pub fn error(self, url: &str, error: FetchError) -> Self {
        self.result(url, Err(error))
    }

    fn result(mut self, url: &str, result: Result<Response, FetchError>) -> Self {
        self.answers.entry(url.to_owned()).or_default().get_mut().push(result);
        self
    }

    /// The requests made so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// The URLs asked so far.
    pub fn urls(&self) -> Vec<String> {
        self.requests.borrow().iter().map(|r| r.url.clone()).collect()
    }

    /// The lines logged so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}

impl Host for Recorded {
    fn fetch(&self, request: &Request) -> Result<Response, FetchError> {
        self.requests.borrow_mut().push(request.clone());
        let Some(answers) = self.answers.get(&request.url) else {
            panic!("nothing is recorded for {}", request.url);
        };
        let mut answers = answers.borrow_mut();
        let mut result = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        };
        // As the host does: the body in the form and up to the size that was asked for.
        if let Ok(response) = &mut result {
            let mut bytes = match std::mem::replace(&mut response.body, Body::Bytes(Vec::new())) {
                Body::Text(text) => text.into_bytes(),
                Body::Bytes(bytes) => bytes,
            };
            let most = request.max_bytes.map_or(usize::MAX, |n| n as usize);
            if bytes.len() > most {
                bytes.truncate(most);
                response.truncated = true;
            }
            response.body = match request.want {
                Want::Text => Body::Text(String::from_utf8_lossy(&bytes).into_owned()),
                Want::Bytes => Body::Bytes(bytes),
            };
        }
        result
    }

    fn log(&self, _: Level, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

/// A work known by one identifier.
pub fn work(id: WorkId) -> Work {
    Work::new(vec![id])
}

/// The context of an attempt with ample budget and no settings.
pub fn context() -> Context {
    Context {
        trail: Vec::new(),
        budget: Budget { time_ms: 10_000, fetches: 20 },
        settings: Vec::new(),
        secrets: Vec::new(),
    }
}

/// The context that the host would make for a source: every declared setting with its default.
pub fn context_of(source: &Source) -> Context {
    source
        .settings
        .iter()
        .filter(|setting| setting.secret.is_none())
        .filter_map(|setting| Some((&setting.name, setting.default.as_ref()?)))
        .fold(context(), |ctx, (name, value)| ctx.with(name, value))
}

/// Questions about works that are known by their titles.
pub fn titles(titles: &[&str]) -> Vec<Question> {
    let works = titles.iter().map(|title| Work { title: Some((*title).into()), ..Work::new(Vec::new()) });
    works.map(|work| Question { work, trail: Vec::new() }).collect()
}

/// Questions about works that are known by one identifier each.
pub fn questions(ids: impl IntoIterator<Item = WorkId>) -> Vec<Question> {
    ids.into_iter().map(|id| Question { work: work(id), trail: Vec::new() }).collect()
}

impl Context {
    /// The context of several questions that are asked at once, with the same settings.
    pub fn of_many(&self) -> BatchContext {
        let Self { budget, settings, secrets, .. } = self.clone();
        BatchContext { budget, settings, secrets }
    }

    /// The same context with a setting changed.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(n, _)| n != name);
        self.settings.push((name.into(), value.into()));
        self
    }

    /// The same context with a URL that was tried earlier.
    pub fn tried(mut self, url: &str, verdict: &str) -> Self {
        self.trail.push(Tried { url: url.into(), verdict: verdict.into() });
        self
    }
}

fn response(url: &str, status: u16, content_type: &str, body: &str) -> Response {
    Response {
        status,
        url: url.into(),
        headers: vec![("content-type".into(), content_type.into())],
        body: Body::Text(body.into()),
        truncated: false,
        pdf: false,
    }
}
