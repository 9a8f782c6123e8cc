//! Passwords in values that are shown: in `config show`, and in what is said about a value that is wrong.

use url::form_urlencoded;

/// What stands for a secret.
pub(super) const MASK: &str = "********";

/// Parts of the names that secrets have.
const TELLING: [&str; 6] = ["key", "token", "secret", "password", "passwd", "credential"];

/// What a setting of this name holds is likely to be a secret.
pub(super) fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

/// The text without the passwords in it, wherever a URL or a connection string of libpq may have one. A text that is
/// neither, or is not quite one, loses rather too much than too little.
pub(super) fn masked(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let rest = without_credentials(rest);
            let (place, options) = rest.split_once('?').unwrap_or((&rest, ""));
            let question = if options.is_empty() { "" } else { "?" };
            format!("{scheme}://{place}{question}{}", without_options(options))
        }
        None => without_keywords(text),
    }
}

/// `me:password@host…`. A password that should have been encoded may hold any of `/`, `?`, `#` and `@`.
fn without_credentials(rest: &str) -> String {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some(colon) = authority.find(':') else { return rest.to_owned() };
    let is_port = authority.rsplit(':').next().is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let end = match (authority.rfind('@'), rest.rfind('@')) {
        (None, Some(_)) if is_port => None,
        (_, any) => any,
    };
    match end.filter(|end| *end > colon) {
        Some(end) => {
            let user = rest.get(..colon).unwrap_or_default();
            format!("{user}:{MASK}{}", rest.get(end..).unwrap_or_default())
        }
        None => rest.to_owned(),
    }
}

fn without_options(options: &str) -> String {
    let masked = options.split('&').map(|option| {
        let is_secret = form_urlencoded::parse(option.as_bytes()).any(|(name, _)| is_telling(&name));
        match option.split_once('=') {
            Some((name, _)) if is_secret => format!("{name}={MASK}"),
            _ => option.to_owned(),
        }
    });
    masked.collect::<Vec<_>>().join("&")
}

/// `host=… password=…`: all that is behind the word, because a quoted password may hold anything.
fn without_keywords(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let is_set = |(at, word): (usize, &str)| {
        let after = lower.get(at + word.len()..)?.trim_start();
        after.starts_with('=').then(|| text.get(..at + word.len())).flatten()
    };
    match lower.match_indices("password").find_map(is_set) {
        Some(before) => format!("{before}={MASK}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_password_gets_through() {
        for (text, shown) in [
            ("postgres://me:hidden@h:5432/x", "postgres://me:********@h:5432/x"),
            ("postgres://me:hid@den@h/x", "postgres://me:********@h/x"),
            ("postgres://me:hid/den@h/x", "postgres://me:********@h/x"),
            ("postgres://me:hid?den@h/x", "postgres://me:********@h/x"),
            ("postgres://me:hid#den@h/x", "postgres://me:********@h/x"),
            ("postgres://me:hidden@a:1,b:2/x", "postgres://me:********@a:1,b:2/x"),
            ("postgres://a:1,b:2/x?password=hidden", "postgres://a:1,b:2/x?password=********"),
            (
                "postgres://h/x?sslmode=require&%70assword=hidden&a=b",
                "postgres://h/x?sslmode=require&%70assword=********&a=b",
            ),
            ("postgres://h/x?PASSWORD=hidden", "postgres://h/x?PASSWORD=********"),
            ("host=h password=hidden dbname=x", "host=h password=********"),
            ("host=h password = 'hid den'", "host=h password=********"),
            ("http://me:hidden@proxy.example.org:3128", "http://me:********@proxy.example.org:3128"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn what_holds_no_password_stays_as_it_is() {
        for text in [
            "papers/ledger.sqlite",
            "postgres://me@db.example.org:5432/tierfall?sslmode=verify-full",
            "https://api.example.org:8443/works?mailto=me@example.org",
            "https://[2001:db8::1]:8443/x@y",
            "Ünïcode password",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
