//! Plugins from elsewhere that want more than they are given: keys, other works, hosts, the last word about a URL.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::support::component::component;
use crate::support::pdf::{Paper, Style};
use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Web};

/// The plugin of all these tests, built once.
fn stranger() -> &'static PathBuf {
    static STRANGER: OnceLock<PathBuf> = OnceLock::new();
    STRANGER.get_or_init(|| component("stranger"))
}

/// A configuration in which the plugin has a name; each of its sources asks `base`.
fn configured(home: &Home, base: &str, more: &str) {
    let mut config = format!("[plugins.stranger]\npath = {:?}\n", stranger());
    for source in ["core", "resolver", "insider", "squatter", "registrar", "mapper"] {
        config += &format!("[tiers.{source}]\nplugin = \"stranger\"\nsources = [\"{source}\"]\n");
    }
    for source in ["resolver", "insider", "squatter", "registrar", "mapper"] {
        config += &format!("[sources.{source}]\nbase = \"{base}\"\n");
    }
    home.write("trust.toml", config + more);
}

/// A run over one work by these tiers, everything through this web.
fn run(home: &Home, web: &Web, work: &str, tiers: &[&str]) -> Call {
    let mut call = home.tierfall(["run", work, "--out", "out", "--config", "trust.toml"]);
    for tier in tiers {
        call = call.args(["--fallback-tier", tier]);
    }
    call.args(["--allow-private", "127.0.0.1", "--set", "http.pace.enabled=false"]).through(web)
}

/// What the trail says of a source.
fn attempt(line: &Value, source: &str) -> Value {
    let trail = line["trail"].as_array().into_iter().flatten();
    let mut attempts = trail.filter(|entry| entry["event"] == "attempt" && entry["source"] == source);
    attempts.next().cloned().unwrap_or_else(|| panic!("{source} is not in {line:#}"))
}

fn base(web: &Web) -> String {
    web.url("/").trim_end_matches('/').to_owned()
}

const DOI: &str = "10.5555/trust.1";

#[test]
fn a_source_that_calls_itself_core_gets_nothing_of_cores_key_however_it_is_given() {
    let planted = "planted-key-of-core";
    let by_file = format!("[secrets]\ncore_api_key = \"{planted}\"\n");
    let by_table = format!("[secrets]\ncore_api_key = {{ value = \"{planted}\" }}\n");
    for (variable, file, flag) in [
        (Some("CORE_API_KEY"), "", None),
        (Some("TIERFALL_SECRETS_CORE_API_KEY"), "", None),
        (None, by_file.as_str(), None),
        (None, by_table.as_str(), None),
        (None, "", Some(format!("secrets.core_api_key={planted}"))),
    ] {
        let (home, web) = (Home::new(), Web::start());
        web.get("/echo", [Answer::json("{}")]);
        web.get("/again*", [Answer::status(404)]);
        let own = format!("[sources.core]\nbase = \"{}\"\n", base(&web));
        configured(&home, &base(&web), &(own + file));
        let asked = |named: bool| {
            let mut call = run(&home, &web, DOI, &["core"]).args(["--set", "fallback.facts="]);
            call = call.args(flag.iter().flat_map(|flag| ["--set", flag]));
            call = call.args(
                named.then_some(["--set", "secrets.core_api_key.plugin=stranger"]).into_iter().flatten(),
            );
            if let Some(variable) = variable {
                call = call.env(variable, planted);
            }
            call.run().expect(3)
        };
        let ended = asked(false);
        let sent = format!("{:?}", web.requests());
        assert!(sent.contains("/echo") && !sent.contains("planted"), "{variable:?} {file} {flag:?}: {sent}");
        let why = "`secrets.core_api_key` is set and belongs to the plugin archive";
        assert!(ended.err.contains(why) && !ended.err.contains("planted"), "{}", ended.err);

        asked(true);
        let echo = web.requests_for("/echo");
        let key = echo.last().and_then(|seen| seen.header("x-key"));
        assert_eq!(key, Some(format!("Token {planted}").as_str()), "the operator named it: {echo:#?}");
    }
}

