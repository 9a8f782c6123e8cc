//! Stored files in a bucket: the same promises as in a folder, and what only a bucket can do wrong, with every service.

use std::collections::BTreeMap;
#[cfg(unix)]
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::article::Article;
use crate::support::buckets::{ANY_PART, Bucket, JOIN, SECOND_PART, Service, Wrong};
use crate::support::postgres::Database;
use crate::support::program::{Call, Home, eventually};
use crate::support::web::{Answer, Web};

/// A run that reads pages of the local web and stores what it finds in this bucket.
fn storing(home: &Home, web: &Web, bucket: &Bucket, works: &[&str]) -> Call {
    let call =
        home.tierfall(["run"]).args(works).args(["--fallback-tier", "landing_scrape", "--out", "papers"]);
    into_bucket(call, bucket).args(["--set", "http.pace.enabled=false"]).through(web)
}

fn into_bucket(call: Call, bucket: &Bucket) -> Call {
    let call = call.args(["--store", &bucket.store()]);
    bucket.variables().into_iter().fold(call, |call, (name, value)| call.env(name, value))
}

fn place_of(article: &Article) -> String {
    format!("files/sha256/{}/{}.pdf", &article.sha256[..2], article.sha256)
}

/// The objects of a bucket: by their names, the files as they are, and what the index says of which work has which.
fn files_and_index(bucket: &Bucket) -> (BTreeMap<String, Vec<u8>>, Vec<Value>) {
    let (files, index): (BTreeMap<_, _>, BTreeMap<_, _>) =
        bucket.objects().into_iter().partition(|(name, _)| name.starts_with("oa/files/"));
    (
        files,
        index.into_values().map(|entry| serde_json::from_slice(&entry).expect("an entry is JSON")).collect(),
    )
}

fn what_is_proven_goes_up_with_its_index_and_nothing_of_it_stays_on_the_disk(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let ended = storing(&home, &web, &bucket, &[&article.page]).run().expect(0);

    let manifest = home.manifest("papers");
    let [work] = manifest.as_slice() else { panic!("{manifest:#?}") };
    let path = place_of(&article);
    assert_eq!((&work["status"], &work["path"]), (&"stored".into(), &path.as_str().into()), "{}", ended.err);
    assert_eq!(work["object"], format!("{}/{path}", bucket.store()));
    let (files, index) = files_and_index(&bucket);
    assert_eq!(files, BTreeMap::from([(format!("oa/{path}"), article.bytes.clone())]));
    let [entry] = index.as_slice() else { panic!("{index:#?}") };
    assert_eq!((&entry["work_id"], &entry["sha256"]), (&work["work_id"], &work["sha256"]));
    assert_eq!((&entry["path"], &entry["bytes"]), (&work["path"], &work["bytes"]));
    let link = work["link"].as_str().expect("a link");
    assert!(bucket.objects().contains_key(&format!("oa/{link}")), "{link}");
    for folder in ["files", "works", "partial"] {
        assert_eq!(home.files(&format!("papers/{folder}")), [""; 0], "nothing is left here");
    }
    assert!(!format!("{}{}", ended.out, ended.err).contains(service.secret()));

    // The second run asks the store, and nobody else.
    let (asked, stored) = (web.requests_for(&article.file).len(), bucket.requests("PUT").len());
    storing(&home, &web, &bucket, &[&article.page]).run().expect(0);
    assert_eq!(web.requests_for(&article.file).len(), asked);
    assert_eq!(bucket.requests("PUT").len(), stored + 1, "but for the mark at its start");
    assert_eq!(home.manifest("papers").len(), 1);
}

fn the_same_bytes_go_up_once_and_each_work_has_its_entry(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "twins");
    let again = article.again(&web);
    storing(&home, &web, &bucket, &[&article.page, &again]).run().expect(0);
    let (files, index) = files_and_index(&bucket);
    assert!(files.into_values().eq([article.bytes.clone()]));
    assert_eq!(index.len(), 2);
    assert!(index.iter().all(|entry| entry["sha256"] == article.sha256.as_str()), "{index:#?}");
}

