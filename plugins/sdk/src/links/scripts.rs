//! Addresses in the data that a page carries in its scripts.

use serde_json::Value;

use super::Rules;
use super::shape::looks_like_url;
use crate::json::Lenient;
use crate::url;

/// The addresses that a script's data states, whole or in parts, each with the key that it stands under.
pub(super) fn addresses(script: &str, rules: &Rules) -> Vec<(String, String)> {
    let whole = rules.scripts.iter().filter_map(|key| {
        let text = value_of(script, key, |value| value.as_str().map(str::to_owned))?;
        looks_like_url(&text).then_some((text, key.clone()))
    });
    let parts = rules.script_parts.iter().filter_map(|(key, template)| {
        let url = value_of(script, key, |value| filled(template, value))?;
        Some((url, key.clone()))
    });
    whole.chain(parts).collect()
}

/// What `read` makes of the first value under a key, `"key": …`, that it can read.
fn value_of<T>(script: &str, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    // Values are read anew for each place of the key: a page that repeats it endlessly is not read so.
    const PLACES: usize = 20;
    let quoted = format!("\"{key}\"");
    script.match_indices(&quoted).take(PLACES).find_map(|(at, _)| {
        let rest = script.get(at + quoted.len()..)?.trim_start();
        let rest = rest.strip_prefix(':')?.trim_start();
        let value = serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()?;
        read(&value)
    })
}

/// A template with the texts at its paths, `{queryParams.md5}`; none if one is missing. Behind the `?`
/// they are encoded.
fn filled(template: &str, value: &Value) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}')?;
        out.push_str(before);
        let text = value.text(path)?;
        match out.contains('?') {
            true => out.push_str(&url::encode(&text)),
            false => out.push_str(text.trim_matches('/')),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_put_together_from_its_parts_or_not_at_all() {
        let rules = Rules::parse("script-parts link => /{path}/{id}?d={query.d}").unwrap();
        let found =
            |script: &str| addresses(script, &rules).into_iter().map(|(url, _)| url).collect::<Vec<_>>();
        let whole = r#"x = {"a":{"link":{"path":"art/x/","id":7,"query":{"d":"1&2"}}}};"#;
        assert_eq!(found(whole), ["/art/x/7?d=1%262"]);
        for script in
            [r#"{"link":{"path":"art","id":7}}"#, r#"{"link":"x"}"#, r#"{"link":{"path""#, "\"link\"", ""]
        {
            assert!(found(script).is_empty(), "{script}");
        }
    }
}
