//! Authors and dates as repositories write them.

pub use tierfall_sdk::wording::title;

/// The family name of `Family, Given`; a name in any other order unchanged, because it does
/// not show where the family name begins.
pub fn author(name: &str) -> Option<String> {
    let name = name.split(',').next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The year that a date begins with: `2019`, `2019-05-01`, `2019-05-01T00:00:00Z`.
pub fn year(date: &str) -> Option<u16> {
    let digits = date.trim().get(..4)?;
    let next = date.trim().as_bytes().get(4);
    if next.is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    // A year before printing, or in the far future, is a misprint.
    digits.parse().ok().filter(|year| (1400..=2200).contains(year))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_lose_their_markup_and_nothing_else() {
        for (text, plain) in [
            ("The <i>lac</i> operon", "The lac operon"),
            ("If a < b &amp; b > c", "If a < b & b > c"),
            ("H<sub>2</sub>O\n in  ice", "H2O in ice"),
            ("a <unclosed", "a <unclosed"),
            ("é<é>", "é<é>"),
        ] {
            assert_eq!(title(text).as_deref(), Some(plain), "{text}");
        }
        assert_eq!(title(" <p> </p> "), None);
    }

    #[test]
    fn family_names_are_taken_where_a_comma_shows_them() {
        assert_eq!(author("Okafor, Ngozi A.").as_deref(), Some("Okafor"));
        assert_eq!(author("Ngozi Okafor").as_deref(), Some("Ngozi Okafor"));
        assert_eq!(author(" , "), None);
    }

    #[test]
    fn a_year_is_read_from_the_front_of_a_date() {
        for (date, expected) in [
            ("2019", Some(2019)),
            ("2019-05-01", Some(2019)),
            (" 1867-01-01T00:00:00", Some(1867)),
            ("20190", None),
            ("0000-01-01", None),
            ("n.d.", None),
            ("", None),
            ("éé", None),
        ] {
            assert_eq!(year(date), expected, "{date}");
        }
    }
}
