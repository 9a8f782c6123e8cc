//! JSON as servers send it: fields go missing, are null, or change their type.

use serde_json::Value;

/// Reads a [`Value`] by dotted paths (`message.title.0`), and finds nothing where something else
/// than expected is.
pub trait Lenient {
    /// The value at a path; `null` if there is none. The empty path is the value itself.
    fn at(&self, path: &str) -> &Value;

    /// The text at a path, trimmed; none if it is empty. Numbers are read as text.
    fn text(&self, path: &str) -> Option<String>;

    /// The whole number at a path, also when it is written as text.
    fn number(&self, path: &str) -> Option<u64>;

    /// Whether the value at a path is `true`, or one of the words that stand for it.
    fn yes(&self, path: &str) -> bool;

    /// The items of the array at a path. A single value counts as an array of it, as in JSON
    /// that was made from XML; null and missing as an empty one.
    fn items(&self, path: &str) -> &[Value];

    /// The texts in the array at a path.
    fn texts(&self, path: &str) -> Vec<String> {
        self.items(path).iter().filter_map(|v| v.text("")).collect()
    }
}

impl Lenient for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('.')
            .filter(|step| !step.is_empty())
            .try_fold(self, |value, step| match value {
                Value::Array(items) => step.parse::<usize>().ok().and_then(|i| items.get(i)),
                other => other.get(step),
            })
            .unwrap_or(&Value::Null)
    }

    fn text(&self, path: &str) -> Option<String> {
        match self.at(path) {
            Value::String(text) => Some(text.trim()).filter(|t| !t.is_empty()).map(str::to_owned),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn number(&self, path: &str) -> Option<u64> {
        match self.at(path) {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn yes(&self, path: &str) -> bool {
        match self.at(path) {
            Value::Bool(yes) => *yes,
            Value::String(text) => {
                ["y", "yes", "true", "1"].iter().any(|yes| text.trim().eq_ignore_ascii_case(yes))
            }
            Value::Number(number) => number.as_u64() == Some(1),
            _ => false,
        }
    }

    fn items(&self, path: &str) -> &[Value] {
        match self.at(path) {
            Value::Null => &[],
            Value::Array(items) => items,
            one => std::slice::from_ref(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_through_objects_and_arrays_and_to_null_where_nothing_is() {
        let value = json!({"message": {"title": ["One", "Two"], "n": null}});
        assert_eq!(value.text("message.title.1").as_deref(), Some("Two"));
        for missing in ["message.title.7", "message.n.x", "message.title.x", "x", "message.n"] {
            assert_eq!(value.at(missing), &Value::Null, "{missing}");
        }
    }

    #[test]
    fn wrong_types_read_as_absent_and_numbers_and_texts_as_each_other() {
        let value = json!({"s": " x ", "e": "  ", "n": 2019, "ns": "2019", "l": ["a", 1, null, {}], "o": {}});
        assert_eq!(value.text("s").as_deref(), Some("x"));
        assert_eq!(value.text("e"), None);
        assert_eq!(value.text("o"), None);
        assert_eq!(value.text("l"), None);
        assert_eq!(value.text("n").as_deref(), Some("2019"));
        assert_eq!(value.number("ns"), Some(2019));
        assert_eq!(value.number("s"), None);
        assert_eq!(value.texts("l"), ["a", "1"]);
        assert_eq!(value.texts("s"), ["x"]);
        assert_eq!(value.items("missing"), &[] as &[Value]);
    }

    #[test]
    fn yes_is_understood_in_the_words_that_apis_use() {
        for yes in [json!(true), json!("Y"), json!("true"), json!(1)] {
            assert!(yes.yes(""), "{yes}");
        }
        for no in [json!(false), json!("N"), json!(null), json!(0), json!({}), json!("maybe")] {
            assert!(!no.yes(""), "{no}");
        }
    }
}