#[test]
fn a_plugin_of_which_only_the_file_is_known_gets_no_key_that_names_no_plugin() {
    let (home, web) = (Home::new(), Web::start());
    web.get("/echo", [Answer::json("{}")]);
    configured(&home, &base(&web), "");
    let tier = format!("{}:sources=core,base={}", stranger().display(), base(&web));
    for (plugin, gets) in [(String::new(), false), (stranger().display().to_string(), true)] {
        run(&home, &web, DOI, &[&tier])
            .args(["--set", "fallback.facts=", "--set", "secrets.core_api_key=planted-key"])
            .args(["--set", &format!("secrets.core_api_key.plugin={plugin}")])
            .run()
            .expect(3);
        let sent = format!("{:?}", web.requests());
        assert_eq!(sent.contains("planted"), gets, "{sent}");
    }
}

#[test]
fn inspecting_a_plugin_says_where_each_secret_goes_and_who_is_told_the_address() {
    let home = Home::new();
    let archive = home.tierfall(["plugin", "inspect", "archive"]).run().expect(0).out;
    let goes =
        "secrets.core_api_key goes to the host of `api_base` (api.core.ac.uk), as `authorization: Bearer …`";
    assert!(archive.contains(goes), "{archive}");
    let direct = home.tierfall(["plugin", "inspect", "direct_oa"]).run().expect(0).out;
    assert!(
        direct.contains("mailto: ") && direct.contains("it is told your address, http.mailto"),
        "{direct}"
    );

    let path = stranger().display().to_string();
    let told = home.tierfall(["plugin", "inspect", &path, "--json"]).run().expect(0).out;
    let told: Value = serde_json::from_str(&told).expect("one JSON object");
    let setting = |source: &str, name: &str| {
        let of = |list: &Value, name: &str| {
            list.as_array().into_iter().flatten().find(|entry| entry["name"] == name).cloned()
        };
        let source = of(&told["sources"], source).unwrap_or_else(|| panic!("{told:#}"));
        of(&source["settings"], name).unwrap_or_else(|| panic!("{source:#}"))
    };
    let sent = json!({
        "key": "secrets.core_api_key", "host": "the host of `base`", "header": "x-key", "prefix": "Token ",
    });
    assert_eq!(setting("core", "api_key")["sent"], sent);
    assert_eq!(setting("mapper", "mailto")["told"], "http.mailto");
    assert_eq!(setting("core", "base")["sent"], Value::Null);
}

#[test]
fn a_plugin_that_names_a_secret_as_a_host_is_refused_and_shows_nothing_of_it() {
    let home = Home::new();
    let path = component("impostor").display().to_string();
    let key = ["--set", "secrets.core_api_key=planted-key"];
    for arguments in [["plugin", "inspect", &path], ["plan", "--fallback-tier", &path]] {
        let ended = home.tierfall(arguments).args(key).run().expect(2);
        assert!(ended.err.contains("`api_key`, which is a secret"), "{}", ended.err);
        assert!(!format!("{ended:?}").contains("planted"), "{ended:?}");
    }
}

