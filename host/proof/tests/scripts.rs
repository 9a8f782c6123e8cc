//! Works whose record and file are in different scripts: registries have translated and transliterated titles.

use tierfall_proof::{
    Against, Catalogue, Counted, Identity, IdentityPolicy, Proof, Reason, Unknown, Verdict, prove,
};
use tierfall_work::{Basis, Facts, PdfReport, Work};

const TITLE: &str = "The mechanism of lighthouse drift in the northern sea";
const AUTHORS: [&str; 2] = ["Ada Invented", "Grace Fabricated"];
const DOI: &str = "10.5555/drift.1";
const PROVEN: Verdict = Verdict::Accepted(Identity::Proven);
const WRONG: Verdict = Verdict::Rejected(Reason::WrongWork);

/// The same article in a script: what it is called, who wrote it, what it says.
struct Language {
    name: &'static str,
    title: &'static str,
    authors: &'static str,
    sentence: &'static str,
    supplement: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "Russian",
        title: "Механизм дрейфа маяков в северном море",
        authors: "А. Выдуманная, Г. Сочинённая",
        sentence: "Результаты измерений согласуются с моделью и с результатами других авторов.",
        supplement: "Приложение 1",
    },
    Language {
        name: "Chinese",
        title: "北方海域灯塔漂移的机制",
        authors: "虚构 编造",
        sentence: "测量结果与模型以及其他作者的结果一致。",
        supplement: "补充材料",
    },
    Language {
        name: "Greek",
        title: "Ο μηχανισμός της μετατόπισης των φάρων στη βόρεια θάλασσα",
        authors: "Α. Επινοημένη, Γ. Κατασκευασμένη",
        sentence: "Τα αποτελέσματα των μετρήσεων συμφωνούν με το μοντέλο και με εκείνα των άλλων.",
        supplement: "Παράρτημα Α",
    },
    Language {
        name: "Arabic",
        title: "آلية انجراف المنارات في بحر الشمال",
        authors: "آدا المخترعة، غريس الملفقة",
        sentence: "نتائج القياس متفقة مع النموذج ومع نتائج المؤلفين الآخرين.",
        supplement: "مواد تكميلية",
    },
];

const ENGLISH: &str =
    "The results of the measurement are in agreement with the model and with those of the others.";

fn work(title: &str, authors: &[&str]) -> Work {
    let mut work = Work::new(DOI.parse().expect("an identifier"));
    let authors = authors.iter().map(|&name| name.to_owned()).collect();
    let title = Some(title.to_owned()).filter(|title| !title.is_empty());
    work.learn(&Facts { title, authors, ..Facts::default() }, "crossref");
    work
}

fn file(head: &str, sentence: &str) -> PdfReport {
    let running = format!("{sentence}\n").repeat(4000 / sentence.chars().count());
    PdfReport {
        pages: 8,
        text: vec![format!("{head}\n{running}"), running],
        headings: vec![Vec::new(), Vec::new()],
        ..PdfReport::default()
    }
}

fn judged(report: &PdfReport, work: &Work) -> Proof {
    prove(Ok(report), work, Basis::Registry, IdentityPolicy::Normal)
}

fn verdict(report: &PdfReport, work: &Work) -> Verdict {
    judged(report, work).verdict
}