/// A file of so many pages is longer than the shortest part.
const PAGES: u32 = 2000;
const IN_PARTS: [&str; 2] = ["--set", "store.part_bytes=5 MiB"];

/// One that can be continued.
fn long_article(web: &Web) -> Article {
    let article = Article::without_file(web, "long", PAGES);
    assert!(article.bytes.len() > 6 << 20, "{} bytes are no two parts", article.bytes.len());
    web.get(&article.file, [Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"")]);
    article
}

fn a_long_file_goes_up_in_parts_and_its_upload_is_ended(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = long_article(&web);
    storing(&home, &web, &bucket, &[&article.page]).args(IN_PARTS).run().expect(0);
    let (files, _) = files_and_index(&bucket);
    assert!(files == BTreeMap::from([(format!("oa/{}", place_of(&article)), article.bytes.clone())]));
    assert_eq!(bucket.requests(ANY_PART).len(), 2);
    assert_eq!(bucket.open_uploads(), 0);

    // Whoever has no manifest of it asks before it sends.
    let elsewhere = Home::new();
    storing(&elsewhere, &web, &bucket, &[&article.page]).args(IN_PARTS).run().expect(0);
    assert_eq!(bucket.requests(ANY_PART).len(), 2);
}

fn an_upload_that_was_killed_in_its_middle_is_begun_again_and_the_old_one_is_left_alone(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = long_article(&web);
    bucket.goes_wrong(SECOND_PART, Wrong::Stalled);
    let run =
        || storing(&home, &web, &bucket, &[&article.page]).args(IN_PARTS).args(["--enable-idempotency"]);
    let running = run().args(["--set", "ledger.lease_s=3"]).start();
    eventually("the second part is on its way", || !bucket.requests(SECOND_PART).is_empty());
    running.kill();
    assert_eq!(files_and_index(&bucket).0, BTreeMap::new(), "half a file is no object");

    bucket.recovers();
    let fetched = web.requests_for(&article.file).len();
    run().run().expect(0);
    let (files, index) = files_and_index(&bucket);
    assert!(files == BTreeMap::from([(format!("oa/{}", place_of(&article)), article.bytes.clone())]));
    assert_eq!(index.len(), 1);
    assert_eq!(
        bucket.open_uploads(),
        service.keeps_of_the_killed(),
        "it may be somebody's: the bucket's own rule ends it"
    );
    assert_eq!(web.requests_for(&article.file).len(), fetched, "the file was here, and proven");
    assert_eq!(home.files("papers/partial"), [""; 0]);
}

fn of_two_who_send_the_same_long_file_the_second_is_refused_at_its_end_and_takes_what_is_there(
    service: Service,
) {
    let Some(bucket) = Bucket::new(service) else { return };
    let slow = bucket.another_way();
    let (homes, web) = ([Home::new(), Home::new()], Web::start());
    let article = long_article(&web);
    // All its parts have arrived, and it only has to join them.
    slow.goes_wrong(JOIN, Wrong::Held);
    let second = storing(&homes[1], &web, &slow, &[&article.page]).args(IN_PARTS).start();
    eventually("it is about to join them", || !slow.requests(JOIN).is_empty());
    storing(&homes[0], &web, &bucket, &[&article.page]).args(IN_PARTS).run().expect(0);
    slow.recovers();
    second.wait().expect(0);
    let joined = |way: &Bucket| {
        let answers = way.answers(JOIN);
        answers.into_iter().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    };
    let (first, second): (Vec<String>, Vec<String>) = (joined(&bucket), joined(&slow));
    assert!(matches!(first.as_slice(), [one] if one == "200" || one == "201"), "{first:?}");
    assert!(matches!(second.as_slice(), [one] if one == "409" || one == "412"), "{second:?}");
    let (files, index) = files_and_index(&bucket);
    assert!(files == BTreeMap::from([(format!("oa/{}", place_of(&article)), article.bytes.clone())]));
    assert_eq!((index.len(), bucket.open_uploads()), (1, 0));
    assert_eq!(homes[1].manifest("papers")[0]["status"], "stored");
}