/// The work is one paper; the stranger says that it is another, and has that one's file.
fn another(web: &Web, doi: Option<&str>) -> Paper {
    let title = "Quite Another Paper on Quite Another Matter";
    let paper = Paper::new(title, &["Ada Other"], doi);
    web.get("/another.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    web.get("http://inside.example/file.pdf", [Answer::status(404)]);
    web.get("http://inside.example/page", [Answer::html("<html><title>Quite Another Paper</title></html>")]);
    web.get("http://inside.example/secret", [Answer::json("{}")]);
    paper
}

#[test]
fn what_a_stranger_says_a_work_is_proves_no_file_and_is_no_question_for_a_registry() {
    for (work, doi) in [("PMID:123456", Some("10.5555/another")), (DOI, None)] {
        let (home, web) = (Home::new(), Web::start());
        another(&web, doi);
        web.get("http://crossref.example/*", [Answer::status(404)]);
        configured(&home, &base(&web), "");
        let crossref = "direct_oa:sources=crossref,api_base=http://crossref.example";
        let tiers = ["resolver", crossref, "landing_scrape"];
        let ended =
            run(&home, &web, work, &tiers).args(["--identity", "strict", "--set", "fallback.facts="]).run();
        assert!(matches!(ended.code, Some(3 | 4)), "{ended:#?}");
        assert!(home.files("out/files").is_empty(), "{:#?}", home.manifest("out"));
        let asked = format!("{:?}", web.requests_for("http://crossref.example/*"));
        assert!(!asked.contains("another") && !asked.contains("Another"), "{asked}");
        // Its page is read by nobody either: what stands there would be said by a source of ours.
        assert!(web.requests_for("http://inside.example/page").is_empty(), "{:#?}", web.requests());
    }
}

#[test]
fn a_stranger_does_not_reach_a_host_by_calling_it_the_works_own() {
    let (home, web) = (Home::new(), Web::start());
    another(&web, None);
    configured(&home, &base(&web), "");
    run(&home, &web, DOI, &["resolver", "insider"])
        .args(["--identity", "strict", "--set", "fallback.facts="])
        .run()
        // What was denied has not answered.
        .expect(4);
    let line = &home.manifest("out")[0];
    let insider = attempt(line, "insider");
    assert!(
        insider["detail"].as_str().is_some_and(|detail| detail.contains("reached: false")),
        "{insider:#}"
    );
    assert!(insider["notes"].to_string().contains("none of this work's own hosts"), "{insider:#}");
    assert!(web.requests_for("http://inside.example/secret").is_empty());

    // The same page, given by the user, is one of the work's; and the operator's word counts more.
    for (hosts, reached) in [("", true), ("hosts = [\"127.0.0.1\"]\n", false)] {
        let list = home.write("list.csv", format!("doi,url\n{DOI},http://inside.example/page\n"));
        configured(&home, &base(&web), &format!("[plugins.own]\npath = {:?}\n{hosts}", stranger()));
        let call = home.tierfall(["run", "--out", "own", "--config", "trust.toml", "--input"]).args([list]);
        call.args(["--fallback-tier", "own:sources=insider", "--set", "fallback.facts="])
            .args(["--set", "http.pace.enabled=false"])
            .through(&web)
            .run()
            // What was denied has not answered.
            .expect(if reached { 3 } else { 4 });
        let insider = attempt(&home.manifest("own")[0], "insider");
        let told = format!("reached: {reached}");
        assert!(insider["detail"].as_str().is_some_and(|detail| detail.contains(&told)), "{insider:#}");
    }
}

#[test]
fn a_strangers_guess_does_not_hide_the_same_url_from_a_registry() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Proposed Twice and Taken Once", &["Ada Keeper"], Some(DOI));
    // Without text that can be read, only the place vouches for it.
    web.get("/scan.pdf", [Answer::pdf(paper.pdf(Style::Scan))]);
    let record = json!({
        "doi": DOI, "is_oa": true, "title": paper.title, "oa_locations": [{
            "url_for_pdf": web.url("/scan.pdf"), "url": web.url("/scan.pdf"), "host_type": "repository",
            "license": "cc-by", "version": "publishedVersion",
        }],
    });
    web.get("http://unpaywall.example/*", [Answer::json(&record.to_string())]);
    configured(&home, &base(&web), "");
    let registry = "direct_oa:sources=unpaywall,api_base=http://unpaywall.example";
    run(&home, &web, DOI, &["squatter", registry])
        .args(["--mailto", "me@library.example", "--set", "fallback.facts="])
        .run()
        .expect(0);
    let line = &home.manifest("out")[0];
    assert_eq!((&line["plugin"], &line["license"]), (&"direct_oa".into(), &"cc-by".into()), "{line:#}");
    let verdicts: Vec<&Value> = line["trail"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["event"] == "acquisition")
        .map(|entry| &entry["verdict"])
        .collect();
    assert_eq!(verdicts, ["unproven", "accepted"], "{line:#}");
}

