//! Configuration: where values come from, and what a mistake looks like.

use serde_json::Value;

use crate::support::program::{Call, Home};

fn plan(call: Call) -> Value {
    serde_json::from_str(&call.args(["--json"]).run().expect(0).out).expect("the plan is JSON")
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file_beats_the_defaults() {
    let home = Home::new();
    let attempts = |call: Call| plan(call)["budgets"]["max_attempts"].clone();
    assert_eq!(attempts(home.tierfall(["plan"])), 20);
    home.write("tierfall.toml", "[fallback]\nmax_attempts = 7\n");
    assert_eq!(attempts(home.tierfall(["plan"])), 7);
    let with_variable = || home.tierfall(["plan"]).env("TIERFALL_FALLBACK_TOTAL_ATTEMPTS", "8");
    assert_eq!(attempts(with_variable()), 8);
    assert_eq!(attempts(with_variable().args(["--fallback-max-attempts", "9"])), 9);
}

/// What the plan says of it, the flag if there is one, the variables, the key, and the value that all of
/// them are given.
type Twins = (fn(&Value) -> Value, Option<&'static str>, &'static [&'static str], &'static str, &'static str);

#[test]
fn every_fallback_flag_has_its_twins_in_the_environment_and_in_the_file() {
    let tiers: fn(&Value) -> Value =
        |plan| plan["tiers"].as_array().into_iter().flatten().map(|tier| tier["tier"].clone()).collect();
    let all: [Twins; 6] = [
        (
            |plan| plan["budgets"]["total_timeout_ms"].clone(),
            Some("--fallback-total-timeout-ms"),
            &["TIERFALL_FALLBACK_TOTAL_TIMEOUT_MS", "DOCSTOKG_FALLBACK_TOTAL_TIMEOUT_MS"],
            "total_timeout_ms",
            "4321",
        ),
        (
            |plan| plan["budgets"]["max_attempts"].clone(),
            Some("--fallback-max-attempts"),
            &[
                "TIERFALL_FALLBACK_MAX_ATTEMPTS",
                "TIERFALL_FALLBACK_TOTAL_ATTEMPTS",
                "DOCSTOKG_FALLBACK_TOTAL_ATTEMPTS",
            ],
            "max_attempts",
            "6",
        ),
        (
            |plan| plan["budgets"]["max_concurrent"].clone(),
            Some("--fallback-max-concurrent"),
            &["TIERFALL_FALLBACK_MAX_CONCURRENT", "DOCSTOKG_FALLBACK_MAX_CONCURRENT"],
            "max_concurrent",
            "5",
        ),
        (
            |plan| plan["tiers"][0]["sources"][0]["timeout_ms"].clone(),
            None,
            &[
                "TIERFALL_FALLBACK_SOURCE_TIMEOUT_MS",
                "TIERFALL_FALLBACK_PER_SOURCE_TIMEOUT_MS",
                "DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS",
            ],
            "source_timeout_ms",
            "1234",
        ),
        (
            tiers,
            Some("--fallback-tier"),
            &["TIERFALL_FALLBACK_TIERS", "TIERFALL_FALLBACK_TIER"],
            "tiers",
            "archive:sources=hal,parallel=3",
        ),
        (
            tiers,
            Some("--disable-wayback-fallback"),
            &["TIERFALL_FALLBACK_DISABLE_WAYBACK", "TIERFALL_DISABLE_WAYBACK_FALLBACK"],
            "disable_wayback",
            "true",
        ),
    ];
    for (shown, flag, variables, key, value) in all {
        let (home, bare) = (Home::new(), Home::new());
        let default = shown(&plan(bare.tierfall(["plan"])));
        home.write(
            "tierfall.toml",
            match key {
                "tiers" => format!("[fallback]\ntiers = [\"{value}\"]\n"),
                _ => format!("[fallback]\n{key} = {value}\n"),
            },
        );
        let by_file = shown(&plan(home.tierfall(["plan"])));
        assert_ne!(by_file, default, "{key}");
        for variable in variables {
            let met = shown(&plan(bare.tierfall(["plan"]).env(variable, value)));
            assert_eq!(met, by_file, "{variable}");
        }
        if let Some(flag) = flag {
            let call = bare.tierfall(["plan", flag]);
            let met = shown(&plan(if value == "true" { call } else { call.args([value]) }));
            assert_eq!(met, by_file, "{flag}");
        }
    }
}

#[test]
fn tiers_given_by_each_layer_keep_their_order_and_their_options() {
    let tiers = ["archive:sources=zenodo+hal,parallel=3,timeout_ms=77", "landing_scrape"];
    let (home, bare) = (Home::new(), Home::new());
    home.write("tierfall.toml", format!("[fallback]\ntiers = {tiers:?}\n"));
    for call in [
        home.tierfall(["plan"]),
        bare.tierfall(["plan"]).env("TIERFALL_FALLBACK_TIER", tiers.join(";")),
        bare.tierfall(["plan", "--fallback-tier", tiers[0], "--fallback-tier", tiers[1]]),
    ] {
        let plan = plan(call);
        let [archive, pages] = plan["tiers"].as_array().expect("tiers").as_slice() else {
            panic!("two tiers were given: {plan:#}");
        };
        assert_eq!((&archive["tier"], &archive["parallel"]), (&"archive".into(), &3.into()));
        assert_eq!(archive["sources"][0]["source"], "zenodo");
        assert_eq!(archive["sources"][1]["source"], "hal");
        assert_eq!(archive["sources"][1]["timeout_ms"], 77);
        assert_eq!(archive["sources"].as_array().map(Vec::len), Some(2));
        assert_eq!((&pages["tier"], &pages["parallel"]), (&"landing_scrape".into(), &2.into()));
    }
}

#[test]
fn every_key_can_be_set_by_name() {
    let home = Home::new();
    let plan = plan(home.tierfall([
        "plan",
        "--set",
        "fallback.total_timeout_ms=1234",
        "--set",
        "fallback.hedge_ms=56",
    ]));
    assert_eq!(plan["budgets"]["total_timeout_ms"], 1234);
    assert_eq!(plan["budgets"]["hedge_ms"], 56);
}

#[test]
fn a_fresh_configuration_is_sound_and_changes_nothing() {
    let home = Home::new();
    let before = home.tierfall(["plan"]).run().expect(0).out;
    home.tierfall(["config", "init"]).run().expect(0);
    assert!(home.read("tierfall.toml").contains('#'), "it is commented");
    home.tierfall(["config", "check"]).run().expect(0);
    assert_eq!(home.tierfall(["plan"]).run().expect(0).out, before);
}

#[test]
fn a_configuration_that_is_there_is_not_overwritten() {
    let home = Home::new();
    home.write("tierfall.toml", "# mine\n");
    let ended = home.tierfall(["config", "init"]).run().expect(1);
    assert!(ended.err.contains("tierfall.toml"), "{}", ended.err);
    assert_eq!(home.read("tierfall.toml"), "# mine\n");
}

#[test]
fn show_tells_each_value_and_where_it_came_from() {
    let home = Home::new();
    home.write("tierfall.toml", "[run]\nworkers = 3\n");
    let shown = home
        .tierfall(["config", "show", "--mailto", "me@library.example"])
        .env("TIERFALL_FALLBACK_MAX_CONCURRENT", "5")
        .run()
        .expect(0)
        .out;
    let line = |key: &str| {
        shown.lines().find(|line| line.contains(key)).unwrap_or_else(|| panic!("{key} is not in\n{shown}"))
    };
    assert!(line("workers").contains('3') && line("workers").contains("tierfall.toml"), "{shown}");
    assert!(line("max_concurrent").contains("TIERFALL_FALLBACK_MAX_CONCURRENT"), "{shown}");
    assert!(line("mailto").contains("me@library.example") && line("mailto").contains("--mailto"), "{shown}");
    assert!(line("total_timeout_ms").contains("default"), "{shown}");
}

#[test]
fn secrets_are_never_shown() {
    let home = Home::new();
    home.configure("[secrets]\ndoaj_api_key = \"hush-in-the-file\"\n");
    for arguments in
        [["config", "show"].as_slice(), &["config", "show", "--json"], &["plan"], &["plan", "--json"]]
    {
        let ended = home.tierfall(arguments).env("CORE_API_KEY", "hush-in-the-environment").run().expect(0);
        assert!(!format!("{ended:?}").contains("hush"), "{ended:#?}");
    }
}

#[test]
fn a_mistake_is_one_message_with_its_place_and_a_suggestion() {
    for (text, said) in [
        ("[fallback]\nmax_atempts = 3\n", ["max_atempts", "line 2", "max_attempts"].as_slice()),
        ("[falback]\nmax_attempts = 3\n", &["falback", "line 1", "fallback"]),
        ("[fallback]\n\nmax_attempts = \"many\"\n", &["max_attempts", "line 3"]),
        ("[fallback]\nmax_attempts = 3\nmax_attempts = 4\n", &["max_attempts", "line 3"]),
        ("[fallback\n", &["line 1"]),
        ("[fallback]\ntiers = [\"dierct_oa\"]\n", &["dierct_oa", "direct_oa"]),
        ("[tiers.direct_oa]\nsources = [\"unpaywal\"]\n", &["unpaywal", "unpaywall"]),
    ] {
        let home = Home::new();
        home.write("tierfall.toml", text);
        let ended = home.tierfall(["config", "check"]).run().expect(2);
        for part in said {
            assert!(ended.err.contains(part), "{part} is not in the message for\n{text}\n{}", ended.err);
        }
        assert!(ended.err.contains("tierfall.toml"), "the file is not named for\n{text}\n{}", ended.err);
        // Where the file itself can be read, it is named as the one that was found.
        let mistakes = ended.err.lines().filter(|line| !line.contains("was found here"));
        assert_eq!(mistakes.count(), 1, "{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn what_no_run_can_be_made_of_is_refused_with_its_place() {
    let home = Home::new();
    let long = format!("[run]\n{} = 1\n", "k".repeat(100_000));
    for (text, said) in [
        (b"[run]\n# caf\xe9\nworkers = 2\n".as_slice(), ["line 2", "UTF-8"].as_slice()),
        (b"\xff\xfe[\0r\0u\0n\0]\0", &["line 1", "UTF-8"]),
        (
            b"[fallback]\ntiers = [\"wayback\", \"archive\", \"wayback\"]\n",
            &["line 2", "`wayback` is given twice"],
        ),
        (b"[fallback]\ntitles = [\"crossref\", \"crossref\"]\n", &["line 2", "`crossref` is given twice"]),
        (b"[fallback]\nfacts = [\"openalex\", \"openalex\"]\n", &["line 2", "`openalex` is given twice"]),
        (
            b"[ledger]\nurl = \"mysql://me:hidden@db/x\"\n",
            &["line 2", "no ledger at mysql://", "postgres://"],
        ),
        (b"[telemetry]\nlog = \"wran\"\n", &["line 2", "`telemetry.log`", "did you mean `warn`?"]),
        (b"[telemetry]\nlog = \"warn,tierfall=loud\"\n", &["line 2", "\"loud\" is no level"]),
        (b"[acquire]\nmax_bytes = 0\n", &["line 2", "`acquire.max_bytes`", "more than 0 bytes"]),
        (b"[sandbox]\nstack_bytes = 0\n", &["line 2", "`sandbox.stack_bytes`"]),
        (b"[http.limits]\nbody_bytes = 0\n", &["line 2", "`http.limits.body_bytes`"]),
        (b"[http]\nuser_agent = \"a\\nb\"\n", &["line 2", "`http.user_agent`", "one line"]),
        (long.as_bytes(), &["line 2", "there is no key", "\u{2026}"]),
    ] {
        let file = home.write("mine.toml", text);
        let ended = home.tierfall(["config", "check", "--config"]).args([file]).run().expect(2);
        for part in said {
            assert!(ended.err.contains(part), "{part} is not in the message:\n{}", ended.err);
        }
        assert!(ended.err.contains("mine.toml"), "{}", ended.err);
        assert!(ended.err.len() < 3000 && !ended.err.contains("hidden"), "{}", ended.err);
    }
    // Nor is anything else that can stand in a file's place read for ever, or told as something else.
    std::fs::create_dir(home.path("folder.toml")).expect("a folder can be made");
    #[cfg(unix)]
    std::os::unix::fs::symlink(home.path("loop.toml"), home.path("loop.toml")).expect("a link can be made");
    for name in ["folder.toml", "loop.toml", "nothing.toml"] {
        let ended = home.tierfall(["config", "check", "--config", name]).run().expect(2);
        assert!(ended.err.contains(name), "{}", ended.err);
    }
    // These are what editors and systems make of a good one.
    for text in ["", "\u{feff}[run]\nworkers = 2\n", "[run]\r\nworkers = 2\r\n"] {
        let file = home.write("mine.toml", text);
        home.tierfall(["config", "check", "--config"]).args([file]).run().expect(0);
    }
    for log in ["off", "WARN", "info,tierfall::http=debug", "tierfall[job{job_id=1}]=debug"] {
        home.tierfall(["config", "check", "--set", &format!("telemetry.log={log}")]).run().expect(0);
    }
    // A part of a tier may come first, and the rest of it later.
    let parts = ["--fallback-tier", "archive:sources=hal", "--fallback-tier", "archive:sources=zenodo"];
    assert_eq!(plan(home.tierfall(["plan"]).args(parts))["tiers"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_mistake_on_the_command_line_is_told_as_one() {
    let home = Home::new();
    for (arguments, said) in [
        (["plan", "--fallback-tier", "dierct_oa"].as_slice(), ["dierct_oa", "direct_oa"].as_slice()),
        (&["plan", "--fallback-tier", "direct_oa:paralel=3"], &["paralel", "parallel"]),
        (&["plan", "--fallback-tier", "direct_oa:parallel=many"], &["parallel", "many"]),
        (&["plan", "--fallback-tier", "direct_oa:sources=unpaywal"], &["unpaywal", "unpaywall"]),
        (&["plan", "--fallback-tier", "./nowhere.wasm"], &["nowhere.wasm"]),
        (&["plan", "--set", "fallback.max_atempts=3"], &["max_atempts", "max_attempts"]),
        (&["plan", "--fallback-max-attempts", "many"], &["many"]),
        (&["plan", "--fallback-max-attempts", "-1"], &["--fallback-max-attempts", "'-1'"]),
        (&["plan", "--workers", "-1"], &["--workers", "1 to 1024"]),
        (&["plan", "--set", "=1"], &["--set =1", "KEY=VALUE"]),
        (
            &["plan", "--fallback-tier", "wayback", "--fallback-tier", "wayback"],
            &["--fallback-tier", "twice"],
        ),
        (&["plan", "--fallback-max-atempts", "3"], &["--fallback-max-attempts"]),
        (&["plan", "--config", "missing.toml"], &["missing.toml"]),
        (&["run", "--input", "missing.txt"], &["missing.txt"]),
        (&["explain", "not an identifier"], &["not an identifier"]),
        (&["plan", "--set", "workers"], &["--set workers", "KEY=VALUE"]),
        (&["plugin", "inspect", "archives"], &["archives", "archive"]),
        (&["run", "10.5555/x", "--mailto", "nobody"], &["nobody", "mail"]),
        (
            &["run", "10.5555/x", "--proxy", "ftp://me:pw@proxy.example"],
            &["--proxy", "http://proxy.example.org:3128"],
        ),
        (&["run", "10.5555/x", "--ca-cert", "missing.pem"], &["missing.pem"]),
        (&["run", "10.5555/x", "--identity", "strct"], &["strct", "strict"]),
        (&["plan", "--fallback-tier", "wayback", "--disable-wayback-fallback"], &["Wayback"]),
    ] {
        let ended = home.tierfall(arguments).run().expect(2);
        for part in said {
            assert!(
                ended.err.contains(part),
                "{part} is not in the message for {arguments:?}:\n{}",
                ended.err
            );
        }
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
}

#[test]
fn the_check_finds_what_only_shows_once_plugins_and_ledger_are_there() {
    let check = |text: &str| {
        let home = Home::new();
        home.configure(text);
        let ended = home.tierfall(["config", "check"]).run();
        (home, ended)
    };
    for (text, said) in [
        (
            "[sources.unpaywal]\ntimeout_ms = 5\n",
            &["[sources.unpaywal]", "line 2", "did you mean `unpaywall`?"][..],
        ),
        ("[fallback]\nfacts = [\"crosref\"]\n", &["`fallback.facts`", "line 2", "`crossref`?"]),
        (
            "[ledger]\nurl = \"postgres://me:hidden@127.0.0.1:9/x\"\n",
            &["`ledger.url`", "cannot be opened", "line 2"],
        ),
        ("[ledger]\nurl = \"no/folder/ledger.sqlite\"\n", &["`ledger.url`", "no folder"]),
    ] {
        let (_home, ended) = check(text);
        let ended = ended.expect(2);
        for part in said {
            assert!(ended.err.contains(part), "{part} is not in the message for\n{text}\n{}", ended.err);
        }
        assert!(!ended.err.contains("hidden"), "{}", ended.err);
    }
    let (home, ended) =
        check("[plugins.archive]\npath = \"built-in\"\nhosts = [\"api.osf.io\", \"*.archive.org\"]\n");
    let ended = ended.expect(0);
    assert!(ended.err.contains("archive/zenodo declares zenodo.org and is not granted it"), "{}", ended.err);
    assert!(ended.err.contains("[plugins.archive]") && !ended.err.contains("archive/osf"), "{}", ended.err);
    let check = home.tierfall(["config", "check", "--json"]).run().expect(0);
    let checked: Value = serde_json::from_str(&check.out).expect("JSON");
    assert!(checked["notes"].as_array().is_some_and(|notes| !notes.is_empty()), "{checked:#}");

    let home = Home::new();
    home.tierfall(["config", "check", "--enable-idempotency"]).run().expect(0);
    assert!(home.files("papers").is_empty(), "looking makes nothing");
    home.write("ledger.sqlite", "my notes");
    let other = home.tierfall(["config", "check", "--ledger", "ledger.sqlite"]).run().expect(2);
    assert!(other.err.contains("is not a ledger"), "{}", other.err);
}

#[test]
fn a_value_on_the_command_line_that_looks_like_a_table_is_said_to_be_text() {
    let home = Home::new();
    let said = |value: &str| home.tierfall(["config", "show", "--set", value]).run();
    let table = said("secrets.core_api_key={ env = \"HOME\" }").expect(0);
    assert!(table.err.contains("taken as the text that it is"), "{}", table.err);
    assert!(table.err.contains("--set 'secrets.core_api_key.env=…'"), "{}", table.err);
    let list = said("fallback.facts=[\"crossref\", \"openalex\"]");
    assert!(list.err.contains("--set 'fallback.facts=crossref,openalex'"), "{}", list.err);
    for text in ["run.name={author}{year}", "fallback.facts=crossref,openalex"] {
        assert_eq!(said(text).expect(0).err, "", "{text}");
    }
    assert_eq!(said("secrets.core_api_key.env=HOME").expect(0).err, "");
}

#[test]
fn a_value_that_an_environment_gives_wrongly_names_its_variable() {
    let home = Home::new();
    let ended = home.tierfall(["plan"]).env("TIERFALL_FALLBACK_TOTAL_TIMEOUT_MS", "soon").run().expect(2);
    assert!(
        ended.err.contains("TIERFALL_FALLBACK_TOTAL_TIMEOUT_MS") && ended.err.contains("soon"),
        "{}",
        ended.err
    );
}
