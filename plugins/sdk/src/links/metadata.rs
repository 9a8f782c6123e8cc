//! What the metadata of a page declares: the PDF's URL, and facts of the work.

use serde_json::Value;

use super::Rules;
use super::rules::Fact;
use crate::html::Element;
use crate::json::Lenient;
use crate::{Facts, Response, WorkId, ids, pages, url, wording};

/// Authors beyond this many do not help to identify a work.
const MOST_AUTHORS: usize = 50;

/// The metadata of a page, in the order of the rules.
pub(super) struct Metadata {
    /// URLs (not yet resolved) that it declares to be the PDF, with the name of the declaration.
    pub pdfs: Vec<(String, String)>,
    /// The same for the article in XML.
    pub xmls: Vec<(String, String)>,
    /// The same for what may be the PDF, if its URL looks like one.
    pub maybe: Vec<(String, String)>,
    pub facts: Facts,
    /// The page's own DOIs.
    pub dois: Vec<String>,
    /// DOIs that it names beside its own.
    pub also: Vec<String>,
    pub license: Option<String>,
    /// It is the page of a journal's article: it names a volume or an issue.
    pub in_volume: bool,
}

/// Reads metas, links and JSON-LD.
pub(super) fn read(elements: &[Element], rules: &Rules) -> Metadata {
    let metas = metas(elements);
    let values = |name: &str| {
        let name = name.to_owned();
        metas.iter().filter(move |(n, _)| *n == name).map(|(_, value)| value.clone())
    };
    let said =
        |fact: Fact| rules.facts.iter().filter(move |(f, _)| *f == fact).flat_map(|(_, name)| values(name));
    let from = |names: &[String]| -> Vec<(String, String)> {
        names.iter().flat_map(|name| values(name).map(move |url| (url, format!("meta {name}")))).collect()
    };

    let mut read = Metadata {
        pdfs: from(&rules.pdf_metas),
        xmls: from(&rules.xml_metas),
        maybe: from(&rules.maybe_metas),
        facts: Facts::none(),
        dois: said(Fact::Doi).filter_map(|d| ids::bare_doi(&d)).collect(),
        also: said(Fact::AlsoDoi).filter_map(|d| ids::bare_doi(&d)).collect(),
        license: said(Fact::License).find(|l| l.contains("creativecommons.org")),
        in_volume: said(Fact::Volume).next().is_some(),
    };
    read.facts.title = said(Fact::Title).find_map(|title| wording::title(&title));
    read.facts.authors = authors(&rules.facts, &values);
    read.facts.year = said(Fact::Date).find_map(|date| wording::year(&date));
    read.facts.pages = said(Fact::FirstPage)
        .zip(said(Fact::LastPage))
        .find_map(|(first, last)| pages::span(&first, &last))
        .or_else(|| said(Fact::Range).find_map(|range| pages::count(&range)));
    for doi in &read.dois {
        read.facts.add_id(WorkId::read_doi(doi));
    }
    read.facts.add_id(said(Fact::Pmid).find_map(|id| WorkId::read_pmid(&id)));
    read.facts.add_id(said(Fact::Pmcid).find_map(|id| WorkId::read_pmcid(&id)));
    read.facts.add_id(said(Fact::Arxiv).find_map(|id| WorkId::read_arxiv(&id)));

    for link in elements.iter().filter(|e| e.name == "link") {
        let rel = link.attribute("rel").unwrap_or_default().to_lowercase();
        let Some(href) = link.attribute("href") else {
            continue;
        };
        let is = |word: &str| rel.split_whitespace().any(|r| r == word);
        let kind = link.attribute("type").unwrap_or_default().to_lowercase();
        let pdf = kind.contains("application/pdf");
        let xml = matches!(kind.trim(), "application/xml" | "text/xml" | "application/jats+xml");
        // `item` is what FAIR Signposting calls a file of the work.
        if pdf && (is("alternate") || is("item")) {
            read.pdfs.push((href.into(), format!("link rel={rel}")));
        }
        if xml && (is("alternate") || is("item")) {
            read.xmls.push((href.into(), format!("link rel={rel}")));
        }
        if is("license") {
            read.license = read.license.take().or_else(|| Some(href.to_owned()));
        }
    }
    for script in elements.iter().filter(|e| e.name == "script") {
        let json = script.attribute("type").is_some_and(|t| t.to_lowercase().contains("ld+json"));
        if json && let Ok(value) = serde_json::from_str::<Value>(script.text.trim()) {
            json_ld(&value, 0, &mut read);
        }
    }
    read
}

/// PDFs that the headers of an answer call files of the page's work, as FAIR Signposting does
/// (<https://signposting.org/FAIR/>): `Link: <…>; rel="item"; type="application/pdf"`.
pub(super) fn linked_files(response: &Response) -> Vec<String> {
    response
        .header("link")
        .unwrap_or_default()
        .split('<')
        .filter_map(|link| {
            let (target, parameters) = link.split_once('>')?;
            let parameters = parameters.to_lowercase().replace(['"', ' '], "");
            let is = |wanted: &str| parameters.split([';', ',']).any(|p| p == wanted);
            (is("rel=item") && is("type=application/pdf")).then(|| url::join(&response.url, target)).flatten()
        })
        .collect()
}