fn a_part_that_is_refused_gives_the_upload_up(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = long_article(&web);
    bucket.goes_wrong(SECOND_PART, Wrong::Refused(403, usize::MAX));
    let ended = storing(&home, &web, &bucket, &[&article.page]).args(IN_PARTS).run().expect(4);
    assert!(ended.err.contains("does not allow it"), "{}", ended.err);
    assert_eq!((bucket.objects().len(), bucket.open_uploads()), (0, service.keeps_of_the_given_up()));
    let manifest = home.manifest("papers");
    assert_eq!((&manifest[0]["reason"], &manifest[0]["retry"]), (&"storage".into(), &true.into()));

    bucket.recovers();
    storing(&home, &web, &bucket, &[&article.page]).args(IN_PARTS).run().expect(0);
    assert_eq!(web.requests_for(&article.file).len(), 1, "what was here was not fetched again");
    assert_eq!(bucket.objects().len(), 2);
}

fn a_store_that_cannot_be_used_is_told_before_anything_is_fetched(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "early");
    let refused = |call: Call, why: &str| {
        let ended = call.run().expect(1);
        assert!(ended.err.contains(why), "{why}: {}", ended.err);
        assert!(!ended.err.contains(service.secret()), "{}", ended.err);
        assert_eq!(web.requests_for(&article.page).len(), 0);
    };
    let at = |store: &str| {
        let call = home.tierfall(["run", &article.page, "--out", "papers", "--store", store]).through(&web);
        bucket.variables().into_iter().fold(call, |call, (name, value)| call.env(name, value))
    };
    let run = || at(&bucket.store());
    let nobody = format!("{}://nobody-has-this/oa", service.scheme());
    let [key, permission] = service.not_allowed();
    refused(at(&nobody), "there is no such");
    bucket.goes_wrong("PUT", Wrong::Refused(403, usize::MAX));
    refused(run(), key);
    bucket.recovers();
    bucket.goes_wrong("HEAD", Wrong::Refused(403, usize::MAX));
    refused(run(), permission);
    bucket.recovers();
    bucket.goes_wrong("PUT", Wrong::Unconditional);
    refused(run(), "a second time although it was asked not to");
    refused(run().env(service.endpoint(), "http://127.0.0.1:9"), "failed to write to");
    let check = home.tierfall(["config", "check", "--store", &nobody]);
    let check = bucket.variables().into_iter().fold(check, |call, (name, value)| call.env(name, value));
    let ended = check.run().expect(2);
    assert!(ended.err.contains(&format!("`run.store`: failed to write to {nobody}")), "{}", ended.err);
    let ended = at(&format!("{}://key:hidden-secret@papers", service.scheme())).run().expect(2);
    assert!(ended.err.contains("come from the environment"), "{}", ended.err);
    assert!(!ended.err.contains("hidden-secret"), "{}", ended.err);
}

fn a_store_that_stumbles_is_asked_again_and_what_it_did_is_not_taken_for_a_failure(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let articles = ["one", "two", "three"].map(|name| Article::on(&web, name));
    bucket.goes_wrong(&place_of(&articles[0]), Wrong::Refused(503, 2));
    bucket.goes_wrong(&format!("PUT /{}/{}", bucket.path(), place_of(&articles[1])), Wrong::AnswerLost(1));
    bucket.goes_wrong(&format!("PUT /{}/works", bucket.path()), Wrong::Refused(500, 1));
    let pages = articles.each_ref().map(|article| article.page.as_str());
    storing(&home, &web, &bucket, &pages).run().expect(0);
    let (files, index) = files_and_index(&bucket);
    let expected =
        articles.iter().map(|article| (format!("oa/{}", place_of(article)), article.bytes.clone()));
    assert_eq!(files, expected.collect());
    assert_eq!(index.len(), 3);
}

