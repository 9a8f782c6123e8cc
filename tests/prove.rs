//! `tierfall prove`: PDFs that somebody already has.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::pdf::{Flaw, Paper, Style};
use crate::support::program::{Ended, Home};
use crate::support::web::Web;

const TITLE: &str = "Reflection of Imaginary Tides at a Fictional Boundary";
const DOI: &str = "10.5555/tides.4";

fn paper() -> Paper {
    Paper::new(TITLE, &["Ada Invented", "Grace Fabricated"], Some(DOI))
}

/// A paper that is in no bibliography.
fn stranger() -> Paper {
    Paper::new("Catalogue of Invented Minerals from a Nameless Island", &["Otto Nobody"], None)
}

const BIBLIOGRAPHY: &str = "@article{tides, title = {Reflection of Imaginary Tides at a Fictional Boundary}, \
                            author = {Invented, Ada and Fabricated, Grace}, doi = {10.5555/tides.4}, pages = {11--18}}\n\
                            @misc{untold, title = {Seasonal Drift of Imaginary Lighthouses Along a Fictional Coast}, \
                            author = {Placeholder, Quentin}}\n";

/// What `--json` says of each file, by its name.
fn findings(ended: &Ended) -> BTreeMap<String, Value> {
    let lines = ended.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"));
    let name = |finding: &Value| Some(finding["file"].as_str()?.rsplit('/').next()?.to_owned());
    lines.filter_map(|finding| Some((name(&finding)?, finding))).collect()
}

