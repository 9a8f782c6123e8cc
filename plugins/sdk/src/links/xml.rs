//! Articles in XML (JATS) that a page offers beside its PDF.

use super::Rules;
use super::metadata::Metadata;
use super::words::words;
use crate::html::Element;
use crate::{Basis, Candidate, Format, url};

/// Proposed from one page: what it declares, and a link or two.
const MOST: usize = 2;

/// The files, best first, resolved and without repeats.
pub(super) fn read(
    elements: &[Element],
    metadata: &Metadata,
    rules: &Rules,
    base: &str,
    page_url: &str,
) -> Vec<Candidate> {
    let declared = metadata.xmls.iter().map(|(url, place)| (url.as_str(), Basis::Metadata, place.clone()));
    let links = elements.iter().filter(|e| e.name == "a" && !e.inside("nav") && !e.inside("footer"));
    let links = links.filter_map(|anchor| {
        let label = anchor.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = [Some(label.as_str()), anchor.attribute("title"), anchor.attribute("aria-label")];
        let is_one = named.into_iter().flatten().any(|name| rules.is_xml_label(&words(name)));
        let href = anchor.attribute("href").filter(|_| is_one)?;
        Some((href, Basis::Link, format!("the link \u{201c}{label}\u{201d}")))
    });
    let mut found: Vec<Candidate> = Vec::new();
    for (reference, basis, evidence) in declared.chain(links) {
        let Some(url) = url::join(base, reference).filter(|url| url != page_url && !is_a_feed(url)) else {
            continue;
        };
        if found.len() < MOST && found.iter().all(|other| other.url != url) {
            let candidate = Candidate::new(url, basis, evidence).license(metadata.license.clone());
            found.push(candidate.landing_page(Some(page_url.to_owned())).format(Format::Jats));
        }
    }
    found
}

/// Lists of new articles, and records of catalogues, are XML as well.
fn is_a_feed(url: &str) -> bool {
    let text = words(&url::decode(url));
    [" rss ", " feed ", " feeds ", " atom ", " oai ", " sitemap ", " marc ", " endnote "]
        .iter()
        .any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use crate::links::read;
    use crate::testing::work;
    use crate::{Basis, Format, WorkId};

    fn xml(html: &str) -> Vec<(Basis, String)> {
        let page = read("https://j.invalid/article/7", html, &work(WorkId::Doi("10.1000/abc".into())));
        assert!(page.candidates.iter().all(|c| c.format != Format::Jats), "{html}");
        assert!(page.xml.iter().all(|c| c.format == Format::Jats), "{html}");
        page.xml.into_iter().map(|c| (c.basis, c.url.replace("https://j.invalid", ""))).collect()
    }

    #[test]
    fn xml_is_taken_where_it_is_declared_and_where_a_link_says_so() {
        for (html, basis, url) in [
            ("<meta name=citation_xml_url content=/7.xml>", Basis::Metadata, "/7.xml"),
            ("<link rel=alternate type='application/xml' href=/7/xml>", Basis::Metadata, "/7/xml"),
            ("<link rel=item type='application/jats+xml' href=/7.jats>", Basis::Metadata, "/7.jats"),
            ("<a href='/file?id=7&type=manuscript'>XML</a>", Basis::Link, "/file?id=7&type=manuscript"),
            ("<a href=/7.nxml title='Download XML'><i></i></a>", Basis::Link, "/7.nxml"),
            ("<a href=/7/jats>Full-text XML</a>", Basis::Link, "/7/jats"),
        ] {
            let html = format!("<meta name=citation_doi content=10.1000/abc>{html}");
            assert_eq!(xml(&html), [(basis, url.to_owned())], "{html}");
        }
    }

    #[test]
    fn feeds_records_and_other_works_are_not_taken() {
        for html in [
            "<link rel=alternate type='application/rss+xml' href=/rss>",
            "<link rel=alternate type='application/xml' href=/feed/7>",
            "<a href=/oai?verb=GetRecord>XML</a>",
            "<a href=/7.xml>EndNote XML</a>",
            "<nav><a href=/sitemap.xml>XML</a></nav>",
            "<meta name=citation_doi content=10.1000/other><meta name=citation_xml_url content=/8.xml>",
        ] {
            assert!(xml(html).is_empty(), "{html}");
        }
    }
}
