//! The rules of a robots.txt are read whatever it says, and rules for somebody else are not ours.
//!
//! The first line of the data is the path that is asked about; the rest is the file.

use tierfall_http::testing::RobotsRules;
use url::Url;

pub fn promise(data: &[u8]) {
    let (path, file) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &b""[..]),
    };
    let path = String::from_utf8_lossy(path);
    let path = path.trim_end_matches('\r').trim_start_matches('/');
    let Ok(url) = Url::parse(&format!("https://host.example/{path}")) else { return };
    let rules = RobotsRules::read(file);
    let answer = rules.check(&url);
    assert_eq!(rules.check(&url), answer);
    if let Err(rule) = &answer {
        assert!(!rule.is_empty());
    }
    // RFC 9309, 2.2.2: "The /robots.txt URI is implicitly allowed."
    let own = Url::parse("https://host.example/robots.txt").expect("a URL");
    assert!(rules.check(&own).is_ok());
    assert!(RobotsRules::read(b"").check(&url).is_ok(), "no rules forbid nothing");
    // Only at the beginning is it a byte-order mark.
    let bare = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let after_others = [b"User-agent: somebody-else\nDisallow: /\nCrawl-delay: 9\n\n", bare].concat();
    let begins_group = |line: &[u8]| line.trim_ascii_start().to_ascii_lowercase().starts_with(b"user-agent");
    // Rules before the first group belong to nobody, and would now belong to somebody else.
    if bare
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .find(|line| !line.is_empty())
        .is_some_and(begins_group)
    {
        assert_eq!(RobotsRules::read(&after_others).check(&url), answer, "somebody else's rules count");
    }
}
