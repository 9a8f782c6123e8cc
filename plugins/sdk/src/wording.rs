//! Titles, dates and names as registries write them.

/// A title as plain text: without markup and entities, its spaces made single. None if nothing is left.
pub fn title(text: &str) -> Option<String> {
    let mut plain = tierfall_ids::text::without_tags(text);
    // Mark-up that was escaped once or twice is uncovered by that.
    for _ in 0..2 {
        if !holds_markup(&plain) {
            break;
        }
        plain = tierfall_ids::text::without_tags(&plain);
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!plain.is_empty()).then_some(plain)
}

/// Whether a text holds the end of an element that registries mark titles up with, however it is escaped.
fn holds_markup(text: &str) -> bool {
    if !text.contains(['<', '&']) {
        return false;
    }
    const NAMES: [&str; 14] =
        ["i", "b", "em", "strong", "sub", "sup", "u", "sc", "scp", "small", "span", "p", "italic", "bold"];
    let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    text.split("</").skip(1).any(|rest| {
        let name = rest.split('>').next().unwrap_or_default();
        NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
            || name.contains("math:")
            || name.starts_with("mml:")
    })
}

/// The year in `2019`, `2019-05-01T00:00:00Z`, `2019/03/12`, `12 March 2019`.
pub fn year(date: &str) -> Option<u16> {
    date.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 4)
        .filter_map(|digits| digits.parse().ok())
        // From before the first journals to the next century: what is outside is a misprint.
        .find(|year| (1400..2200).contains(year))
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
            ("&amp;lt;", "&lt;"),
            ("é<é>", "é<é>"),
            (
                "Growth of &lt;i&gt;E. coli&lt;/i&gt; in H&lt;sub&gt;2&lt;/sub&gt;O",
                "Growth of E. coli in H2O",
            ),
            ("&amp;lt;i&amp;gt;E. coli&amp;lt;/i&amp;gt; grows", "E. coli grows"),
            ("The tag &lt;a href&gt; in HTML", "The tag <a href> in HTML"),
        ] {
            assert_eq!(title(text).as_deref(), Some(plain), "{text}");
        }
        assert_eq!(title(" <p> </p> "), None);
    }

    #[test]
    fn a_year_is_found_in_every_form_of_date() {
        for date in ["2019", "2019-05-01T00:00:00Z", "2019/03/12", "12 March 2019", "(2019)"] {
            assert_eq!(year(date), Some(2019), "{date}");
        }
        for date in ["", "19", "20190", "n.d.", "0000-01-01"] {
            assert_eq!(year(date), None, "{date}");
        }
    }
}
