//! File systems that do less, names that are no text, and homes that cannot be written to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::buckets::{Bucket, Service};
use crate::support::program::{Ended, Home};
use crate::support::shim;
use crate::support::skip::lends_mounts;
use crate::support::web::{Answer, Web};

#[test]
fn a_file_system_that_cannot_sync_is_told_of_once_and_every_file_is_stored() {
    for code in ["EINVAL", "ENOSYS", "EOPNOTSUPP"] {
        let (home, web) = (Home::new(), Web::start());
        let found = ["moths", "ferns"].map(|name| Article::on(&web, name));
        let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
        let call = pages_only(&home, &web, &works).args(["--enable-idempotency"]);
        let Some(call) = shim::on(&home, call, shim::NO_SYNC, code) else { return };
        let ended = call.run().expect(0);
        assert_eq!(home.files("papers/files").len(), 2, "{code}");
        assert_eq!(
            ended.err.matches("the output folder's file system cannot write files through").count(),
            1,
            "{}",
            ended.err
        );
        assert!(!ended.out.contains("the ledger failed"), "{code}: {}", ended.out);
        let status = home.tierfall(["ledger", "status", "--out", "papers"]).run().expect(0);
        assert!(status.out.contains("INDEXED"), "{}", status.out);
    }
}

#[test]
fn a_disk_that_fails_to_sync_is_an_error() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let call = pages_only(&home, &web, &[&article.page]);
    let Some(call) = shim::on(&home, call, shim::NO_SYNC, "EIO") else { return };
    let ended = call.run();
    assert!(matches!(ended.code, Some(1 | 4)), "{ended:#?}");
    assert!(home.files("papers/files").is_empty(), "it may be lost, and is not said to be stored");
}

#[test]
fn a_file_system_without_locks_is_told_of_once_and_every_file_is_stored() {
    for code in ["ENOLCK", "ENOSYS", "EOPNOTSUPP"] {
        let (home, web) = (Home::new(), Web::start());
        let found = ["moths", "ferns"].map(|name| Article::on(&web, name));
        let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
        for run in ["first", "again"] {
            let Some(call) = shim::on(&home, pages_only(&home, &web, &works), shim::NO_LOCKS, code) else {
                return;
            };
            let ended = call.run().expect(0);
            assert_eq!(home.files("papers/files").len(), 2, "{code}, {run}");
            assert_eq!(ended.err.matches("has no locks").count(), 1, "{code}, {run}: {}", ended.err);
        }
        assert!(home.files("papers/partial").is_empty(), "{code}: {:?}", home.files("papers/partial"));
        // The lines of both runs; a run on a file system with locks brings them together.
        pages_only(&home, &web, &works).run().expect(0);
        assert_eq!(home.manifest("papers").len(), 2, "{code}");
    }
}

#[test]
fn a_ledger_where_there_are_no_locks_is_done_without_and_that_is_said() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let call = pages_only(&home, &web, &[&article.page]).args(["--enable-idempotency"]);
    let Some(call) = shim::on(&home, call, shim::NO_LOCKS, "ENOLCK") else { return };
    let ended = call.run().expect(0);
    assert!(ended.err.contains("ledger.sqlite") && ended.err.contains("cannot be opened"), "{}", ended.err);
    assert_eq!(home.files("papers/files").len(), 1);
}

#[test]
fn names_that_are_no_text_are_used_as_they_are_or_refused_by_their_flag_or_variable() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let odd = OsStr::from_bytes(b"pap\xe9rs");
    let run = || home.tierfall(["run", &article.page, "--fallback-tier", "landing_scrape"]).through(&web);
    let ended = run().args([OsStr::new("--out"), odd]).run().expect(2);
    assert!(ended.err.contains("--out") && ended.err.contains("UTF-8"), "{}", ended.err);
    let ended = run().args(["--out", "papers"]).args([OsStr::new("--ca-cert"), odd]).run().expect(2);
    assert!(ended.err.contains("--ca-cert") && ended.err.contains("UTF-8"), "{}", ended.err);
    for variable in ["TIERFALL_OUT", "TIERFALL_LEDGER", "XDG_CACHE_HOME", "HOME", "CORE_API_KEY"] {
        let ended = run().args(["--out", "papers"]).env(variable, odd).run().expect(2);
        assert!(ended.err.contains(variable) && ended.err.contains("UTF-8"), "{}", ended.err);
    }
    assert!(home.files("").iter().all(|name| !name.contains("manifest")), "{:?}", home.files(""));
    // What is none of ours may be anything.
    let recording = OsStr::from_bytes(b"w\xe9b.warc.gz");
    let list = home.path(OsStr::from_bytes(b"w\xf6rks.txt"));
    std::fs::write(&list, &article.page).expect("a file can be written");
    let call = home.tierfall(["run", "--fallback-tier", "landing_scrape", "--out", "papers"]).through(&web);
    call.args([OsStr::new("--input"), list.as_os_str(), OsStr::new("--record"), recording])
        .env("SOMEBODY_ELSES", odd)
        .run()
        .expect(0);
    assert!(home.path(recording).exists());
}