#[test]
fn a_file_in_another_script_than_its_record_is_proven_by_its_own_identifier() {
    let known = work(TITLE, &AUTHORS);
    for language in &LANGUAGES {
        let Language { name, title, authors, sentence, .. } = language;
        let bears = |doi: &str| file(&format!("{doi}\n{title}\n{authors}"), sentence);
        let printed = judged(&bears("doi:10.5555/drift.1"), &known);
        assert_eq!(
            (printed.verdict, printed.detail.as_str()),
            (PROVEN, "it bears the work's identifier"),
            "{name}"
        );
        assert_eq!(
            verdict(&bears("doi:10.5555/drift.1"), &work("", &[])),
            PROVEN,
            "{name}, as without a title"
        );
        assert_eq!(verdict(&bears("doi:10.5555/other.2"), &known), WRONG, "{name}, of another work");
        assert_eq!(verdict(&bears(""), &known), WRONG, "{name}, of nobody");
        let both = bears("doi:10.5555/other.2\ndoi:10.5555/drift.1");
        assert_eq!(verdict(&both, &known), WRONG, "{name}, about the work");

        let mut declared = bears("");
        declared.metadata = "Subject: doi:10.5555/drift.1\n".into();
        assert_eq!(verdict(&declared, &known), PROVEN, "{name}, declared");
        let mut left_over = bears("doi:10.5555/other.2");
        left_over.metadata = declared.metadata.clone();
        assert_eq!(verdict(&left_over, &known), WRONG, "{name}, declared by a template");
        let mut titled = bears("doi:10.5555/drift.1");
        titled.title = Some(TITLE.into());
        assert_eq!(verdict(&titled, &known), PROVEN, "{name}, with the record's title in its metadata");
        let mut late = bears("");
        late.text[0] =
            format!("{title}\n{}References\ndoi:10.5555/drift.1\n", format!("{sentence}\n").repeat(40));
        assert_eq!(verdict(&late, &known), WRONG, "{name}, in its references");
    }
}

#[test]
fn a_record_in_another_script_than_its_file_is_met_by_the_works_identifier() {
    for language in &LANGUAGES {
        let Language { name, title, authors, .. } = language;
        let known = work(title, &[authors]);
        let bears =
            |doi: &str| file(&format!("{doi}\n{TITLE}\nAda Invented\nwith α, β, γ, δ and ε"), ENGLISH);
        assert_eq!(verdict(&bears("doi:10.5555/drift.1"), &known), PROVEN, "{name}");
        assert_eq!(verdict(&bears("doi:10.5555/other.2"), &known), WRONG, "{name}, of another work");
        let original = file(&format!("{title}\n{authors}"), language.sentence);
        assert_eq!(verdict(&original, &known), PROVEN, "{name}, by its title");
        let another = file(&format!("{}\n{authors}", language.supplement), language.sentence);
        assert_ne!(verdict(&another, &known), PROVEN, "{name}, of another title in its script");
    }
    let greek = work(LANGUAGES[2].title, &["Επινοημένη, Αδα"]);
    let nobodys = file(&format!("{TITLE}\nAda Invented"), ENGLISH);
    assert_eq!(verdict(&nobodys, &greek), WRONG, "nothing shows that it is the work");
    let greek_line = format!(
        "doi:10.5555/drift.1\n{TITLE}\nΑ. Ξένη, Πανεπιστήμιο της Φανταστικής Νήσου του Βορείου Αιγαίου"
    );
    assert_eq!(
        verdict(&file(&greek_line, ENGLISH), &greek),
        WRONG,
        "it has the script, and says something else"
    );
}

#[test]
fn a_file_that_prints_the_records_title_too_is_compared_by_that() {
    let known = work(TITLE, &AUTHORS);
    for Language { name, title, authors, sentence, .. } in &LANGUAGES {
        let bears = |doi: &str, translated: &str| {
            file(&format!("{doi}\n{title}\n{authors}\n{translated}\nA. Invented, G. Fabricated"), sentence)
        };
        assert_eq!(verdict(&bears("", TITLE), &known), PROVEN, "{name}");
        let about = format!("as Invented says in {TITLE}, which is so");
        assert_eq!(verdict(&bears("doi:10.5555/drift.1", &about), &known), WRONG, "{name}, a text about it");
        let others = "Seasonal migration of invented buoys";
        assert_eq!(verdict(&bears("", others), &known), WRONG, "{name}, of another title");
        assert_eq!(verdict(&bears("doi:10.5555/other.2", others), &known), WRONG, "{name}, of another work");
    }
}