fn a_store_that_is_away_ends_the_run_and_costs_nobody_a_copy(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let articles = ["a", "b", "c", "d", "e"].map(|name| Article::on(&web, name));
    let pages = articles.each_ref().map(|article| article.page.as_str());
    bucket.goes_wrong("/oa/files/", Wrong::Refused(503, usize::MAX));
    // What it looks for at its start is not there, as it must be.
    bucket.goes_wrong("files/sha256/none", Wrong::Refused(404, usize::MAX));
    let run = || storing(&home, &web, &bucket, &pages).args(["--enable-idempotency", "--workers", "1"]);
    let ended = run().args(["--set", "store.retries=0"]).run().expect(1);
    assert!(ended.err.contains("the store takes no more files"), "{}", ended.err);
    assert!(home.manifest("papers").iter().all(|line| line["status"] == "failed" && line["retry"] == true));

    bucket.recovers();
    let failed = home.manifest("papers");
    let failed = failed.iter().map(|line| line["input"].as_str().expect("an input"));
    home.tierfall(["ledger", "retry", "--out", "papers"]).args(failed).run().expect(0);
    run().run().expect(0);
    let (files, index) = files_and_index(&bucket);
    assert_eq!((files.len(), index.len()), (5, 5));
}

fn a_store_that_is_away_costs_no_job_an_attempt_and_a_file_that_it_cannot_take_does(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let articles = ["away", "taken"].map(|name| Article::on(&web, name));
    let pages = articles.each_ref().map(|article| article.page.as_str());
    let attempts = ["--enable-idempotency", "--set", "ledger.max_attempts=1"];
    let attempts = attempts.into_iter().chain(["--set", "ledger.retry_base_s=1", "--set", "store.retries=0"]);
    let attempts: Vec<&str> = attempts.collect();
    let jobs = || {
        let listed = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0);
        let jobs = listed.out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        jobs.map(|job: Value| {
            let is_scheduled = !job["ready_at"].is_null();
            (job["state"].as_str().unwrap_or_default().to_owned(), job["attempts"].as_u64(), is_scheduled)
        })
        .collect::<Vec<_>>()
    };
    bucket.goes_wrong(&format!("PUT /{}/files", bucket.path()), Wrong::Refused(503, usize::MAX));
    storing(&home, &web, &bucket, &pages).args(&attempts).run().expect(4);
    let away = ("FAILED".to_owned(), Some(0), true);
    assert_eq!(jobs(), [away.clone(), away]);

    // Once the store is back nobody has to be told. One of the names is taken by something else.
    bucket.recovers();
    let work = || into_bucket(home.tierfall(["worker", "--out", "papers"]), &bucket).through(&web);
    bucket.put(&format!("oa/{}", place_of(&articles[1])), b"not this file");
    let args = ["--fallback-tier", "landing_scrape", "--set", "http.pace.enabled=false"];
    work().args(args).args(&attempts).run().expect(4);
    let mut ended = jobs();
    ended.sort();
    assert_eq!(ended, [("FAILED".to_owned(), Some(1), false), ("INDEXED".to_owned(), Some(1), false)]);
}

#[cfg(unix)]
fn a_store_that_does_not_answer_keeps_no_run_from_its_end_and_the_next_one_goes_on_from_there(
    service: Service,
) {
    let Some(bucket) = Bucket::new(service) else { return };
    // Without a grace, with one that is over soon, and with one that a second signal ends.
    for (name, grace, again) in [("none", "0", false), ("short", "1", false), ("long", "600", true)] {
        let (home, web) = (Home::new(), Web::start());
        let article = Article::on(&web, name);
        web.get(&article.file, [Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"")]);
        let run = || storing(&home, &web, &bucket, &[&article.page]).args(["--enable-idempotency"]);
        let put = format!("PUT /{}/{}", bucket.path(), place_of(&article));
        bucket.goes_wrong(&put, Wrong::Stalled);
        let running = run().args(["--grace", grace]).saying_to_a_file().start();
        eventually("the file is on its way", || !bucket.requests(&put).is_empty());
        let began = Instant::now();
        running.signal("TERM");
        if again {
            home.says("a second signal ends it now");
            // What comes at once is the echo of the first.
            eventually("it is one of its own", || began.elapsed() > Duration::from_millis(400));
            running.signal("TERM");
        }
        running.wait().expect(143);
        assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
        assert!(home.manifest("papers").is_empty(), "{name}: it has not ended");
        assert!(!home.files("papers/partial").is_empty(), "{name}: what was received is kept");
        let listed = home.tierfall(["ledger", "list", "--out", "papers", "--json"]).run().expect(0);
        let job: Value = serde_json::from_str(listed.out.trim()).expect("one job");
        assert_eq!((&job["owner"], &job["attempts"]), (&Value::Null, &0.into()), "{name}");

        bucket.recovers();
        run().run().expect(0);
        assert_eq!(home.manifest("papers")[0]["status"], "stored", "{name}");
        assert_eq!(web.requests_for(&article.file).len(), 1, "{name}: it was here, and proven");

        // Nor does one that is only asked what it has.
        bucket.goes_wrong(&format!("HEAD /{}/{}", bucket.path(), place_of(&article)), Wrong::Stalled);
        let asked = || bucket.requests("HEAD").len();
        let before = asked();
        let running = run().start();
        eventually("it is asked", || asked() > before + 1);
        let began = Instant::now();
        running.interrupt();
        running.wait().expect(130);
        assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
        bucket.recovers();
    }
}

