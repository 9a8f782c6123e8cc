//! What the examiner reports of XML: made-up articles of the kinds that are found.

use tierfall_plugin_pdf::jats::examine;
use tierfall_plugin_pdf::{JatsProblem, JatsReport};

const FRONT: &str = r#"<front>
  <journal-meta><journal-title-group><journal-title>Journal of Drift</journal-title></journal-title-group></journal-meta>
  <article-meta>
    <article-id pub-id-type="pmcid">PMC34</article-id>
    <article-id pub-id-type="doi">10.5555/drift.1</article-id>
    <title-group>
      <article-title>The <italic>mechanism</italic> of lighthouse&#x20;drift<xref ref-type="fn" rid="n1">*</xref></article-title>
      <subtitle>A made-up study</subtitle>
      <trans-title-group xml:lang="de"><trans-title>Der Mechanismus</trans-title></trans-title-group>
    </title-group>
    <contrib-group>
      <contrib contrib-type="author"><name><surname>Invented</surname><given-names>Ada</given-names></name></contrib>
      <contrib><collab>The Drift Group<contrib-group><contrib><name><surname>Member</surname></name></contrib></contrib-group></collab></contrib>
      <contrib contrib-type="editor"><name><surname>Editing</surname></name></contrib>
    </contrib-group>
    <product><article-title>A book under review</article-title></product>
    <related-article related-article-type="corrected-article"/>
    <abstract><p>It drifts.</p></abstract>
  </article-meta>
</front>"#;

const BODY: &str = "<body><sec><title>Introduction</title><p>Lighthouses drift<xref>1</xref>.</p></sec>\
     <sec><p>So <inline-formula><alternatives><tex-math>\\frac{a}{b}</tex-math></alternatives></inline-formula> they say.</p></sec></body>";

const BACK: &str = r#"<back><ref-list><ref><element-citation><article-title>Another paper</article-title>
    <pub-id pub-id-type="doi">10.5555/other</pub-id></element-citation></ref></ref-list></back>
    <sub-article><front-stub><article-id pub-id-type="doi">10.5555/letter</article-id>
    <title-group><article-title>Decision letter</article-title></title-group></front-stub><body><p>Many words.</p></body></sub-article>"#;

fn article(front: &str, rest: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE article PUBLIC \"-//NLM//DTD JATS\" \"x.dtd\" [<!ENTITY a \"b\">]>\n\
         <article article-type=\"research-article\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{front}{rest}</article>"
    )
}

fn whole() -> String {
    article(FRONT, &format!("{BODY}{BACK}"))
}

fn read(xml: &str) -> JatsReport {
    examine(xml.as_bytes()).expect("an article")
}

#[test]
fn an_articles_own_front_matter_is_read_and_nobody_elses() {
    let report = read(&whole());
    assert_eq!(report.kind.as_deref(), Some("research-article"));
    assert_eq!(report.title.as_deref(), Some("The mechanism of lighthouse drift: A made-up study"));
    assert_eq!(report.other_titles, ["Der Mechanismus"]);
    assert_eq!(report.authors, ["Invented", "The Drift Group"]);
    let ids: Vec<_> = report.ids.iter().map(|id| (id.0.as_str(), id.1.as_str())).collect();
    assert_eq!(ids, [("pmcid", "PMC34"), ("doi", "10.5555/drift.1")]);
    assert_eq!(report.summary, "It drifts.");
    assert_eq!(report.body, "Introduction Lighthouses drift. So they say.");
    assert_eq!(report.letters, 37);
}