#[test]
fn a_folder_whose_name_is_no_text_may_be_worked_in() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let folder = home.path(OsStr::from_bytes(b"\xe9t\xe9"));
    std::fs::create_dir(&folder).expect("a folder can be made");
    let call = pages_only(&home, &web, &[&article.page]);
    let script = "cd \"$(printf '\\351t\\351')\" && exec \"$0\" \"$@\"";
    call.under("sh", &["-c", script]).run().expect(0);
    assert!(folder.join("papers/manifest.jsonl").exists());
}

#[test]
fn a_home_that_cannot_be_written_to_costs_time_and_nothing_else() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    for (name, value) in
        [("XDG_CACHE_HOME", "/proc/nothing"), ("HOME", "/nonexistent"), ("XDG_CACHE_HOME", "/dev/null")]
    {
        let out = format!("papers-{}", value.replace('/', "-"));
        let ended = home
            .tierfall(["run", &article.page, "--fallback-tier", "landing_scrape", "--out", &out])
            .through(&web)
            .env("XDG_CACHE_HOME", "/proc/nothing")
            .env(name, value)
            .building()
            .run()
            .expect(0);
        assert!(!ended.err.contains("panicked"), "{name}={value}: {}", ended.err);
        assert_eq!(home.manifest(&out)[0]["sha256"], article.sha256.as_str());
    }
}

#[test]
fn the_longest_names_of_works_become_names_of_files_that_every_system_takes() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let long = format!("http://moths.example/{}", "\u{6f22}".repeat(80));
    let encoded = format!("http://moths.example/{}", "%E6%BC%A2".repeat(80));
    let capitals = ["http://moths.example/Same", "http://moths.example/sAME"];
    for page in [encoded.as_str(), capitals[0], capitals[1]] {
        web.get(page, [Answer::html(&format!(
            "<html><head><title>T</title><meta name=\"citation_title\" content=\"The Invented Matter of moths Considered \
             Anew\"><meta name=\"citation_pdf_url\" content=\"{}\"></head><body></body></html>",
            article.file
        ))]);
    }
    pages_only(&home, &web, &[&long, capitals[0], capitals[1]]).run().expect(0);
    let links = home.files("papers/works");
    assert_eq!(links.len(), 3, "{links:?}");
    assert!(links.iter().all(|name| name.len() <= 255), "{links:?}");
    // On a system that does not tell capitals from small letters they are different names too.
    let folded: std::collections::BTreeSet<String> = links.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), 3, "{links:?}");
}

const NAMES: [&str; 8] = ["moths", "ferns", "newts", "voles", "larks", "moles", "toads", "hares"];

#[test]
fn a_disk_that_fills_up_ends_the_run_and_the_next_one_has_the_rest() {
    if !lends_mounts() {
        return;
    }
    let (home, web) = (Home::new(), Web::start());
    let found = NAMES.map(|name| Article::without_file(&web, name, 60));
    for article in &found {
        web.get(&article.file, [Answer::pdf(article.bytes.clone())]);
    }
    let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
    std::fs::create_dir(home.path("small")).expect("a folder can be made");
    let size = found[0].bytes.len() * 5 / 2;
    let script = format!(
        "mount -t tmpfs -o size={size} none small || exit 77\n\"$0\" \"$@\"; code=$?\n\
         cp small/papers/manifest.jsonl first.jsonl; mount -o remount,size=64m small; \"$0\" \"$@\"; echo $? >second\n\
         cp small/papers/manifest.jsonl second.jsonl; find small/papers/files -type f | wc -l >files; exit $code"
    );
    let call = home
        .tierfall(["run"])
        .args(&works)
        .args(["--fallback-tier", "landing_scrape", "--out", "small/papers", "--workers", "1"])
        .through(&web);
    let ended = call.under("unshare", &["--map-root-user", "--mount", "sh", "-c", &script]).run();
    let ended = ended.expect(1);
    assert!(ended.err.contains("takes no more files: No space left on device"), "{}", ended.err);
    let asked = found.iter().filter(|article| !web.requests_for(&article.page).is_empty()).count();
    let lines: Vec<serde_json::Value> =
        home.read("first.jsonl").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.len() < found.len(), "the others were not touched: {lines:#?}");
    assert!(lines.iter().all(|line| line["status"] == "stored" || line["retry"] == true), "{lines:#?}");
    // With room again everything is fetched, and only what was not stored.
    assert_eq!(home.read("second").trim(), "0", "{}\n{}", ended.err, home.read("second.jsonl"));
    assert_eq!(home.read("files").trim(), found.len().to_string());
    assert_eq!(asked, found.len());
}