fn two_processes_with_one_ledger_and_folders_of_their_own_store_everything_once(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (homes, web) = ([Home::new(), Home::new()], Web::start());
    let articles: Vec<Article> = (0..12).map(|number| Article::on(&web, &format!("n{number}"))).collect();
    let again = articles[0].again(&web);
    let mut pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    pages.push(&again);
    let ledger = homes[0].path("shared.sqlite");
    let ledger = ["--enable-idempotency", "--ledger", ledger.to_str().expect("text")];
    let run = |home: &Home| storing(home, &web, &bucket, &pages).args(ledger).args(["--workers", "3"]);
    let running = homes.each_ref().map(|home| run(home).start());
    for one in running {
        one.wait().expect(0);
    }
    let (files, index) = files_and_index(&bucket);
    let expected =
        articles.iter().map(|article| (format!("oa/{}", place_of(article)), article.bytes.clone()));
    assert_eq!(files, expected.collect());
    assert_eq!(index.len(), 13);
    let (asked, sent) = (web.requests().len(), bucket.requests("PUT").len());
    // Whoever has neither file nor manifest has them all the same, by the ledger and the store.
    let third = Home::new();
    let ended = run(&third).args(["--json"]).run().expect(0);
    let summary: Value = serde_json::from_str(ended.out.lines().last().expect("a summary")).expect("JSON");
    assert_eq!(
        (&summary["summary"]["stored"], &summary["summary"]["elsewhere"]),
        (&13.into(), &0.into()),
        "{summary}"
    );
    assert_eq!((web.requests().len(), bucket.requests("PUT").len()), (asked, sent + 1));
}

fn workers_need_nothing_but_the_ledger_the_store_and_its_keys(service: Service) {
    let (Some(bucket), Some(database)) = (Bucket::new(service), Database::new()) else { return };
    let web = Web::start();
    let articles: Vec<Article> = (0..9).map(|number| Article::on(&web, &format!("w{number}"))).collect();
    let call = |home: &Home, words: &[&str]| {
        let call = home.tierfall(words).env("TIERFALL_LEDGER_URL", database.url());
        let call =
            call.env("TIERFALL_RUN_STORE", bucket.store()).env("TIERFALL_FALLBACK_TIERS", "landing_scrape");
        let call = bucket.variables().into_iter().fold(call, |call, (name, value)| call.env(name, value));
        call.env("TIERFALL_HTTP_PACE_ENABLED", "false").through(&web)
    };
    let pages = articles.iter().map(|article| article.page.as_str());
    call(&Home::new(), &["run", "--plan-only"]).args(pages).run().expect(0);
    let homes = [Home::new(), Home::new(), Home::new()];
    let running = homes.each_ref().map(|home| call(home, &["worker", "--workers", "2"]).start());
    for one in running {
        one.wait().expect(0);
    }
    let (files, index) = files_and_index(&bucket);
    let expected =
        articles.iter().map(|article| (format!("oa/{}", place_of(article)), article.bytes.clone()));
    assert_eq!((files, index.len()), (expected.collect(), 9));
    let lines: usize = homes.iter().map(|home| home.manifest("papers").len()).sum();
    assert_eq!(lines, 9, "each work is in one manifest");
    assert!(articles.iter().all(|article| web.requests_for(&article.file).len() == 1));
}

