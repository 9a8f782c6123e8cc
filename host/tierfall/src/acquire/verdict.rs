//! How an acquisition ended. The codes are for programs and stay as they are; the meanings are for people.

use tierfall_http::{Denial, FetchError};
use tierfall_proof::Identity;

/// The end of an acquisition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is the work, and how sure that is.
    Accepted(Identity),
    /// The file is not taken, and why.
    Rejected(Reason),
}

macro_rules! reasons {
    ($($(#[$retryable:ident])? $name:ident $code:literal $meaning:literal,)*) => {
        /// Why a candidate was rejected.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            /// The file came, and is not the work.
            Proof(tierfall_proof::Reason),
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub fn all() -> impl Iterator<Item = Self> {
                tierfall_proof::Reason::ALL.iter().copied().map(Self::Proof).chain([$(Self::$name,)*])
            }

            /// The reason of this code.
            pub fn of_code(code: &str) -> Option<Self> {
                Self::all().find(|reason| reason.code() == code)
            }

            /// The code in manifests and trails.
            pub fn code(&self) -> &'static str {
                match self { Self::Proof(reason) => reason.code(), $(Self::$name => $code,)* }
            }

            /// What the code means, in one line.
            pub fn meaning(&self) -> &'static str {
                match self { Self::Proof(reason) => reason.meaning(), $(Self::$name => $meaning,)* }
            }

            /// Whether the same candidate may be accepted another time. An HTTP status is decided by its
            /// number: see [`Reason::of_status`].
            pub fn retryable(&self) -> bool {
                match self { Self::Proof(reason) => reason.retryable(), $(Self::$name => reasons!(@retryable $($retryable)?),)* }
            }
        }
    };
    (@retryable retryable) => { true };
    (@retryable) => { false };
}

reasons! {
    HtmlInstead "html_instead" "a web page was answered in place of a file",
    NothingThere "soft_404" "a page says that there is nothing, though the status says otherwise",
    OtherDigest "other_digest" "the file is not the one whose digest its source published",
    #[retryable] Spent "allowance_spent" "the day's allowance of files that cost money is used up",
    Empty "empty" "the answer has no content",
    TooLarge "too_large" "the file exceeds the size limit",
    HttpStatus "http_status" "the server answered with an error",
    #[retryable] Unavailable "unavailable" "the server answered with an error that may pass",
    LoginWall "login_wall" "the server asks for a login or a payment",
    BotCheck "bot_check" "the server suspects a robot and shows a check",
    Robots "robots" "the site's robots.txt forbids it",
    PolicyVersion "policy_version" "its source says that it is another version than the policy wants",
    PolicyLicense "policy_license" "its source says no licence that the policy wants",
    Reserved "tdm_reserved" "text and data mining is reserved, and the policy honours it",
    #[retryable] RobotsUnreachable "robots_unreachable" "the site's robots.txt cannot be read, which forbids everything",
    PrivateAddress "private_address" "the address is private or local",
    #[retryable] DnsPrivate "dns_private" "DNS gives a private address for the host, as networks do that want a login",
    Refused "refused" "the URL is not one that is fetched: its scheme, port or host is forbidden",
    BadUrl "bad_url" "the URL cannot be read",
    RedirectLoop "redirect_loop" "the redirects have no end",
    #[retryable] Stalled "stalled" "the transfer stopped, or was too slow",
    #[retryable] Timeout "timeout" "no answer came in time",
    #[retryable] Unreachable "unreachable" "no connection could be made, or it broke",
    #[retryable] Certificate "certificate" "the server's certificate is not valid",
    Malformed "malformed" "the answer breaks the protocol",
    #[retryable] Busy "busy" "the host's queue is longer than the work's time",
    #[retryable] Breaker "breaker" "the host failed too often and is left alone for a while",
    NotRecorded "not_recorded" "the recording that is replayed has no answer for it",
    #[retryable] Storage "storage" "the file could not be written",
}

impl From<tierfall_proof::Verdict> for Verdict {
    fn from(verdict: tierfall_proof::Verdict) -> Self {
        match verdict {
            tierfall_proof::Verdict::Accepted(identity) => Self::Accepted(identity),
            tierfall_proof::Verdict::Rejected(reason) => Self::Rejected(Reason::Proof(reason)),
        }
    }
}

impl Reason {
    /// The reason why a request had no answer.
    pub fn of_fetch(error: &FetchError) -> Self {
        match error {
            FetchError::Denied { reason, .. } => match reason {
                Denial::PrivateAddress => Self::PrivateAddress,
                Denial::DnsPrivate => Self::DnsPrivate,
                Denial::Robots => Self::Robots,
                Denial::RobotsUnreachable => Self::RobotsUnreachable,
                Denial::Breaker => Self::Breaker,
                Denial::Scheme | Denial::Port | Denial::UserInfo | Denial::Header => Self::Refused,
            },
            FetchError::Refused(_) => Self::Refused,
            FetchError::Timeout => Self::Timeout,
            FetchError::Busy(_) => Self::Busy,
            FetchError::TooLarge(_) => Self::TooLarge,
            FetchError::Redirects(_) => Self::RedirectLoop,
            FetchError::Transport(_) => Self::Unreachable,
            FetchError::Certificate(_) => Self::Certificate,
            FetchError::Incomplete(_) => Self::Proof(tierfall_proof::Reason::Truncated),
            FetchError::Stalled(_) => Self::Stalled,
            FetchError::Malformed(_) => Self::Malformed,
            FetchError::NotRecorded(_) => Self::NotRecorded,
        }
    }

    /// The reason that an error status stands for.
    pub fn of_status(status: u16) -> Self {
        match status {
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Self::Unavailable,
            401 | 402 => Self::LoginWall,
            _ => Self::HttpStatus,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_unique_and_has_a_meaning_of_one_line() {
        let codes: HashSet<&str> = Reason::all().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::all().count());
        for reason in Reason::all() {
            assert!(
                reason
                    .code()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{}",
                reason.code()
            );
            assert!(!reason.meaning().is_empty() && !reason.meaning().contains('\n'), "{}", reason.code());
        }
    }

    #[test]
    fn the_codes_that_the_design_fixes_exist() {
        let codes: HashSet<&str> = Reason::all().map(|reason| reason.code()).collect();
        for code in [
            "html_instead",
            "not_pdf",
            "empty",
            "truncated",
            "too_large",
            "encrypted",
            "placeholder",
            "preview",
            "abstract_only",
            "wrong_work",
            "http_status",
            "login_wall",
            "bot_check",
            "robots",
            "private_address",
            "redirect_loop",
            "stalled",
        ] {
            assert!(codes.contains(code), "{code}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(Reason::of_status(503).retryable());
        assert!(Reason::of_status(429).retryable());
        assert!(Reason::Certificate.retryable(), "certificates lapse, and are renewed");
        assert!(Reason::DnsPrivate.retryable() && !Reason::PrivateAddress.retryable());
        assert!(!Reason::of_status(404).retryable());
        assert!(!Reason::Proof(tierfall_proof::Reason::WrongWork).retryable());
    }
}