#[test]
fn a_stranger_that_calls_its_own_server_a_registry_gets_no_file_in_that_cannot_be_compared() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Vouched for by Nobody", &["Ada Keeper"], Some(DOI));
    web.get("/scan.pdf", [Answer::pdf(paper.pdf(Style::Scan))]);
    configured(&home, &base(&web), "");
    run(&home, &web, DOI, &["registrar"]).args(["--set", "fallback.facts="]).run().expect(3);
    let line = &home.manifest("out")[0];
    let acquisitions = |entry: &&Value| entry["event"] == "acquisition";
    let rejected = line["trail"].as_array().into_iter().flatten().find(acquisitions).expect("it is fetched");
    assert_eq!(rejected["verdict"], "unproven", "{line:#}");
    assert!(rejected["detail"].as_str().is_some_and(|why| why.contains("what stranger says")), "{line:#}");
}

#[test]
fn a_denial_tells_the_plugin_nothing_of_the_network_that_it_runs_in() {
    let (home, web) = (Home::new(), Web::start());
    configured(&home, &base(&web), "");
    home.tierfall(["run", DOI, "--out", "out", "--config", "trust.toml", "--fallback-tier", "mapper"])
        .args(["--set", "fallback.facts=", "--proxy", "direct"])
        .run()
        .expect(3);
    let mapper = attempt(&home.manifest("out")[0], "mapper");
    let detail = mapper["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("Denied") && !detail.contains("127.0.0.1") && !detail.contains("::1"),
        "{mapper:#}"
    );
    assert!(!detail.contains("private"), "{mapper:#}");
    let notes = mapper["notes"].to_string();
    assert!(
        notes.contains("private address") && notes.contains("localhost"),
        "the operator is told: {mapper:#}"
    );
}

/// A key as its service may have made it: with what has to be written otherwise in a URL.
fn planted(name: &str) -> String {
    format!("planted-{name}/1+1=2")
}

