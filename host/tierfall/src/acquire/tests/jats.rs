//! Articles in XML: fetched, proven and stored as PDFs are, beside them.

use super::pdf::Style;
use super::remote::Reply;
use super::*;
use tierfall_work::{Digest, DigestAlgorithm};

fn article(paragraphs: usize) -> String {
    let paper = paper();
    xml::article(&paper.title, &paper.authors, DOI, paragraphs)
}

/// Asks for XML at a URL.
async fn fetch(fixture: &Fixture, url: &str) -> Done {
    let work = work_of(&paper(), DOI);
    acquire_as(ArtifactFormat::Jats, &fixture.acquirer(), work, &candidate(url, Basis::Registry)).await
}

#[tokio::test]
async fn an_article_in_xml_is_stored_beside_the_pdf_under_its_own_ending() {
    let (pdf, xml) = (paper().pdf(Style::Plain), article(60));
    let answers = (pdf.clone(), xml.clone());
    let fixture = Fixture::new(Remote::new(move |request, _| {
        Reply::ok(match request.url.path().ends_with(".xml") {
            true => answers.1.clone().into_bytes(),
            false => answers.0.clone(),
        })
    }));
    let first = fixture.fetch().await.artifact.expect("a PDF");
    let done = fetch(&fixture, "http://repository.example/paper.xml").await;
    assert_eq!(done.verdict, Verdict::Accepted(Identity::Proven), "{}", done.acquisition.detail);
    let artifact = done.artifact.expect("stored");
    let hash = sha256(xml.as_bytes());
    assert_eq!(artifact.path, Path::new("files/sha256").join(&hash[..2]).join(format!("{hash}.xml")));
    assert_eq!(artifact.link, Path::new("works/10.5555_tides.4.xml"));
    assert_eq!((artifact.pages, fixture.read(&artifact.link)), (0, xml.into_bytes()));
    assert_eq!(fixture.read(first.link), pdf, "and the PDF is where it was");
    assert!(fixture.files("partial").is_empty());
    let mut hashes = Store::open(fixture.out.path()).expect("a store").hashes().expect("readable");
    hashes.sort();
    let mut stored = [hash, first.sha256];
    stored.sort();
    assert_eq!(hashes, stored, "the inventory knows both");
}

#[tokio::test]
async fn what_is_no_article_in_xml_is_rejected_by_what_it_is() {
    let xml = article(60);
    for (body, reason) in [
        (paper().pdf(Style::Plain), "not_jats"),
        (b"<?xml version=\"1.0\"?><error>not found</error>".to_vec(), "not_jats"),
        (b"<!DOCTYPE html><html><meta name=\"citation_title\" content=\"X\"><body>".to_vec(), "html_instead"),
        (xml.as_bytes()[..xml.len() / 2].to_vec(), "truncated"),
        (xml.replace("</sec>", "</part>").into_bytes(), "damaged"),
        (article(0).into_bytes(), "abstract_only"),
        (article(1).into_bytes(), "abstract_only"),
        (
            xml.replace("Reflection of", "Absence of all").replace(DOI, "10.5555/other").into_bytes(),
            "wrong_work",
        ),
        (Vec::new(), "empty"),
    ] {
        let fixture = Fixture::new(Remote::always(Reply::ok(body.clone())));
        let done = fetch(&fixture, "http://repository.example/paper.xml").await;
        let Verdict::Rejected(rejected) = done.verdict else { panic!("accepted: {reason}") };
        assert_eq!(rejected.code(), reason, "{}", String::from_utf8_lossy(&body));
        assert!(fixture.files("files").is_empty());
    }
}

#[tokio::test]
async fn xml_is_no_pdf_and_is_held_to_its_published_digest_too() {
    let xml = article(60);
    let fixture = Fixture::new(Remote::always(Reply::ok(xml.clone())));
    let Verdict::Rejected(reason) = fixture.fetch().await.verdict else { panic!("accepted as a PDF") };
    assert_eq!(reason.code(), "not_pdf");
    let digest = Digest::read(DigestAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72");
    let other = Candidate { digest, ..candidate("http://repository.example/paper.xml", Basis::Registry) };
    let done = acquire_as(ArtifactFormat::Jats, &fixture.acquirer(), work_of(&paper(), DOI), &other).await;
    let Verdict::Rejected(reason) = done.verdict else { panic!("accepted") };
    assert_eq!(reason.code(), "other_digest");
}
