//! What people take away: the report, its tables, and the bibliography with its files.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::web::Web;

const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\"'=1+1";

fn line(work: &str, status: &str, more: &Value) -> Value {
    let mut line = json!({
        "work_id": work, "input": work, "run_id": "r", "status": status, "reason": null, "retry": false,
        "sha256": null, "path": null, "link": null, "bytes": null, "pages": null, "url": null, "final_url": null,
        "tier": null, "plugin": null, "source": null, "version": null, "license": null, "identity": null, "evidence": null,
        "ids": {}, "title": null, "year": null, "entry": null, "ms": 1, "trail": [],
    });
    for (name, value) in more.as_object().expect("fields") {
        line[name] = value.clone();
    }
    line
}

fn manifest(home: &Home, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    home.write("papers/manifest.jsonl", text + "no line\n");
}

fn some(home: &Home) {
    let stored = json!({
        "sha256": "ab", "path": "files/sha256/ab/ab.pdf", "link": "works/10.1371_a.pdf", "bytes": 2_000_000, "pages": 8,
        "url": "https://a.example/1.pdf", "final_url": "https://b.example/1.pdf", "source": "openalex", "version": "published",
        "license": "cc-by", "title": "A good one", "year": 2007, "ids": {"doi": "10.1371/a"},
    });
    let evil = json!({
        "reason": "wrong_work", "title": EVIL, "year": 1999, "entry": {"file": "refs.bib", "line": 3, "key": "=evil"},
        "trail": [{"event": "acquisition", "url": "javascript:alert(3)", "verdict": "wrong_work"}],
    });
    manifest(
        home,
        &[
            line("doi:10.1371/a", "failed", &json!({"reason": "unavailable", "retry": true})),
            line("doi:10.1371/a", "stored", &stored),
            line("doi:10.5555/<b>&\"c", "no_copy", &evil),
            line(
                "pmid:123",
                "failed",
                &json!({"reason": "unavailable", "retry": true, "title": "Later, \"perhaps\""}),
            ),
        ],
    );
}

#[test]
fn a_report_says_what_is_missing_why_and_what_to_do_and_nothing_in_it_is_markup() {
    let home = Home::new();
    some(&home);
    let openurl = "report.openurl=https://resolver.library.example/find?sid=tf";
    let ended = home.tierfall(["report", "--out", "papers", "--set", openurl]).run().expect(0);
    for name in ["report.html", "missing.csv", "works.csv", "prisma.csv"] {
        assert!(ended.out.contains(name), "{}", ended.out);
    }
    let page = home.read("papers/report.html");
    assert!(page.contains("Content-Security-Policy") && page.contains("default-src 'none'"));
    assert!(!page.contains("unsafe-inline") && !page.contains("alert(1)</script>") && !page.contains("<img"));
    assert!(
        page.contains("2 not retrieved") || page.contains("<dd class=\"bad\">2</dd>"),
        "the newest line counts"
    );
    assert!(page.contains("https://doi.org/10.5555/%3Cb%3E%26%22c"));
    assert!(page.contains("https://resolver.library.example/find?sid=tf&amp;url_ver=Z39.88-2004"));
    assert!(page.contains("rft_id=info%3Apmid%2F123"));
    for words in ["the file is another work", "look at it yourself", "run again later", "PLOS (10.1371)"] {
        assert!(page.contains(words), "{words}");
    }
    let addresses = page.split(['"', '\'', ' ', '(']).filter(|part| part.contains("://"));
    for address in addresses {
        assert!(
            [
                "https://doi.org/",
                "https://resolver.library.example/",
                "https://a.example/",
                "https://b.example/"
            ]
            .iter()
            .any(|known| address.starts_with(known)),
            "nothing is loaded from elsewhere: {address}"
        );
    }

    let missing = home.read("papers/missing.csv");
    assert_eq!(missing.lines().count(), 3, "{missing}");
    assert!(missing.contains("\"'=evil\"") && missing.contains("\"Later, \"\"perhaps\"\"\""), "{missing}");
    let works = home.read("papers/works.csv");
    assert!(works.contains("\"works/10.1371_a.pdf\"") && works.contains("\"b.example\""), "{works}");
    let prisma = home.read("papers/prisma.csv");
    for row in [
        "\"dbr_sought_reports\",\"Reports sought for retrieval\",\"3\"",
        "\"dbr_notretrieved_reports\",\"Reports not retrieved\",\"2\"",
        "\"dbr_assessed\",\"Reports assessed for eligibility\",\"1\"",
    ] {
        assert!(prisma.contains(row), "{row}: {prisma}");
    }
}

#[test]
fn a_run_writes_the_report_and_a_ledger_gives_one_too() {
    let (home, web) = (Home::new(), Web::start());
    let (first, second) = (Article::on(&web, "found"), Article::missing(&web, "lost"));
    let ended = pages_only(&home, &web, &[&first.page, &second.page])
        .args(["--report", "--enable-idempotency"])
        .run()
        .expect(3);
    assert!(ended.out.contains("report.html"), "{}", ended.out);
    let page = home.read("papers/report.html");
    assert!(page.contains("lost.example") && page.contains("none proposed a URL"), "{page}");
    let ledger = home.path("papers/ledger.sqlite");
    home.tierfall(["report", "--out", "papers", "--to", "elsewhere", "--ledger"])
        .args([&ledger])
        .run()
        .expect(0);
    let works = home.read("elsewhere/works.csv");
    assert_eq!(works.lines().count(), 3, "{works}");
    assert!(works.contains("\"stored\"") && works.contains("\"no_copy\""), "{works}");
    let ended = home.tierfall(["report", "--out", "nowhere"]).run().expect(2);
    assert!(ended.err.contains("--out"), "{}", ended.err);
}

