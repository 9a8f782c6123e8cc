//! Comparing labels, titles and names by their words.

/// The words of a text in lower case, each with a space before and after it. Punctuation separates words,
/// as do the capitals in `relatedArticles` and the borders between Latin and Chinese or Japanese.
pub(super) fn words(text: &str) -> String {
    let mut out = String::from(" ");
    let mut before = ' ';
    for c in text.chars() {
        if c.is_alphanumeric() {
            let hump = before.is_lowercase() && c.is_uppercase();
            let border = before.is_alphanumeric() && is_cjk(before) != is_cjk(c);
            if (hump || border) && !out.ends_with(' ') {
                out.push(' ');
            }
            out.extend(c.to_lowercase());
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
        before = c;
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// Whether [`words`] hold a phrase. A phrase has the same form, and may end in `*`; one in Chinese or
/// Japanese, which put nothing between words, may stand anywhere.
pub(super) fn holds(words: &str, phrase: &str) -> bool {
    if phrase.chars().any(is_cjk) {
        return words.contains(phrase.trim());
    }
    match phrase.strip_suffix('*') {
        Some(start) => words.contains(start),
        None => words.contains(phrase),
    }
}

/// From the radicals on: scripts without spaces, and Korean, which does no harm here.
fn is_cjk(c: char) -> bool {
    c >= '\u{2E80}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_marks_humps_and_scripts() {
        assert_eq!(words("Full-text (PDF, 1 MB)"), " full text pdf 1 mb ");
        assert_eq!(words("relatedArticles_box"), " related articles box ");
        assert_eq!(words("全文PDF下载"), " 全文 pdf 下载 ");
        assert_eq!(words("Texte intégral"), " texte intégral ");
        assert_eq!(words(""), " ");
    }

    #[test]
    fn phrases_are_held_as_whole_words_unless_a_star_ends_them() {
        assert!(holds(&words("Download cover page"), " cover "));
        assert!(!holds(&words("recovery"), " cover "));
        assert!(holds(&words("Supplementary file"), " supplement*"));
        assert!(holds(&words("下载全文吧"), " 全文 "));
    }
}
