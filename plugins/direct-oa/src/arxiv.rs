//! arXiv: the PDF's address follows from the id (<https://info.arxiv.org/help/arxiv_identifier.html>);
//! the API (<https://info.arxiv.org/help/api/>) is asked only for what is not known of the work.

use roxmltree::{Document, Node};
use tierfall_sdk::*;

/// The API answers one request in three seconds; with less time left it is not asked.
const LEAST_MS: u32 = 4000;

pub fn source() -> Source {
    Source::new("arxiv", "the PDF of an arXiv id", &[IdKind::Arxiv])
        .api("https://export.arxiv.org")
        .setting(Setting::new("pdf_base", "where the papers are").default("https://arxiv.org"))
}

pub fn find(host: &dyn Host, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
    let id = work.arxiv().ok_or(SourceError::NotApplicable)?;
    let site = ctx.required("pdf_base")?.trim_end_matches('/');
    let id = without_class(id);
    let landing = format!("{site}/abs/{id}");
    let mut finding = Finding::none();
    finding.add(
        Candidate::new(format!("{site}/pdf/{id}"), Basis::Registry, "the arXiv id")
            .version(Version::Submitted)
            .landing_page(Some(landing.clone())),
    );
    if work.title.is_none() && ctx.budget.time_ms >= LEAST_MS && ctx.budget.fetches > 0 {
        match metadata(host, &id, ctx) {
            Ok(facts) => finding.facts = facts,
            // The PDF is there all the same.
            Err(error) => host.log(Level::Info, &format!("no metadata from arXiv: {error:?}")),
        }
    }
    finding.facts.add_landing_url(Some(landing));
    Ok(finding)
}

/// Old ids are one with and without the class of their subject: `math.GT/0309136`, `math/0309136`.
fn without_class(id: &str) -> String {
    match id.split_once('/') {
        Some((archive, number)) => {
            format!("{}/{number}", archive.split('.').next().unwrap_or(archive))
        }
        None => id.to_owned(),
    }
}

fn metadata(host: &dyn Host, id: &str, ctx: &Context) -> Result<Facts, SourceError> {
    let base = format!("{}/api/query", ctx.api_base()?);
    let url = url::with_query(&base, &[("id_list", Some(id)), ("max_results", Some("1"))]);
    let response = host.fetch(&Request::get(url))?.success()?;
    read(response.text())
}

/// Reads the first entry of an Atom feed. An id that arXiv does not know comes as an entry too, with
/// the title `Error`.
fn read(feed: &str) -> Result<Facts, SourceError> {
    let bad = |error: roxmltree::Error| SourceError::BadAnswer(format!("arXiv answered no XML: {error}"));
    let document = Document::parse(feed).map_err(bad)?;
    let mut facts = Facts::none();
    let Some(entry) = document.descendants().find(|n| n.has_tag_name((ATOM, "entry"))) else {
        return Ok(facts);
    };
    let title = text(&entry, (ATOM, "title")).and_then(|title| wording::title(&title));
    if title.as_deref() == Some("Error") {
        return Ok(facts);
    }
    facts.title = title;
    facts.year = text(&entry, (ATOM, "published")).and_then(|date| wording::year(&date));
    facts.authors = entry
        .children()
        .filter(|n| n.has_tag_name((ATOM, "author")))
        .filter_map(|author| text(&author, (ATOM, "name")))
        .collect();
    facts.add_id(text(&entry, (ARXIV, "doi")).and_then(|doi| WorkId::read_doi(&doi)));
    Ok(facts)
}

const ATOM: &str = "http://www.w3.org/2005/Atom";
const ARXIV: &str = "http://arxiv.org/schemas/atom";

fn text(node: &Node<'_, '_>, name: (&str, &str)) -> Option<String> {
    let child = node.children().find(|n| n.has_tag_name(name))?;
    Some(child.text()?.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tierfall_sdk::testing::{Recorded, context_of, work};

    const URL: &str = "https://export.arxiv.org/api/query?id_list=2101.00001v2&max_results=1";
    const FEED: &str = r#"<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>ArXiv Query</title>
        <entry><id>http://arxiv.org/abs/2101.00001v2</id><published>2021-01-04T00:00:00Z</published>
        <title>On Mars &amp;
          Venus</title><author><name>Ada Roe</name></author><author><name>Cy Doe</name></author>
        <arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.1000/A</arxiv:doi></entry></feed>"#;

    fn find_with(host: &Recorded, work: &Work) -> Finding {
        find(host, work, &context_of(&source())).unwrap()
    }

    fn one() -> Work {
        work(WorkId::Arxiv("2101.00001v2".into()))
    }

    #[test]
    fn the_pdf_of_a_known_work_needs_no_request() {
        let host = Recorded::new();
        let known = Work { title: Some("T".into()), ..one() };
        let finding = find_with(&host, &known);
        assert_eq!(finding.candidates[0].url, "https://arxiv.org/pdf/2101.00001v2");
        assert_eq!(finding.candidates[0].version, Version::Submitted);
        assert_eq!(finding.facts.landing_urls, ["https://arxiv.org/abs/2101.00001v2"]);
        assert!(host.urls().is_empty());
        let old = Work { title: Some("T".into()), ..work(WorkId::Arxiv("math.gt/0309136".into())) };
        assert_eq!(find_with(&host, &old).candidates[0].url, "https://arxiv.org/pdf/math/0309136");
    }

    #[test]
    fn a_work_without_a_title_gets_its_facts_from_the_feed() {
        let facts = find_with(&Recorded::new().answer(URL, 200, "application/atom+xml", FEED), &one()).facts;
        assert_eq!(facts.title.as_deref(), Some("On Mars & Venus"));
        assert_eq!(facts.authors, ["Ada Roe", "Cy Doe"]);
        assert_eq!(facts.year, Some(2021));
        assert_eq!(facts.ids, [WorkId::Doi("10.1000/a".into())]);
    }

    #[test]
    fn the_pdf_is_proposed_whatever_becomes_of_the_metadata() {
        let error = r#"<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Error</title><summary>x</summary></entry></feed>"#;
        for host in [
            Recorded::new().status(URL, 503),
            Recorded::new().error(URL, FetchError::Timeout),
            Recorded::new().answer(URL, 200, "text/html", "<p>not <b>xml"),
            Recorded::new().answer(URL, 200, "application/atom+xml", "<feed/>"),
            Recorded::new().answer(URL, 200, "application/atom+xml", error),
        ] {
            let finding = find_with(&host, &one());
            assert_eq!(finding.candidates.len(), 1);
            assert_eq!(finding.facts.title, None);
        }
        let hurried = Context { budget: Budget { time_ms: 1000, fetches: 9 }, ..context_of(&source()) };
        assert_eq!(find(&Recorded::new(), &one(), &hurried).unwrap().candidates.len(), 1);
    }

    #[test]
    fn a_work_without_an_arxiv_id_is_not_for_this_source() {
        let found = find(&Recorded::new(), &work(WorkId::Pmid("1".into())), &context_of(&source()));
        assert_eq!(found, Err(SourceError::NotApplicable));
    }
}