#[test]
fn a_bibliography_gets_its_files_and_keeps_everything_else() {
    let home = Home::new();
    let stored =
        |file: &str| json!({"sha256": "ab", "path": "files/sha256/ab/ab.pdf", "link": file, "bytes": 1});
    manifest(
        &home,
        &[
            line("doi:10.5555/a", "stored", &stored("works/a.pdf")),
            line("pmid:7", "stored", &{
                let mut other = stored("works/b.pdf");
                other["ids"] = json!({"doi": "10.5555/b"});
                other
            }),
            line("doi:10.5555/c", "no_copy", &json!({})),
            line("doi:10.5555/evil", "stored", &stored("../../etc/passwd")),
        ],
    );
    let text = "% mine\n@string{j = \"J\"}\n@article{First:2004,\n  author = {Lovelace, Ada},\n  title = {On {\\\"U}ses},\n  journal = j,\n  year = 2004,\n  doi = {10.5555/A}\n}\n\n@misc{second, doi = {10.5555/b}, file = {mine.pdf}}\n@misc{third, doi = {10.5555/c}}\n@misc{fourth, doi = {10.5555/evil}}\n";
    home.write("refs.bib", text);
    let export = |more: &[&str]| {
        home.tierfall(["export", "--input", "refs.bib", "--out", "papers"]).args(more).run().expect(0)
    };
    export(&["--format", "bibtex", "--to", "with.bib"]);
    let expected = text
        .replace("doi = {10.5555/A}\n", "doi = {10.5555/A},\n  file = {:papers/works/a.pdf:PDF}\n")
        .replace("{mine.pdf}", "{mine.pdf;:papers/works/b.pdf:PDF}");
    assert_eq!(home.read("with.bib"), expected);
    let zotero = export(&["--files", "zotero"]);
    let path = home.path("papers").canonicalize().expect("a path").join("works/a.pdf");
    assert!(
        zotero.out.contains(&format!("file = {{Full Text PDF:{}:application/pdf}}", path.display())),
        "{}",
        zotero.out
    );
    assert!(zotero.err.contains("2 of 4 entries"), "{}", zotero.err);

    let ris = export(&["--format", "ris", "--files", "plain"]).out;
    for part in [
        "TY  - JOUR\nID  - First:2004\nAU  - Lovelace, Ada\n",
        "TI  - On Üses\n",
        "DO  - 10.5555/A\n",
        "works/a.pdf\nER  - \n",
    ] {
        assert!(ris.contains(part), "{part}: {ris}");
    }
    assert_eq!(ris.matches("TY  - ").count(), 4);
    home.write("refs.ris", &ris);
    let again = home
        .tierfall(["export", "--input", "refs.ris", "--format", "csl", "--out", "papers"])
        .run()
        .expect(0);
    let items: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!((&items[0]["id"], &items[0]["DOI"]), (&"First:2004".into(), &"10.5555/A".into()), "{items:#}");
    assert_eq!(items[0]["author"][0], json!({"family": "Lovelace", "given": "Ada"}));
    assert!(items[1]["file"].as_str().is_some_and(|file| file.ends_with("works/b.pdf")), "{items:#}");
    assert_eq!(items[2].get("file"), None);
}

#[test]
fn the_manifest_keeps_where_a_work_stands_in_its_list() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "cited");
    home.write("refs.bib", format!("% mine\n\n@misc{{my:key, url = {{{}}}}}\n", article.page));
    pages_only(&home, &web, &[]).args(["--input", "refs.bib"]).run().expect(0);
    let work = &home.manifest("papers")[0];
    assert_eq!(work["entry"], json!({"file": "refs.bib", "line": 3, "key": "my:key"}));
    assert_eq!(work["key"], "my:key", "where scripts look first");
}

/// A browser, if there is one.
fn browser() -> Option<&'static str> {
    let there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|ended| ended.status.success());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there)
}

/// The page as a browser makes it, and how long that took.
fn opened(browser: &str, home: &Home, page: &Path) -> (String, Duration) {
    let began = Instant::now();
    let ended = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", home.path("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    (String::from_utf8_lossy(&ended.stdout).into_owned(), began.elapsed())
}

#[test]
fn a_browser_shows_the_page_and_runs_nothing_of_what_stands_in_it() {
    let Some(browser) = browser() else {
        eprintln!("NOT TESTED: there is no Chromium (apt-get install chromium)");
        return;
    };
    let home = Home::new();
    some(&home);
    home.tierfall(["report", "--out", "papers"]).run().expect(0);
    let (shown, _) = opened(browser, &home, &home.path("papers/report.html"));
    // The script ran: it numbers the rows. What was in the titles did not.
    assert!(shown.contains("1 to 2 of 2") && shown.contains("1 to 3 of 3"), "{shown}");
    assert!(shown.contains("onerror=alert(2)") && !shown.contains("<img"), "it is text: {shown}");
    assert!(!shown.contains("href=\"javascript:"), "{shown}");
}