fn what_was_taken_out_of_the_store_is_found_missing_and_fetched_again(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let (kept, gone) = (Article::on(&web, "kept"), Article::on(&web, "gone"));
    let run = || storing(&home, &web, &bucket, &[&kept.page, &gone.page]).args(["--enable-idempotency"]);
    run().run().expect(0);
    bucket.remove(&format!("oa/{}", place_of(&gone)));
    let reconcile = || {
        let call = home.tierfall(["ledger", "reconcile", "--missing", "again", "--out", "papers", "--json"]);
        into_bucket(call, &bucket).run().expect(0).out
    };
    let found: Value = serde_json::from_str(reconcile().trim()).expect("JSON");
    assert_eq!(found["missing_files"].as_array().map(Vec::len), Some(1), "{found}");
    run().run().expect(0);
    assert_eq!(web.requests_for(&gone.file).len(), 2);
    assert_eq!(web.requests_for(&kept.file).len(), 1);
    assert_eq!(files_and_index(&bucket).0.len(), 2);
}

#[test]
fn a_found_configuration_names_no_store() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "found");
    home.write("tierfall.toml", "[run]\nstore = \"s3://somebody-elses/oa\"\n");
    let call = home.tierfall(["run", &article.page]).args(["--out", "papers"]).through(&web);
    let ended = call.run().expect(2);
    assert!(
        ended.err.contains("`run.store` is not taken from a file that was only found here"),
        "{}",
        ended.err
    );
}

fn reports_and_bibliographies_name_what_is_in_the_store(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "named");
    home.write(
        "refs.bib",
        format!(
            "@article{{a, title={{The Invented Matter of named Considered Anew}}, url={{{}}}}}",
            article.page
        ),
    );
    let call =
        home.tierfall(["run", "--input", "refs.bib", "--fallback-tier", "landing_scrape", "--out", "papers"]);
    into_bucket(call, &bucket).args(["--set", "http.pace.enabled=false"]).through(&web).run().expect(0);
    let address = format!("{}/{}", bucket.store(), place_of(&article));
    let exported = home
        .tierfall(["export", "--input", "refs.bib", "--files", "plain", "--out", "papers"])
        .run()
        .expect(0);
    assert!(exported.out.contains(&address), "{}", exported.out);
    assert!(exported.err.contains("which reference managers do not open"), "{}", exported.err);
    home.tierfall(["report", "--out", "papers"]).run().expect(0);
    assert!(home.read("papers/works.csv").contains(&address));
    let explained = home.tierfall(["explain", &article.page, "--out", "papers"]).run().expect(0);
    assert!(explained.out.contains(&article.sha256), "{}", explained.out);
}

#[test]
fn what_is_no_store_is_refused_with_the_reason() {
    let home = Home::new();
    for (store, why) in [
        ("file:///srv/papers", "give --out"),
        ("memory:///", "give --out"),
        ("https://dav.example/papers", "nor one that speaks WebDAV"),
        ("abfss://papers@account.dfs.core.windows.net/oa", "az://NAME/PREFIX"),
        ("ftp://papers/oa", "s3://BUCKET/PREFIX"),
    ] {
        let ended = home.tierfall(["run", "10.5555/1", "--store", store]).run().expect(2);
        assert!(ended.err.contains(why), "{store}: {}", ended.err);
    }
}

fn the_server_refuses_to_create_what_is_there(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    assert!(matches!(bucket.create("oa/a", b"first"), 200 | 201));
    assert!(matches!(bucket.create("oa/a", b"second"), 409 | 412));
    assert_eq!(bucket.objects(), BTreeMap::from([("oa/a".to_owned(), b"first".to_vec())]));
}

fn what_it_is_told_is_shown_nowhere_however_much_is_told(service: Service) {
    let Some(bucket) = Bucket::new(service) else { return };
    shown_nowhere(&bucket, &bucket.variables(), service.secret());
}