#[test]
fn an_article_in_two_scripts_is_compared_by_its_title() {
    let known = work(TITLE, &AUTHORS);
    let other = "doi:10.5555/drift.1\nSeasonal migration of invented buoys\nX. Stranger";
    for Language { name, title, authors, sentence, .. } in &LANGUAGES {
        let line = file(&format!("{other}\n{title}\n{authors}"), ENGLISH);
        assert_eq!(verdict(&line, &known), WRONG, "{name}, a line");
        let summary = format!("{sentence}\n").repeat(8);
        let with_abstract = file(&format!("{other}\n{summary}"), ENGLISH);
        assert_eq!(verdict(&with_abstract, &known), WRONG, "{name}, an abstract");
        let own = file(&format!("{TITLE}\nAda Invented\n{title}\n{summary}"), ENGLISH);
        assert_eq!(verdict(&own, &known), PROVEN, "{name}, the work");
        // The first page has an abstract in either, and nothing else.
        let mut halves = file("", ENGLISH);
        let english = format!("{ENGLISH}\n").repeat(9);
        halves.text[0] =
            format!("{other}\n{english}{}", format!("{sentence}\n").repeat(600 / sentence.len()));
        assert_eq!(verdict(&halves, &known), WRONG, "{name}, two abstracts");
    }
}

#[test]
fn what_accompanies_a_work_says_so_in_its_own_script_too() {
    let known = work(TITLE, &AUTHORS);
    for Language { name, title, authors, sentence, supplement } in &LANGUAGES {
        let text = format!("doi:10.5555/drift.1\n{supplement}\n{title}\n{authors}");
        assert_ne!(verdict(&file(&text, sentence), &known), PROVEN, "{name}");
        let mut large = file(&format!("doi:10.5555/drift.1\n{title}"), sentence);
        large.headings[0] = vec![(*supplement).to_owned()];
        assert_ne!(verdict(&large, &known), PROVEN, "{name}, in large type");
    }
    let about = "doi:10.5555/drift.1\nПоправка к статье «Механизм дрейфа маяков»";
    assert_ne!(verdict(&file(about, LANGUAGES[0].sentence), &known), PROVEN);
}

#[test]
fn names_in_another_script_than_the_files_are_not_missing_from_it() {
    let known = work(TITLE, &AUTHORS);
    for Language { name, title, authors, sentence, .. } in &LANGUAGES {
        let text = format!("doi:10.5555/drift.1\n{title}\n{authors}");
        let evidence = judged(&file(&text, sentence), &known).evidence.expect("it was compared");
        assert_eq!(evidence.authors, None, "{name}");
        assert!(
            evidence.unknown.contains(&Unknown::Authors)
                && !evidence.against.contains(&Against::AuthorsMissing)
        );
        let both = format!("{text}\nA. Invented and X. Stranger");
        let evidence = judged(&file(&both, sentence), &known).evidence.expect("it was compared");
        assert_eq!(evidence.authors, Some(Counted { found: 1, known: 2 }), "{name}: it writes names in both");
    }
}

#[test]
fn a_scan_with_a_stamp_in_another_script_is_no_document_in_that_script() {
    let mut scan = file("", ENGLISH);
    scan.text = vec!["中国期刊网下载专用 doi:10.5555/drift.1".into(), String::new()];
    scan.images = true;
    assert_ne!(verdict(&scan, &work(TITLE, &AUTHORS)), PROVEN);
}

#[test]
fn a_file_in_another_script_is_found_among_works_by_its_identifier() {
    let catalogue = Catalogue::new(vec![work(TITLE, &AUTHORS)]);
    for Language { name, title, authors, sentence, .. } in &LANGUAGES {
        let placed = catalogue.place(&file(&format!("doi:10.5555/drift.1\n{title}\n{authors}"), sentence));
        assert_eq!(placed.map(|placed| placed.proof.verdict), Some(PROVEN), "{name}");
        assert_eq!(catalogue.place(&file(&format!("{title}\n{authors}"), sentence)), None, "{name}");
    }
}