#[test]
fn a_disk_that_is_full_costs_no_job_an_attempt_and_once_there_is_room_all_is_stored() {
    if !lends_mounts() {
        return;
    }
    // Where files arrive, and where they end up.
    for folder in ["partial", "files"] {
        let (home, web) = (Home::new(), Web::start());
        let found = ["moths", "ferns"].map(|name| Article::without_file(&web, name, 60));
        for article in &found {
            assert!(article.bytes.len() > 64 << 10, "{} bytes have room", article.bytes.len());
            web.get(&article.file, [Answer::pdf(article.bytes.clone())]);
        }
        let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
        std::fs::create_dir_all(home.path("papers").join(folder)).expect("a folder can be made");
        let script = format!(
            "mount -t tmpfs -o size=64k none papers/{folder} || exit 77\n\"$0\" \"$@\"; first=$?\n\
             \"$0\" ledger list --out papers --json >jobs; mount -o remount,size=64m papers/{folder}\n\
             shift; \"$0\" worker \"$@\" || exit 78; exit $first"
        );
        let call = pages_only(&home, &web, &[]).args(["--set", "ledger.retry_base_s=1"]);
        let call = call.args(["--enable-idempotency", "--set", "ledger.max_attempts=1"]);
        home.write("works.txt", works.join("\n"));
        let script = script.replacen("\"$@\"; first", "\"$@\" --input works.txt; first", 1);
        let ended =
            call.under("unshare", &["--map-root-user", "--mount", "sh", "-c", &script]).run().expect(4);
        let jobs = home.read("jobs");
        assert_eq!(jobs.matches("\"attempts\":0").count(), 2, "{folder}: {jobs}\n{}", ended.err);
        assert_eq!(home.manifest("papers").iter().filter(|line| line["status"] == "stored").count(), 2);
    }
}

/// Runs over works whose files go to a bucket, with so many bytes of disk for what is on its way; and again with room.
fn with_a_store(home: &Home, web: &Web, bucket: &Bucket, found: &[Article], size: usize) -> Ended {
    std::fs::create_dir(home.path("small")).expect("a folder can be made");
    let script = format!(
        "mount -t tmpfs -o size={size} none small || exit 77\n\"$0\" \"$@\"; code=$?\n\
         cp small/papers/manifest.jsonl first.jsonl; ls small/papers/partial >first\n\
         mount -o remount,size=64m small; \"$0\" \"$@\"; echo $? >second; ls small/papers/partial >>second; exit $code"
    );
    for article in found {
        // As most servers do it: what came of a file can be continued.
        web.get(&article.file, [Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"")]);
    }
    let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
    let call = home.tierfall(["run"]).args(&works).args(["--fallback-tier", "landing_scrape"]);
    let call =
        call.args(["--out", "small/papers", "--workers", "1", "--store", &bucket.store()]).through(web);
    let call = bucket.variables().into_iter().fold(call, |call, (name, value)| call.env(name, value));
    call.under("unshare", &["--map-root-user", "--mount", "sh", "-c", &script]).run()
}

fn files_in(bucket: &Bucket) -> usize {
    bucket.objects().into_keys().filter(|name| name.starts_with("oa/files/")).count()
}

#[test]
fn with_a_store_the_disk_needs_room_for_no_more_than_what_is_on_its_way() {
    let (true, Some(bucket)) = (lends_mounts(), Bucket::new(Service::S3)) else { return };
    let (home, web) = (Home::new(), Web::start());
    let found = NAMES.map(|name| Article::without_file(&web, name, 60));
    with_a_store(&home, &web, &bucket, &found, found[0].bytes.len() * 5 / 2).expect(0);
    assert_eq!((files_in(&bucket), home.read("first").as_str()), (found.len(), ""));
}

#[test]
fn a_disk_too_small_for_what_is_on_its_way_to_a_store_ends_the_run_and_the_next_one_has_it_all() {
    let (true, Some(bucket)) = (lends_mounts(), Bucket::new(Service::S3)) else { return };
    let (home, web) = (Home::new(), Web::start());
    let found = NAMES.map(|name| Article::without_file(&web, name, 60));
    let ended = with_a_store(&home, &web, &bucket, &found, found[0].bytes.len() / 2).expect(1);
    assert!(ended.err.contains("takes no more files: No space left on device"), "{}", ended.err);
    let lines: Vec<serde_json::Value> = home
        .read("first.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("whole lines"))
        .collect();
    assert!((3..found.len()).contains(&lines.len()), "the others were not touched: {lines:#?}");
    assert!(lines.iter().all(|line| line["reason"] == "storage" && line["retry"] == true), "{lines:#?}");
    assert_eq!(home.read("first"), "", "what cannot be finished takes no room");
    // With room again all is fetched.
    assert_eq!((home.read("second").as_str(), files_in(&bucket)), ("0\n", found.len()));
}