#[test]
fn a_signature_in_place_of_azures_key_does_as_well_and_is_shown_nowhere() {
    let Some(bucket) = Bucket::new(Service::Azure) else { return };
    let (variables, secret) = bucket.variables_with_a_signature();
    shown_nowhere(&bucket, &variables, secret);
    assert!(bucket.requests("").iter().all(|line| line.contains(secret)), "every request has it");
}

/// Everything that goes wrong with a long file, with all that the program can tell.
fn shown_nowhere(bucket: &Bucket, variables: &[(&str, String)], secret: &str) {
    let (home, web) = (Home::new(), Web::start());
    let article = long_article(&web);
    let run = || {
        let call = home.tierfall(["run", &article.page, "--fallback-tier", "landing_scrape"]);
        let call = call.args(["--out", "papers", "--store", &bucket.store()]).args(IN_PARTS).through(&web);
        let call = call.args(["--set", "http.pace.enabled=false", "--set", "telemetry.log=trace"]);
        variables.iter().fold(call, |call, (name, value)| call.env(name, value))
    };
    let mut said = Vec::new();
    bucket.goes_wrong(JOIN, Wrong::Refused(403, usize::MAX));
    said.push(run().run().expect(4));
    bucket.recovers();
    bucket.goes_wrong(JOIN, Wrong::AnswerLost(1));
    said.push(run().run().expect(0));
    bucket.goes_wrong("PUT", Wrong::Refused(503, usize::MAX));
    said.push(run().args(["--set", "store.retries=1"]).run().expect(1));
    said.push(run().env(bucket.service().endpoint(), "http://127.0.0.1:9/tests").run().expect(1));
    for ended in said {
        let said = format!("{}{}", ended.out, ended.err);
        // The name of Google's uploads lets whoever knows it write.
        assert!(!said.contains(secret) && !said.contains("upload_id="), "{said}");
    }
    assert!(files_and_index(bucket).0.into_values().eq([article.bytes]));
}

/// What holds of every store.
macro_rules! of_every_store {
    ($($(#[$on:meta])* $promise:ident)*) => {
        of_every_store! { @ s3 S3 $($(#[$on])* $promise)* }
        of_every_store! { @ google Google $($(#[$on])* $promise)* }
        of_every_store! { @ azure Azure $($(#[$on])* $promise)* }
    };
    (@ $name:ident $service:ident $($(#[$on:meta])* $promise:ident)*) => {
        mod $name {
            use super::Service;
            $($(#[$on])* #[test] fn $promise() { super::$promise(Service::$service) })*
        }
    };
}

of_every_store! {
    the_server_refuses_to_create_what_is_there
    what_it_is_told_is_shown_nowhere_however_much_is_told
    what_is_proven_goes_up_with_its_index_and_nothing_of_it_stays_on_the_disk
    the_same_bytes_go_up_once_and_each_work_has_its_entry
    a_long_file_goes_up_in_parts_and_its_upload_is_ended
    an_upload_that_was_killed_in_its_middle_is_begun_again_and_the_old_one_is_left_alone
    of_two_who_send_the_same_long_file_the_second_is_refused_at_its_end_and_takes_what_is_there
    a_part_that_is_refused_gives_the_upload_up
    a_store_that_cannot_be_used_is_told_before_anything_is_fetched
    a_store_that_stumbles_is_asked_again_and_what_it_did_is_not_taken_for_a_failure
    a_store_that_is_away_ends_the_run_and_costs_nobody_a_copy
    a_store_that_is_away_costs_no_job_an_attempt_and_a_file_that_it_cannot_take_does
    two_processes_with_one_ledger_and_folders_of_their_own_store_everything_once
    workers_need_nothing_but_the_ledger_the_store_and_its_keys
    what_was_taken_out_of_the_store_is_found_missing_and_fetched_again
    reports_and_bibliographies_name_what_is_in_the_store
    #[cfg(unix)]
    a_store_that_does_not_answer_keeps_no_run_from_its_end_and_the_next_one_goes_on_from_there
}