#[test]
fn files_are_placed_in_a_bibliography_and_the_others_are_called_by_name() {
    let home = Home::new();
    home.write("refs.bib", BIBLIOGRAPHY);
    for (name, bytes) in [
        ("papers/a.pdf", paper().pdf(Style::Plain)),
        ("papers/b-cover.PDF", paper().pdf(Style::CoverPage)),
        ("papers/deep/er/a-again.pdf", paper().pdf(Style::Plain)),
        ("papers/supplement.pdf", paper().flawed(Flaw::Supplement)),
        ("papers/erratum.pdf", paper().flawed(Flaw::Erratum)),
        ("papers/preview.pdf", paper().flawed(Flaw::Preview)),
        ("papers/half.pdf", paper().flawed(Flaw::Truncated)),
        ("papers/locked.pdf", paper().flawed(Flaw::Encrypted)),
        ("papers/untold", paper().flawed(Flaw::WrongArticle)),
        ("papers/stranger.pdf", stranger().pdf(Style::ObjectStreams)),
        ("papers/page.pdf", b"<html>Please log in</html>".to_vec()),
        ("papers/notes.txt", b"not a PDF, and not called one".to_vec()),
    ] {
        home.write(name, bytes);
    }
    let ended = home.tierfall(["prove", "papers", "--input", "refs.bib", "--json"]).run().expect(3);
    let found = findings(&ended);
    let expected = [
        ("a-again.pdf", "proven"),
        ("a.pdf", "proven"),
        ("b-cover.PDF", "proven"),
        ("erratum.pdf", "notice"),
        ("half.pdf", "truncated"),
        ("locked.pdf", "encrypted"),
        ("page.pdf", "not_pdf"),
        ("preview.pdf", "preview"),
        ("stranger.pdf", "no_work"),
        ("supplement.pdf", "supplement"),
        ("untold", "proven"),
    ];
    let verdicts: Vec<(&str, &str)> = found
        .iter()
        .map(|(name, finding)| (name.as_str(), finding["verdict"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(verdicts, expected);
    for name in ["a.pdf", "b-cover.PDF", "supplement.pdf", "erratum.pdf", "preview.pdf"] {
        assert_eq!(found[name]["work"], "doi:10.5555/tides.4", "{name}");
    }
    assert_eq!(found["untold"]["work"], "Seasonal Drift of Imaginary Lighthouses Along a Fictional Coast");
    assert_eq!(found["a-again.pdf"]["duplicate_of"], "papers/a.pdf");
    assert_eq!(found["b-cover.PDF"]["another_copy_of"], "papers/a.pdf");
    assert_eq!(found["a.pdf"]["evidence"]["identifier"]["of"], "work");
    assert_eq!(found["stranger.pdf"]["title"], stranger().title.as_str());
    let last: Value = serde_json::from_str(ended.out.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["summary"]["files"], &last["summary"]["duplicates"]), (&11.into(), &1.into()));
}

#[test]
fn without_a_bibliography_a_file_says_what_it_is() {
    let home = Home::new();
    home.write("a.pdf", paper().pdf(Style::DoiInMetadata));
    let ended = home.tierfall(["prove", "a.pdf"]).run().expect(0);
    for part in ["✔ whole", TITLE, DOI, "Ada Invented, Grace Fabricated", "1 file: whole 1"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    let rows: Vec<usize> = ended.out.lines().take(5).map(|line| line.chars().count()).collect();
    assert!(rows.iter().all(|length| *length == rows[0]), "a table aligns: {}", ended.out);
    home.write("b.pdf", paper().flawed(Flaw::Supplement));
    let ended = home.tierfall(["prove", "a.pdf", "b.pdf", "--json"]).run().expect(3);
    assert_eq!(findings(&ended)["b.pdf"]["verdict"], "supplement");
}

#[test]
fn the_files_of_a_run_are_held_against_its_manifest() {
    let (home, web) = (Home::new(), Web::start());
    let (one, two) = (Article::on(&web, "moths"), Article::on(&web, "newts"));
    pages_only(&home, &web, &[&one.page, &two.page]).run().expect(0);
    let prove =
        || home.tierfall(["prove", "papers/files", "--input", "papers/manifest.jsonl", "--json"]).run();
    let ended = prove().expect(0);
    assert_eq!(findings(&ended).values().filter(|finding| finding["verdict"] == "proven").count(), 2);

    // Somebody exchanges what is known of the two works.
    let manifest = home.read("papers/manifest.jsonl");
    let exchanged =
        manifest.replace("Matter of moths", "Matter of - ").replace("Matter of newts", "Matter of moths");
    home.write("papers/manifest.jsonl", exchanged.replace("Matter of - ", "Matter of newts"));
    let ended = prove();
    let found = findings(&ended);
    let details: Vec<&str> = found.values().filter_map(|finding| finding["detail"].as_str()).collect();
    assert!(details.iter().all(|detail| detail.contains("the manifest has it as")), "{details:?}");
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_and_one_that_breaks_is_not_the_end() {
    let home = Home::new();
    let ended = home.tierfall(["prove", "nowhere.pdf"]).run().expect(2);
    assert!(ended.err.contains("nowhere.pdf cannot be read"), "{}", ended.err);
    home.write("papers/a.pdf", vec![b'%'; 2000]);
    home.write("papers/b.pdf", paper().pdf(Style::Plain));
    let ended =
        home.tierfall(["prove", "papers", "--json", "--set", "acquire.max_bytes=1 MiB"]).run().expect(3);
    let found = findings(&ended);
    assert_eq!(
        (&found["a.pdf"]["verdict"], &found["b.pdf"]["verdict"]),
        (&"not_pdf".into(), &"whole".into())
    );
    home.write("papers/c.pdf", vec![b'%'; (1 << 20) + 1]);
    let ended =
        home.tierfall(["prove", "papers", "--json", "--set", "acquire.max_bytes=1 MiB"]).run().expect(3);
    assert_eq!(findings(&ended)["c.pdf"]["verdict"], "unreadable");
}

#[test]
fn files_in_another_script_than_the_bibliography_are_known_by_their_own_identifier() {
    let home = Home::new();
    home.write("refs.bib", BIBLIOGRAPHY);
    for (language, title, author, sentence) in [
        (
            "russian",
            "Отражение воображаемых приливов от вымышленной границы",
            "Ада Выдуманная",
            "Результаты измерений согласуются с моделью и с результатами других авторов.",
        ),
        (
            "chinese",
            "虚构边界上想象潮汐的反射",
            "虚构",
            "测量结果与模型一致， 也与其他作者的结果一致， 误差很小。",
        ),
        (
            "greek",
            "Ανάκλαση φανταστικών παλιρροιών σε επινοημένο όριο",
            "Άδα Επινοημένη",
            "Τα αποτελέσματα των μετρήσεων συμφωνούν με το μοντέλο και με εκείνα των άλλων.",
        ),
        (
            "arabic",
            "انعكاس المد والجزر المتخيل عند حد وهمي",
            "آدا المخترعة",
            "نتائج القياس متفقة مع النموذج ومع نتائج المؤلفين الآخرين.",
        ),
    ] {
        let paper = |doi| Paper { sentence: Some(sentence.into()), ..Paper::new(title, &[author], doi) };
        home.write(&format!("papers/{language}-own.pdf"), paper(Some(DOI)).pdf(Style::Plain));
        home.write(&format!("papers/{language}-own-composite.pdf"), paper(Some(DOI)).pdf(Style::Ligatures));
        home.write(&format!("papers/{language}-declared.pdf"), paper(Some(DOI)).pdf(Style::DoiInMetadata));
        home.write(&format!("papers/{language}-other.pdf"), paper(Some("10.5555/other.2")).pdf(Style::Plain));
        home.write(&format!("papers/{language}-none.pdf"), paper(None).pdf(Style::Plain));
    }
    let ended = home.tierfall(["prove", "papers", "--input", "refs.bib", "--json"]).run().expect(3);
    let found = findings(&ended);
    assert_eq!(found.len(), 20);
    for (name, finding) in &found {
        let right = name.contains("-own") || name.contains("-declared");
        assert_eq!(finding["verdict"], if right { "proven" } else { "no_work" }, "{name}: {finding}");
    }
}