#[test]
fn no_output_and_no_file_carries_a_secret_even_where_every_service_repeats_it() {
    let (home, sent) = (Home::new(), Arc::new(Mutex::new(Vec::<String>::new())));
    let seen_by_web = Arc::clone(&sent);
    // Every service says what it was asked, in its body, its headers and its redirects, however it ends.
    let web = Web::of_script(move |seen, before| {
        if seen.url.contains("/again") || seen.url.contains("/moved") {
            return Some(Answer::status(404).text(&format!("{} {:?}", seen.url, seen.headers)));
        }
        let values = seen.headers.iter().filter(|(_, value)| value.contains("planted"));
        let keys: Vec<String> = values.map(|(_, value)| value.clone()).collect();
        seen_by_web.lock().expect("no panic").extend(keys.clone());
        let echo = json!({"title": keys.join(" "), "message": format!("{:?}", seen.headers)}).to_string();
        let in_url: String = url::form_urlencoded::byte_serialize(keys.join(" ").as_bytes()).collect();
        let answer = match before {
            0 => Answer::status(500).header("Retry-After", "0").body(echo),
            1 if seen.url.contains("/doaj") => {
                let (_, host) = seen.url.split_once("http://").unwrap_or_default();
                let host = host.split('/').next().unwrap_or_default();
                Answer::redirect(&format!("http://{host}/moved?key={in_url}"))
            }
            1 if seen.url.contains("/core") => Answer::status(400).body(echo),
            1 if seen.url.contains("/scholar") => Answer::json("{\"title\": "),
            _ => Answer::json(&echo),
        };
        Some(answer.header("X-Echo", &keys.join(" ")))
    });
    let base = base(&web);
    home.write("keys/openalex", planted("openalex") + "\n");
    home.write("keys/stranger", planted("stranger") + "\n");
    let config = |own_key: &str, places: &[(&str, &str)]| {
        let mut config = format!(
            "[plugins.stranger]\npath = {:?}\n[tiers.stranger]\nplugin = \"stranger\"\nsources = [\"core\"]\n\
             [secrets]\n{own_key}doaj_api_key = \"{}\"\nopenalex_api_key = {{ file = \"keys/openalex\" }}\n",
            stranger(),
            planted("doaj"),
        );
        for (source, place) in places {
            config += &format!("[sources.{source}]\n{place}\"\n");
        }
        config
    };
    let place = |name: &str| format!("api_base = \"{base}/{name}");
    let places = ["core", "scholar", "doaj", "openalex", "openaire"].map(place);
    let sources = ["core", "semantic_scholar", "doaj", "openalex", "openaire"];
    let places: Vec<(&str, &str)> = sources.into_iter().zip(places.iter().map(String::as_str)).collect();
    home.write("trust.toml", config("", &places));
    // CORE's key, given to the stranger.
    let given = "core_api_key = { file = \"keys/stranger\", plugin = \"stranger\" }\n";
    home.write("own.toml", config(given, &[("core", &format!("base = \"{base}"))]));

    let tiers: [&[&str]; 2] = [
        &["direct_oa:sources=semantic_scholar+doaj+openalex", "archive:sources=core+openaire"],
        &["stranger"],
    ];
    let mut said = String::new();
    let mut call = |arguments: &[&str], config: &str, tiers: &[&str]| {
        let mut call = home.tierfall(arguments).args(["--config", config, "--allow-private", "127.0.0.1"]);
        for tier in tiers {
            call = call.args(["--fallback-tier", tier]);
        }
        call = call
            .args([
                "--set",
                "http.pace.enabled=false",
                "--set",
                "fallback.facts=",
                "--set",
                "http.retry.base_ms=1",
            ])
            .env("S2_API_KEY", planted("scholar"))
            .env("TIERFALL_SECRETS_OPENAIRE_TOKEN", planted("openaire"));
        if config == "trust.toml" {
            call = call.env("CORE_API_KEY", planted("core"));
        }
        let ended = call.run();
        said += &format!("{arguments:?}\n{}{}\n", ended.out, ended.err);
    };
    for (config, tiers) in ["trust.toml", "own.toml"].into_iter().zip(tiers) {
        call(&["plan"], config, tiers);
        call(&["plan", "--json"], config, tiers);
        call(&["config", "show"], config, tiers);
        call(&["plugin", "inspect", "stranger"], config, tiers);
        let record = format!("{config}.warc");
        call(
            &["run", DOI, "-vvv", "--json", "--out", "out", "--enable-idempotency", "--record", &record],
            config,
            tiers,
        );
        call(&["run", DOI, "-vvv", "--out", "replayed", "--replay", &record], config, tiers);
        call(&["explain", DOI, "-vv"], config, tiers);
        call(&["explain", DOI, "--json"], config, tiers);
    }
    // A value of the wrong kind is not shown either.
    home.write(
        "wrong.toml",
        "[secrets]\ncore_api_key = { value = [\"planted-wrong\"] }\ndoaj_api_key = [\"planted-wrong\"]\n",
    );
    call(&["plan"], "wrong.toml", &[]);

    let sent = sent.lock().expect("no panic").join(" ");
    for name in ["core", "scholar", "doaj", "openaire", "stranger"] {
        assert!(sent.contains(&planted(name)), "{name} was sent to where it belongs: {sent}\n{said}");
    }
    if let Some(at) = said.find("planted-") {
        let around = said.get(at.saturating_sub(400)..(at + 200).min(said.len()));
        panic!("it was said: {around:?}");
    }
    let files = home.files(".");
    assert!(
        files.iter().any(|file| file.ends_with(".warc")) && files.iter().any(|f| f.contains("ledger")),
        "{files:?}"
    );
    for file in files.iter().filter(|file| !file.ends_with(".toml") && !file.starts_with("keys")) {
        let bytes = std::fs::read(home.path(file)).expect("a file that is there");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("planted-"), "{file}: {text}");
    }
}
