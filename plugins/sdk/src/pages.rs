//! How many pages a range such as `123-130` names.

/// Longer than any article: what names more is a misprint or two article numbers.
const LONGEST: u32 = 3000;

/// The pages in a range as registries write it: `123-130`, `123–30` (the end abbreviated),
/// `S12-S19`, `1-4, 9-10`. None for one number alone, which is as often an article number.
pub fn count(range: &str) -> Option<u32> {
    let mut total = 0;
    for part in range.split([',', ';']) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (first, last) =
            part.split_once(['-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '\u{2212}'])?;
        // Some write two hyphens.
        total += between(first, last.trim_start_matches(['-', '\u{2013}']))?;
    }
    (1..=LONGEST).contains(&total).then_some(total)
}

/// The pages from `first` to `last`, both included. The same page twice is none: registries repeat
/// an article number so.
pub fn span(first: &str, last: &str) -> Option<u32> {
    if first.trim() == last.trim() {
        return None;
    }
    between(first, last).filter(|n| *n <= LONGEST)
}

fn between(first: &str, last: &str) -> Option<u32> {
    let (prefix, first) = split_number(first)?;
    let (other, last) = split_number(last)?;
    // `S12-19` is the same range as `S12-S19`, but `A12-B19` is none.
    if !other.is_empty() && !other.eq_ignore_ascii_case(&prefix) {
        return None;
    }
    let start: u32 = first.parse().ok()?;
    let kept = first.len().saturating_sub(last.len());
    let end: u32 = match last.parse().ok()? {
        end if end >= start => end,
        // `1123-30`: what is left out is as in the first number.
        _ => format!("{}{last}", first.get(..kept)?).parse().ok()?,
    };
    end.checked_sub(start)?.checked_add(1)
}

/// `S12` and `12S` are `("S", "12")`; none if there is more than a number with a few letters.
fn split_number(page: &str) -> Option<(String, &str)> {
    let page = page.trim();
    let number = page.trim_matches(char::is_alphabetic);
    let letters: String = page.chars().filter(|c| c.is_alphabetic()).collect();
    let fits = (1..=9).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
        && letters.chars().count() <= 3;
    fits.then_some((letters, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_as_registries_write_them() {
        for (range, pages) in [
            ("123-130", 8),
            ("123\u{2013}130", 8),
            ("123--130", 8),
            (" 5 - 5 ", 1),
            ("1123-30", 8),
            ("S12-S19", 8),
            ("S12-19", 8),
            ("80S-81S", 2),
            ("e1-e10", 10),
            ("1-4, 9-10", 6),
            ("1-4,", 4),
        ] {
            assert_eq!(count(range), Some(pages), "{range}");
        }
    }

    #[test]
    fn what_is_no_range_gives_no_count() {
        for text in [
            "",
            "e0000308",
            "123",
            "iv-x",
            "A1-B4",
            "130-123x",
            "n/a",
            "1-999999999999",
            "1-90000",
            "-",
            "9-8",
            "10.1000/a-b",
            "1-4, 200",
        ] {
            assert_eq!(count(text), None, "{text}");
        }
    }

    #[test]
    fn an_article_number_given_as_first_and_last_page_is_not_one_page() {
        assert_eq!(span("e308", "e308"), None);
        assert_eq!(span("21", "28"), Some(8));
    }
}