/// Name (lower case) and content of every meta that has both.
fn metas(elements: &[Element]) -> Vec<(String, String)> {
    elements
        .iter()
        .filter(|e| e.name == "meta")
        .filter_map(|e| {
            let name = e.attribute("name").or_else(|| e.attribute("property"))?;
            let content = e.attribute("content").filter(|c| !c.is_empty())?;
            Some((name.to_lowercase(), content.to_owned()))
        })
        .collect()
}

/// The authors by the first metadata name that has any; some pages put all authors into one entry.
fn authors<I: Iterator<Item = String>>(facts: &[(Fact, String)], values: &dyn Fn(&str) -> I) -> Vec<String> {
    facts
        .iter()
        .filter(|(fact, _)| *fact == Fact::Author)
        .map(|(_, name)| {
            values(name)
                .flat_map(|text| text.split(';').map(|a| a.trim().to_owned()).collect::<Vec<_>>())
                .filter(|author| !author.is_empty())
                .take(MOST_AUTHORS)
                .collect::<Vec<_>>()
        })
        .find(|authors| !authors.is_empty())
        .unwrap_or_default()
}

/// Files that schema.org's JSON-LD says the page's article is encoded in. What the article cites,
/// is part of, or relates to is left alone.
fn json_ld(value: &Value, depth: usize, read: &mut Metadata) {
    if depth > 4 {
        return;
    }
    if let Value::Array(items) = value {
        for item in items {
            json_ld(item, depth + 1, read);
        }
        return;
    }
    for key in ["@graph", "mainEntity", "mainEntityOfPage"] {
        json_ld(value.at_key(key), depth + 1, read);
    }
    for key in ["encoding", "associatedMedia", "distribution"] {
        for media in items(value.at_key(key)) {
            let Some(url) = media.at_key("contentUrl").text("") else {
                continue;
            };
            let format = ["encodingFormat", "fileFormat"]
                .iter()
                .find_map(|k| media.at_key(k).text(""))
                .unwrap_or_default()
                .to_lowercase();
            let place = format!("JSON-LD {key}.contentUrl");
            match format.contains("pdf") {
                true => read.pdfs.push((url, place)),
                false if format.is_empty() => read.maybe.push((url, place)),
                false => {}
            }
        }
    }
    if read.license.is_none() {
        read.license = value.at_key("license").text("").filter(|l| l.contains("creativecommons.org"));
    }
}

/// Keys such as `@graph` hold no dots, but a path of them would be split at dots.
trait AtKey {
    fn at_key(&self, key: &str) -> &Value;
}

impl AtKey for Value {
    fn at_key(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

fn items(value: &Value) -> &[Value] {
    value.items("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(html: &str) -> Metadata {
        let page = crate::html::read(html, &|_, _| true);
        read(&page.elements, &Rules::built_in())
    }

    #[test]
    fn facts_are_read_from_highwire_metadata() {
        let read = metadata(
            "<meta name=citation_title content='A Title'><meta name=citation_author content='Ada B'>\
             <meta name=citation_author content='Cy D'><meta name=citation_publication_date content='2019/03/12'>\
             <meta name=citation_firstpage content=21><meta name=citation_lastpage content=28>\
             <meta name=citation_doi content='doi:10.1000/ABC'><meta name=citation_pmid content=123>\
             <meta name=citation_volume content=3>",
        );
        assert_eq!(read.facts.title.as_deref(), Some("A Title"));
        assert_eq!(read.facts.authors, ["Ada B", "Cy D"]);
        assert_eq!(read.facts.year, Some(2019));
        assert_eq!(read.facts.pages, Some(8));
        assert_eq!(read.facts.ids, [WorkId::Doi("10.1000/abc".into()), WorkId::Pmid("123".into())]);
        assert!(read.in_volume);
    }

    #[test]
    fn authors_in_one_meta_are_told_apart_and_other_vocabularies_understood() {
        let read = metadata(
            "<meta name=eprints.creators_name content='Doe, Ada; Roe, Cy'><meta name=DC.Date content='May 1998'>\
             <meta name=DC.Title content=T><meta name=eprints.pagerange content='1-4'>",
        );
        assert_eq!(read.facts.authors, ["Doe, Ada", "Roe, Cy"]);
        assert_eq!(read.facts.year, Some(1998));
        assert_eq!(read.facts.pages, Some(4));
    }

    #[test]
    fn json_ld_names_the_files_of_the_article_but_not_of_what_it_cites() {
        let read = metadata(
            r#"<script type="application/ld+json">{"@graph":[{"@type":"ScholarlyArticle",
            "encoding":{"@type":"MediaObject","encodingFormat":"application/pdf","contentUrl":"/a.pdf"},
            "citation":[{"encoding":{"encodingFormat":"application/pdf","contentUrl":"/other.pdf"}}],
            "associatedMedia":[{"contentUrl":"/b"},{"encodingFormat":"text/xml","contentUrl":"/c.xml"},null,7],
            "license":"https://creativecommons.org/licenses/by/4.0/"}]}</script>
            <script type="application/ld+json">{broken</script>"#,
        );
        assert_eq!(read.pdfs, [("/a.pdf".to_owned(), "JSON-LD encoding.contentUrl".to_owned())]);
        assert_eq!(read.maybe.len(), 1);
        assert_eq!(read.license.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
    }
}
