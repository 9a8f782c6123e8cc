//! Logs for machines: where they are asked for, standard error is JSON and nothing else, whatever happens.

use serde_json::Value;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::example::example;
use crate::support::program::{Call, Ended, Home};
use crate::support::web::Web;

const AS_JSON: &str = "TIERFALL_TELEMETRY_LOG_FORMAT";

/// Every line as an object, with what all of them have.
#[track_caller]
fn objects(ended: &Ended) -> Vec<Value> {
    let parse = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in this line:\n{line}"))
    };
    let objects: Vec<Value> = ended.err.lines().map(parse).collect();
    assert!(!objects.is_empty(), "it said nothing");
    for object in &objects {
        for field in ["timestamp", "level", "target", "fields"] {
            assert!(!object[field].is_null(), "{object} has no {field}");
        }
        assert!(object["fields"]["message"].is_string(), "{object}");
    }
    objects
}

#[track_caller]
fn says(objects: &[Value], words: &str) {
    let message = |object: &Value| object["fields"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(objects.iter().any(|object| message(object).contains(words)), "no {words:?} in {objects:#?}");
}

/// A run with progress, warnings, bad entries and a source that is left out.
fn eventful(home: &Home, web: &Web) -> Call {
    let (good, missing) = (Article::on(web, "good"), Article::missing(web, "missing"));
    let list = home.write("works.txt", format!("{}\n{}\nno work at all\n", good.page, missing.page));
    let call = home.tierfall(["run", "--out", "papers", "--input"]).args([list]);
    let tiers = ["--fallback-tier", "landing_scrape", "--fallback-tier", "archive:sources=core"];
    call.args(tiers).args(["-vv", "--listen", "0"]).through(web)
}

#[test]
fn with_json_logs_every_line_of_standard_error_is_an_object() {
    let (home, web) = (Home::new(), Web::start());
    for call in [
        eventful(&home, &web).env(AS_JSON, "json"),
        eventful(&home, &web).args(["--again", "--set", "telemetry.log_format=json"]),
    ] {
        let ended = call.run();
        let objects = objects(&ended);
        says(&objects, "core is not asked");
        says(&objects, "listening on http://127.0.0.1:");
        says(&objects, "works.txt");
        let ended: Vec<&Value> =
            objects.iter().filter(|object| !object["fields"]["work_id"].is_null()).collect();
        assert_eq!(ended.len(), 2, "{objects:#?}");
        assert!(ended.iter().any(|object| object["fields"]["status"] == "stored"), "{ended:?}");
    }
}

#[test]
fn what_ends_the_program_is_an_object_too() {
    let home = Home::new();
    let as_json = |words: &[&str]| home.tierfall(words).env(AS_JSON, "json").run();
    let ended = as_json(&["run", "--no-such-flag"]).expect(2);
    assert_eq!(objects(&ended)[0]["level"], "ERROR");
    let ended = as_json(&["run", "10.5555/1", "--set", "run.workers=none"]).expect(2);
    says(&objects(&ended), "run.workers");
    let ended = as_json(&["run", "--input", "nowhere.txt"]).expect(2);
    says(&objects(&ended), "nowhere.txt");
    assert!(as_json(&["--version"]).expect(0).out.contains("tierfall"), "what is asked for is no log");
}

#[cfg(unix)]
#[test]
fn a_panic_and_a_signal_are_objects_too() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "unlucky");
    let call = home.call(&example("killed-program"), ["run", "--enable-idempotency", &article.page]);
    let call = call.args(["--fallback-tier", "landing_scrape", "--out", "papers"]).through(&web);
    let ended = call.env(AS_JSON, "json").env("PANIC_AT", "plan before:1").run();
    says(&objects(&ended), "a panic that was asked for");

    let mut running = pages_only(&home, &web, &["--input", "-"])
        .env(AS_JSON, "json")
        .args(["--grace", "60"])
        .start_typing();
    running.type_in(&format!("{}\n", article.page));
    web.wait_for(&article.page, 1);
    running.signal("TERM");
    let ended = running.wait().expect(143);
    says(&objects(&ended), "stopping (SIGTERM)");
}

/// What a pipe holds that nobody reads.
#[cfg(target_os = "linux")]
const PIPE: usize = 64 << 10;

#[cfg(target_os = "linux")]
#[test]
fn who_does_not_read_standard_error_holds_no_run_up_and_loses_no_result() {
    let web = Web::start();
    let article = Article::on(&web, "heard");
    let mut list = format!("{}\n", article.page);
    list.extend((0..3000).map(|number| format!("this is no work, and that is said: {number}\n")));
    let run = |home: &Home| {
        let list = home.write("works.txt", &list);
        pages_only(home, &web, &[]).args(["--json", "--input"]).args([list])
    };
    let stalled = "mkfifo pipe && exec 3<>pipe && exec \"$0\" \"$@\" 2>&3";
    let ended = run(&Home::new()).under("sh", &["-c", stalled]).run().expect(2);
    assert_eq!(ended.out.lines().count(), 2, "the work's line, and the summary: {}", ended.out);
    assert!(ended.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", ended.out);
    assert!(ended.out.contains("\"bad_entries\":3000"), "{}", ended.out);
    // It had more to say than a pipe holds, and who reads hears all of it.
    let heard = run(&Home::new()).run().expect(2);
    assert!(heard.err.len() > 2 * PIPE, "{} bytes", heard.err.len());
    assert_eq!(heard.err.lines().filter(|line| line.contains("that is said")).count(), 3000);
}
