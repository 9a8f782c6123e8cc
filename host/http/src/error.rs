//! What can go wrong between a request and its answer. An HTTP status is an answer, not an error.

use std::path::PathBuf;

use super::warc::WarcError;

/// Why a request has no (whole) answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The client itself refuses, before anything is sent.
    #[error("denied ({reason}): {detail}")]
    Denied {
        /// The rule.
        reason: Denial,
        /// How the request breaks it, for people.
        detail: String,
    },
    /// The caller's `HopPolicy` says no; the text is its reason.
    #[error("refused: {0}")]
    Refused(String),
    /// The attempt's time, or the time that an answer may take to begin, is over.
    #[error("no answer in the time it may take")]
    Timeout,
    /// The wait for the host's pace would pass the work's deadline: nothing was sent.
    #[error("not asked, too many wait: {0}")]
    Busy(String),
    /// The decoded body exceeds this many bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// Redirects that loop, never end or lead nowhere.
    #[error("redirects: {0}")]
    Redirects(String),
    /// No connection, or one that broke before the answer began.
    #[error("{0}")]
    Transport(String),
    /// The server's certificate is not one for this host and time.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The body broke off before its end.
    #[error("the body broke off: {0}")]
    Incomplete(String),
    /// The body came too slowly to wait for its end.
    #[error("stalled: {0}")]
    Stalled(String),
    /// An answer that breaks the protocol, or is larger than an answer may be.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// The recording has no answer to this request.
    #[error("not in the recording: {0}")]
    NotRecorded(String),
}

/// The rule by which the client denied a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Denial {
    /// Not `http` or `https`.
    Scheme,
    /// A port that no web server uses.
    Port,
    /// A name or password in the URL.
    #[strum(to_string = "user info")]
    UserInfo,
    /// An address, or a name, that is not on the public network.
    #[strum(to_string = "private address")]
    PrivateAddress,
    /// A public name of which DNS says that it has such an address: that is the host's, or the way's to DNS, and may pass.
    #[strum(to_string = "private address by DNS")]
    DnsPrivate,
    /// robots.txt disallows it.
    #[strum(to_string = "robots.txt")]
    Robots,
    /// robots.txt could not be read, which forbids everything (RFC 9309, 2.3.1.4) until it can be.
    #[strum(to_string = "robots.txt unreachable")]
    RobotsUnreachable,
    /// The host failed too often, or asked to be left alone.
    Breaker,
    /// A header that only the host program may set, or that is not a header.
    Header,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A file of certificates cannot be read.
    #[error("cannot read the certificates of {}: {source}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of certificates has none.
    #[error("{} holds no certificate; give a PEM file", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The TLS library refuses its configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// What was given as a proxy is none.
    #[error("the proxy {given:?} is not one: {reason}; give a URL such as http://proxy:3128")]
    Proxy {
        /// What was given, without its password.
        given: String,
        /// Why it is none.
        reason: String,
    },
    /// The value of `User-Agent` holds something that cannot be sent.
    #[error("the user agent or mail address {0:?} cannot be sent in a header")]
    UserAgent(String),
    /// The HTTP library refuses its configuration.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// The recording cannot be created.
    #[error("cannot open the recording {}: {source}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The recording cannot be read.
    #[error("cannot read the recording {}: {source}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WarcError,
    },
}

impl FetchError {
    /// Whether another try, later, may end otherwise.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Denied { reason, .. } => reason.retryable(),
            Self::Timeout | Self::Busy(_) | Self::Transport(_) | Self::Incomplete(_) | Self::Stalled(_) => {
                true
            }
            Self::Refused(_)
            | Self::TooLarge(_)
            | Self::Redirects(_)
            | Self::Certificate(_)
            | Self::Malformed(_)
            | Self::NotRecorded(_) => false,
        }
    }

    pub(super) fn denied(reason: Denial, detail: impl Into<String>) -> Self {
        Self::Denied { reason, detail: detail.into() }
    }
}

impl Denial {
    fn retryable(self) -> bool {
        matches!(self, Self::Breaker | Self::RobotsUnreachable)
    }
}
