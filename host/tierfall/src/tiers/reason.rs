//! Why a work is not stored, and what kept a source from an answer: one list of codes for both.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::acquire::Reason;

macro_rules! reasons {
    ($($(#[$retryable:ident])? $name:ident $code:literal $meaning:literal,)*) => {
        /// Why a work is not stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EndReason {
            /// Its best candidate was rejected, or a request of a source had no answer.
            Rejected(Reason),
            $(#[doc = $meaning] $name,)*
        }

        impl EndReason {
            /// Those that are no verdict.
            pub const OWN: &[Self] = &[$(Self::$name,)*];

            /// The code in the manifest.
            pub fn code(self) -> &'static str {
                match self { Self::Rejected(reason) => reason.code(), $(Self::$name => $code,)* }
            }

            /// What the code means, in one line.
            pub fn meaning(self) -> &'static str {
                match self { Self::Rejected(reason) => reason.meaning(), $(Self::$name => $meaning,)* }
            }

            /// Whether it may pass, or be mended.
            pub fn retryable(self) -> bool {
                match self {
                    Self::Rejected(reason) => reason.retryable(),
                    $(Self::$name => reasons!(@retryable $($retryable)?),)*
                }
            }
        }
    };
    (@retryable retryable) => { true };
    (@retryable) => { false };
}

reasons! {
    NoCandidates "no_candidates" "every source answered, and none proposed a URL",
    #[retryable] PluginFailed "plugin_failed" "a plugin trapped, or was set aside after failing too often",
    #[retryable] Limit "limit" "a plugin ran into a limit of the sandbox",
    #[retryable] Denied "denied" "a request of a plugin was denied: its host is not declared, or not granted",
    Misconfigured "misconfigured" "a source lacks a setting or a key, or its service refuses it",
    BadAnswer "bad_answer" "a source's service answered something that cannot be read",
    MaxAttempts "max_attempts" "no source that was asked proposed a URL, and the attempts were used up",
    #[retryable] TotalTimeout "total_timeout" "the work's total time was over",
    #[retryable] SourceOutage "source_outage" "a source that answered before answers nobody, and was waited for long enough",
    NoMatch "no_match" "it was given by its title, and no record is the work",
    AmbiguousTitle "ambiguous_title" "it was given by its title, and several records may be the work",
    TitleSearchOff "title_search_off" "it was given by its title, and nobody was asked",
    #[retryable] InternalError "internal_error" "a bug in Tierfall ended this work",
    #[retryable] WorkerLost "worker_lost" "the workers that had the work disappeared too often",
    #[retryable] SetAside "set_aside" "the ledger's row of it cannot be read, or belongs to another work",
    #[retryable] Unknown "unknown" "it failed before, and the reason that was kept is not known to this program",
}

/// A text that is no [`EndReason`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reason that a work can end with")]
pub struct UnknownReason(String);

impl FromStr for EndReason {
    type Err = UnknownReason;

    fn from_str(code: &str) -> Result<Self, UnknownReason> {
        let own = Self::OWN.iter().copied().find(|reason| reason.code() == code);
        own.or_else(|| Reason::of_code(code).map(Self::Rejected))
            .ok_or_else(|| UnknownReason(code.to_owned()))
    }
}

impl Serialize for EndReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for EndReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_one_of_its_own_and_is_read_back() {
        let all = || EndReason::OWN.iter().copied().chain(Reason::all().map(EndReason::Rejected));
        let codes: HashSet<&str> = all().map(EndReason::code).collect();
        assert_eq!(codes.len(), all().count());
        for reason in all() {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.code());
            assert_eq!(serde_json::from_value::<EndReason>(json).unwrap(), reason);
            assert!(!reason.meaning().is_empty() && !reason.meaning().contains('\n'));
        }
        assert_eq!("".parse::<EndReason>(), Err(UnknownReason(String::new())));
    }
}