#[test]
fn prefixes_wrappers_and_other_encodings_do_not_matter() {
    let plain = read(&whole());
    let answer =
        format!("<OAI-PMH><GetRecord><record><metadata>{}</metadata></record></GetRecord></OAI-PMH>", {
            let xml = whole();
            xml[xml.find("<article").expect("an article")..].to_owned()
        });
    assert_eq!(read(&answer), plain);
    let prefixed = whole().replace("<article ", "<j:article ").replace("</article>", "</j:article>");
    assert_eq!(read(&prefixed), plain);
    let wide: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(whole().encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(examine(&wide).expect("UTF-16"), plain);
    let latin = whole().replace("UTF-8", "ISO-8859-1").replace("Invented", "Inv\u{e9}nt\u{e9}");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    assert_eq!(examine(&latin).expect("Latin-1").authors[0], "Invénté");
}

#[test]
fn an_article_without_text_says_so() {
    for body in [
        "",
        "<body/>",
        "<body><graphic xlink:href=\"page-1.jpg\"/></body>",
        "<body><supplementary-material><p>Click here for the PDF</p></supplementary-material></body>",
        "<sub-article><front-stub/><body><p>A translation</p></body></sub-article>",
    ] {
        let report = read(&article(FRONT, body));
        assert_eq!((report.letters, report.body.as_str()), (0, ""), "{body}");
    }
}

#[test]
fn what_is_no_article_or_more_than_one_is_not_jats() {
    let one = article(FRONT, BODY);
    let bare = &one[one.find("<article").expect("an article")..];
    for xml in [
        String::new(),
        "no XML at all".into(),
        "{\"error\": \"none\"}".into(),
        "<html><body><article><h1>A page</h1></article></body></html>".into(),
        "<article><title>A manual in DocBook</title><para/></article>".into(),
        "<?xml version=\"1.0\"?><error>not found</error>".into(),
        "<a><b><c><d><e><f><g><h><i><article/></i></h></g></f></e></d></c></b></a>".into(),
        format!("<pmc-articleset>{bare}{bare}</pmc-articleset>"),
    ] {
        let problem = examine(xml.as_bytes()).expect_err("no article");
        assert!(matches!(problem, JatsProblem::NotJats(_)), "{xml}: {problem:?}");
    }
}

#[test]
fn a_file_that_breaks_off_is_truncated_and_a_broken_one_damaged() {
    let xml = whole();
    for share in [3, 5, 7, 9] {
        let cut = &xml[..xml.len() * share / 10];
        let problem = examine(cut.as_bytes()).expect_err("cut");
        assert!(matches!(problem, JatsProblem::Truncated(_)), "{share}: {problem:?}");
    }
    let broken = xml.replace("</sec><sec>", "</sect><sec>");
    assert!(matches!(examine(broken.as_bytes()), Err(JatsProblem::Damaged(_))));
    let deep = article(FRONT, &format!("<body>{}", "<p>".repeat(100_000)));
    assert!(matches!(examine(deep.as_bytes()), Err(JatsProblem::Damaged(_))));
}

#[test]
fn what_is_kept_of_an_article_is_bounded() {
    let front = FRONT
        .replace("It drifts.", &"It drifts. ".repeat(100_000))
        .replace("Der Mechanismus", &"lang ".repeat(10_000))
        .replace(
            "<contrib><collab>",
            &format!(
                "{}<contrib><collab>",
                "<contrib><name><surname>N</surname></name></contrib>".repeat(10_000)
            ),
        );
    let report = read(&article(&front, &format!("<body><p>{}</p></body>", "word ".repeat(200_000))));
    assert!(report.summary.len() <= 16 * 1024 && report.body.len() <= 32 * 1024);
    assert!(report.authors.len() <= 64 && report.other_titles[0].len() <= 2 * 1024);
    assert_eq!(report.letters, 800_000);
}

proptest::proptest! {
    #[test]
    fn no_input_ends_the_examiner(xml in "(<article>|<front>|<article-meta>|</article-meta>|</front>|<body>|</body>|</article>|<p>|&#x41;|&a;|x|<!--|-->|<!\\[CDATA\\[|\\]\\]>){0,40}") {
        let _ = examine(xml.as_bytes());
    }
}
