//! Whether a page is about a scholarly work at all. News sites, shops and blogs link PDFs too, and none of
//! them is the work.

use serde_json::Value;

use super::Rules;
use super::words::words;
use crate::html::{Element, Page};
use crate::url;

/// As much of a page's text as is searched for the work's title.
const MOST_TEXT: usize = 300_000;
/// A page with less text says too little to be anything else.
const LITTLE_TEXT: usize = 2_000;

/// Whether a page shows that it is something else than a page about a work: it has what pages of the general
/// web have, and nothing that a page about a work has. A page that shows neither is given the benefit of the
/// doubt: the pages of small journals say nothing about themselves.
pub(super) fn is_of_the_general_web(page: &Page, rules: &Rules, doi: Option<&str>, title: &str) -> bool {
    let general = page.text.len() > LITTLE_TEXT || page.elements.iter().any(|e| is_general(e, rules));
    general && !is_scholarly(page, rules, doi, title)
}

fn is_scholarly(page: &Page, rules: &Rules, doi: Option<&str>, title: &str) -> bool {
    let by_metadata = page.elements.iter().any(|element| match element.name.as_str() {
        "meta" => {
            let name = name_of(element);
            rules.scholarly.iter().any(|start| name.starts_with(start.as_str()))
        }
        "script" => types(element).iter().any(|kind| rules.scholarly_types.contains(kind)),
        _ => false,
    });
    by_metadata || names_a_doi(page, doi) || holds_title(page, title)
}

/// The work's title in the page's text, or most of its words in what the page calls itself: symbols and
/// formulas are written in many ways.
fn holds_title(page: &Page, title: &str) -> bool {
    // Fewer words are found anywhere.
    if title.split_whitespace().count() < 3 {
        return false;
    }
    let text = page.text.get(..page.text.floor_char_boundary(MOST_TEXT)).unwrap_or_default();
    let names = page.elements.iter().filter(|e| matches!(e.name.as_str(), "title" | "h1"));
    let names: String = names.map(|element| words(&element.text)).collect();
    let long: Vec<&str> = title.split_whitespace().filter(|word| word.chars().count() > 3).collect();
    let there = long.iter().filter(|word| names.contains(&format!(" {word} "))).count();
    words(text).contains(title) || long.len() >= 3 && there * 4 >= long.len() * 3
}

/// A DOI in the page's text or in one of its links: the work's, or any.
fn names_a_doi(page: &Page, doi: Option<&str>) -> bool {
    let links = page.elements.iter().filter(|e| e.name == "a").filter_map(|e| e.attribute("href"));
    let in_link = |link: &str| {
        let link = link.to_ascii_lowercase();
        url::host(&link).is_some_and(|host| host == "doi.org" || host == "dx.doi.org")
            || doi.is_some_and(|doi| link.contains(doi))
    };
    let text = page.text.to_ascii_lowercase();
    links.into_iter().any(in_link)
        || doi.is_some_and(|doi| text.contains(doi))
        || text.contains("doi.org/10.")
        || text.contains("doi:10.")
        || text.contains("doi: 10.")
        || text.contains("doi 10.")
}

/// What pages of the general web say of themselves to social networks and search engines.
fn is_general(element: &Element, rules: &Rules) -> bool {
    match element.name.as_str() {
        "meta" => rules.general.iter().any(|name| *name == name_of(element)),
        "script" => !types(element).is_empty(),
        _ => false,
    }
}

fn name_of(element: &Element) -> String {
    let name = element.attribute("name").or_else(|| element.attribute("property"));
    name.unwrap_or_default().to_lowercase()
}

/// The types of what JSON-LD describes, in lower case.
fn types(element: &Element) -> Vec<String> {
    let json = element.attribute("type").is_some_and(|kind| kind.to_lowercase().contains("ld+json"));
    let Some(value) = json.then(|| serde_json::from_str::<Value>(element.text.trim()).ok()).flatten() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    gather(&value, 0, &mut found);
    found
}

fn gather(value: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > 4 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, depth + 1, found)),
        Value::Object(fields) => {
            let own = fields.get("@type").map(|kind| match kind {
                Value::Array(kinds) => {
                    kinds.iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
                }
                other => other.as_str().map(str::to_lowercase).into_iter().collect::<Vec<_>>(),
            });
            found.extend(own.unwrap_or_default());
            for key in ["@graph", "mainEntity", "mainEntityOfPage"] {
                fields.get(key).into_iter().for_each(|inner| gather(inner, depth + 1, found));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn general(html: &str, doi: Option<&str>, title: &str) -> bool {
        let page = crate::html::read(html, &|_, _| true);
        is_of_the_general_web(&page, &Rules::built_in(), doi, &words(title))
    }

    const NEWS: &str =
        "<meta property=og:type content=article><meta name=twitter:card content=x><p>A report.";

    #[test]
    fn pages_of_the_general_web_are_told_by_what_they_say_and_do_not_say() {
        assert!(general(NEWS, Some("10.1000/abc"), "The Cover Crops of Mars"));
        let shop =
            r#"<script type="application/ld+json">{"@graph":[{"@type":["Product","Thing"]}]}</script>"#;
        assert!(general(shop, None, ""));
        assert!(general(&format!("<p>{}", "text ".repeat(1000)), None, ""));
        for (about, html) in [
            ("metadata", "<meta name=citation_title content=T>"),
            ("its type", r#"<script type="application/ld+json">{"@type":"ScholarlyArticle"}</script>"#),
            ("the work's DOI", "<a href=/doi/10.1000/abc>x</a>"),
            ("a DOI", "<p>doi:10.2000/x"),
            ("the title", "<h1>The Cover\n Crops of <i>Mars</i></h1>"),
            ("most of the title", "<title>Cover Crops on Mars | Press</title>"),
        ] {
            let html = format!("{NEWS}{html}");
            assert!(!general(&html, Some("10.1000/abc"), "The Cover Crops of Mars"), "{about}");
        }
    }

    #[test]
    fn a_page_that_says_nothing_about_itself_may_be_anything() {
        for html in ["", "<a href=/1.pdf>PDF</a>", "<title>Journal</title><p>Vol. 3, pp. 1-7"] {
            assert!(!general(html, None, ""), "{html}");
        }
    }
}
