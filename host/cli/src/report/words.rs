//! Why a work is missing, in words, and what can be done about it.

use tierfall::tiers::EndReason;

/// What a reason means.
pub fn why(code: &str) -> String {
    match code.parse::<EndReason>() {
        Ok(reason) => reason.meaning().to_owned(),
        Err(_) => code.replace('_', " "),
    }
}

/// What to do next about a work that is missing for this reason; `retry`: another run may find it.
pub fn next(code: &str, retry: bool) -> &'static str {
    match code {
        "no_candidates" | "soft_404" | "max_attempts" => {
            "No open copy is known: ask the library, or write to the authors."
        }
        "login_wall" => "Its publisher asks for a login: use the library's access.",
        "bot_check" | "html_instead" | "robots" | "tdm_reserved" => {
            "Its site lets no program fetch it: open it in a browser."
        }
        "policy_version" | "policy_license" => {
            "A copy is there, which the policy refuses: change the policy, or take it."
        }
        "wrong_work" | "unproven" | "notice" | "supplement" | "preview" | "abstract_only" | "placeholder"
        | "damaged" | "encrypted" | "not_pdf" | "too_large" | "other_digest" => {
            "A file was found and not taken: look at it yourself."
        }
        "denied" | "plugin_failed" | "limit" => {
            "A plugin failed: `tierfall explain` shows how; once it is mended, run again."
        }
        "misconfigured" => {
            "Give the setting or key that is missing (`tierfall explain` names it), and run again."
        }
        "certificate" => {
            "The server's certificate is not valid: open it in a browser, and see whether it is safe."
        }
        "storage" => "The file could not be written: look at the disk, and run again.",
        "worker_lost" | "set_aside" | "internal_error" | "unknown" => {
            "`tierfall ledger show` and `tierfall explain` say more; run again."
        }
        "no_match" | "ambiguous_title" | "title_search_off" => {
            "It has no identifier: find its DOI, and put it into the bibliography."
        }
        _ if retry => "It may pass: run again later.",
        _ => "Ask the library, or open it in a browser.",
    }
}

#[cfg(test)]
mod tests {
    use tierfall::acquire::Reason;

    use super::*;

    #[test]
    fn every_reason_has_words_and_a_next_step() {
        let codes = EndReason::OWN.iter().copied().chain(Reason::all().map(EndReason::Rejected));
        for reason in codes {
            assert!(!why(reason.code()).contains('_'), "{}", why(reason.code()));
            assert!(next(reason.code(), reason.retryable()).ends_with('.'), "{}", reason.code());
        }
        assert_eq!(why("of_a_later_version"), "of a later version");
    }
}
