//! Exchanges as they are recorded: what was asked, what was answered.

use serde_json::Value;

/// Every exchange, in the order of recording.
pub struct Recording {
    exchanges: Vec<Exchange>,
}

pub struct Exchange {
    pub method: &'static str,
    pub url: String,
    /// The body of a POST.
    pub asked: Option<String>,
    pub reply: Reply,
}

#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Recording {
    pub fn new() -> Self {
        Self { exchanges: Vec::new() }
    }

    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// The only answer to a GET of this URL.
    pub fn get(&mut self, url: &str, reply: Reply) {
        assert!(
            !self.exchanges.iter().any(|known| known.method == "GET" && known.url == url),
            "recorded twice: {url}"
        );
        self.then(url, reply);
    }

    /// The next answer to a GET of this URL.
    pub fn then(&mut self, url: &str, reply: Reply) {
        self.exchanges.push(Exchange { method: "GET", url: url.to_owned(), asked: None, reply });
    }

    pub fn post(&mut self, url: &str, asked: &Value, reply: Reply) {
        self.exchanges.push(Exchange {
            method: "POST",
            url: url.to_owned(),
            asked: Some(asked.to_string()),
            reply,
        });
    }
}

impl Reply {
    pub fn typed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", content_type.to_owned())], body: body.into() }
    }

    pub fn json(body: &Value) -> Self {
        Self::typed(200, "application/json", body.to_string())
    }

    pub fn xml(body: &str) -> Self {
        Self::typed(200, "application/xml; charset=utf-8", body)
    }

    pub fn html(body: &str) -> Self {
        Self::typed(200, "text/html; charset=utf-8", body)
    }

    pub fn pdf(body: Vec<u8>) -> Self {
        Self::typed(200, "application/pdf", body)
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        let mut reply =
            Self::typed(status, "text/html; charset=utf-8", format!("<a href=\"{location}\">Elsewhere</a>"));
        reply.headers.push(("Location", location.to_owned()));
        reply
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
