//! How an acquisition ended. The codes are for programs and stay as they are; the meanings are for people.

use serde::{Deserialize, Serialize};

/// The end of an acquisition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted(Identity),
    Rejected(Reason),
}

/// What is known about an accepted file being the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// Its title or its own identifier is the work's.
    Proven,
    /// Nothing in it can be compared, a scan for example; who proposed it is believed.
    Unproven,
    /// The comparison is switched off.
    Unchecked,
}

impl Identity {
    /// The word used in the manifest.
    pub fn label(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Unchecked => "unchecked",
        }
    }
}

macro_rules! reasons {
    ($($(#[$passing:ident])? $name:ident $code:literal $meaning:literal,)*) => {
        /// Why a candidate was rejected.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code in manifests and trails.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What the code means, in one line.
            pub fn meaning(&self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Whether the same candidate may be accepted another time. An HTTP status is decided by its
            /// number: see [`Reason::of_status`].
            pub fn passing(&self) -> bool {
                match self { $(Self::$name => reasons!(@passing $($passing)?),)* }
            }
        }
    };
    (@passing passing) => { true };
    (@passing) => { false };
}

reasons! {
    HtmlInstead "html_instead" "a web page was answered in place of a file",
    NothingThere "soft_404" "a page says that there is nothing, though the status says otherwise",
    NotPdf "not_pdf" "the file is not a PDF",
    Empty "empty" "the answer has no content",
    #[passing] Truncated "truncated" "the file ends before it is complete",
    Damaged "damaged" "the file is broken beyond reading",
    TooLarge "too_large" "the file exceeds the size limit",
    Encrypted "encrypted" "the file opens only with a password",
    Placeholder "placeholder" "the file says that the article is not available",
    Preview "preview" "the file has far fewer pages than the work",
    AbstractOnly "abstract_only" "the file holds the abstract and not the text",
    Supplement "supplement" "the file is supplementary material of the work",
    Notice "notice" "the file is a correction or a retraction of the work",
    WrongWork "wrong_work" "the file is another work",
    Unproven "unproven" "nothing shows that the file is the work, and the policy asks for more",
    HttpStatus "http_status" "the server answered with an error",
    #[passing] Unavailable "unavailable" "the server answered with an error that may pass",
    LoginWall "login_wall" "the server asks for a login or a payment",
    BotCheck "bot_check" "the server suspects a robot and shows a check",
    Robots "robots" "the site's robots.txt forbids it",
    Reserved "tdm_reserved" "text and data mining is reserved, and the policy honours it",
    #[passing] RobotsUnreachable "robots_unreachable" "the site's robots.txt cannot be read, which forbids everything",
    PrivateAddress "private_address" "the address is private or local",
    Refused "refused" "the URL is not one that is fetched: its scheme, port or host is forbidden",
    BadUrl "bad_url" "the URL cannot be read",
    RedirectLoop "redirect_loop" "the redirects have no end",
    #[passing] Stalled "stalled" "the transfer stopped, or was too slow",
    #[passing] Timeout "timeout" "no answer came in time",
    #[passing] Unreachable "unreachable" "no connection could be made, or it broke",
    Certificate "certificate" "the server's certificate is not valid",
    Malformed "malformed" "the answer breaks the protocol",
    #[passing] Busy "busy" "the host's queue is longer than the work's time",
    #[passing] Breaker "breaker" "the host failed too often and is left alone for a while",
    NotRecorded "not_recorded" "the recording that is replayed has no answer for it",
    #[passing] Storage "storage" "the file could not be written",
}

impl Reason {
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
        let codes: HashSet<&str> = Reason::ALL.iter().map(Reason::code).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
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
        let codes: HashSet<&str> = Reason::ALL.iter().map(Reason::code).collect();
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
        assert!(Reason::of_status(503).passing());
        assert!(Reason::of_status(429).passing());
        assert!(!Reason::of_status(404).passing());
        assert!(!Reason::WrongWork.passing());
    }
}
