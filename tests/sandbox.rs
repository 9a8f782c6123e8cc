//! Every limit of the sandbox, exceeded: the host stays up, the work goes on to the next source, and the
//! trail names the plugin, the function and the limit.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::component::component;
use crate::support::pdf::{Paper, Style};
use crate::support::program::Home;
use crate::support::web::{Answer, Web};

/// The zoo's component, built once for all tests.
pub fn zoo() -> &'static PathBuf {
    static ZOO: OnceLock<PathBuf> = OnceLock::new();
    ZOO.get_or_init(|| component("zoo"))
}

const DOI: &str = "10.5555/zoo.1";

/// Asks the animal, then the tame source of the same plugin; returns the trail's line and the animal's attempt.
fn visit(animal: &str, more: &[&str]) -> (Value, Value) {
    let (line, attempt, _) = visit_on(&Web::start(), animal, more);
    (line, attempt)
}

/// The same on a web that can be asked afterwards what it saw; also returns all that the program said and wrote.
pub fn visit_on(web: &Web, animal: &str, more: &[&str]) -> (Value, Value, String) {
    let paper = Paper::new("Keeping wild plugins behind bars", &["Ada Keeper"], Some(DOI));
    web.get(&web.url("/good.pdf"), [Answer::pdf(paper.pdf(Style::Plain))]);
    web.get(&web.url("/small"), [Answer::json("{}")]);
    web.get(&web.url("/big"), [Answer::json(&"x".repeat(9 << 20))]);
    let home = Home::new();
    let base = web.url("/");
    // Those that run until they are stopped are stopped soon; the others are to meet their own limits first,
    // on a busy machine too.
    let time = if matches!(animal, "spin" | "late") { 4000 } else { 40_000 };
    let tier = format!(
        "{}:sources={animal}+tame,base={},timeout_ms={time}",
        zoo().display(),
        base.trim_end_matches('/')
    );
    let mut arguments = vec!["run", DOI, "--json", "--out", "out", "--allow-private", "127.0.0.1"];
    arguments.extend(["--fallback-tier", &tier, "--set", "http.pace.enabled=false"]);
    arguments.extend(more);
    let ended = home.tierfall(arguments).run().expect(0);
    let line: Value = serde_json::from_str(ended.out.lines().next().expect("a line")).expect("JSON");
    let attempt = line["trail"]
        .as_array()
        .expect("a trail")
        .iter()
        .find(|entry| entry["event"] == "attempt" && entry["source"] == animal)
        .cloned()
        .unwrap_or_else(|| panic!("{animal} was asked: {line}"));
    assert_eq!(line["status"], "stored", "the work goes on to the next source: {line}");
    assert_eq!(line["source"], "tame");
    let all = format!("{}{}{}", ended.out, ended.err, home.read("out/manifest.jsonl"));
    (line, attempt, all)
}

#[track_caller]
fn contained(animal: &str, limit: &str) {
    contained_with(animal, limit, &[]);
}

#[track_caller]
fn contained_with(animal: &str, limit: &str, more: &[&str]) {
    let (_, attempt) = visit(animal, more);
    assert_eq!(attempt["outcome"], "error", "{attempt}");
    let detail = attempt["detail"].as_str().expect("a detail");
    for part in ["plugin zoo 6.6.6", "`find`", animal, limit] {
        assert!(detail.contains(part), "{detail} names {part}");
    }
}

#[test]
fn an_endless_loop_ends_with_its_time() {
    let (_, attempt) = visit("spin", &[]);
    assert_eq!(attempt["outcome"], "timeout", "{attempt}");
    assert!(attempt["ms"].as_u64().is_some_and(|ms| (4000..20_000).contains(&ms)), "{attempt}");
}

#[test]
fn memory_without_end_meets_its_limit() {
    contained("allocate", "memory_bytes");
}

#[test]
fn recursion_without_end_meets_the_stack_limit() {
    contained("recurse", "stack_bytes");
}

#[test]
fn a_trap_is_contained_and_named() {
    contained("trap", "trapped");
    // In its own words.
    contained("trap", "the zoo is closed");
}

#[test]
fn a_million_candidates_meet_a_limit() {
    let (_, attempt) = visit("million", &[]);
    assert_eq!(attempt["outcome"], "error", "{attempt}");
    let detail = attempt["detail"].as_str().expect("a detail");
    assert!(detail.contains("hostcall_bytes") || detail.contains("memory_bytes"), "{detail}");
}

#[test]
fn candidates_of_ten_megabytes_meet_the_output_limit() {
    // With memory enough to make them.
    contained_with("heavy", "hostcall_bytes", &["--set", "sandbox.memory_bytes=256 MiB"]);
}

#[test]
fn fetching_without_end_meets_the_fetch_budget() {
    let (_, attempt) = visit("fetch_flood", &["--set", "sandbox.fetches=3"]);
    assert!(attempt["detail"].as_str().is_some_and(|detail| detail.contains("the budget held")), "{attempt}");
    assert_eq!(attempt["notes"][0], "ran into the limit fetches");
}

#[test]
fn a_body_beyond_the_limit_is_refused_by_name() {
    let (_, attempt) = visit("big_body", &[]);
    assert!(attempt["detail"].as_str().is_some_and(|detail| detail.contains("cut at 8388608")), "{attempt}");
    assert_eq!(attempt["notes"][0], "ran into the limit fetch_bytes");
}

#[test]
fn a_flood_of_log_lines_stops_at_its_limit() {
    let (_, attempt) = visit("log_flood", &["--set", "sandbox.log_lines=5"]);
    assert_eq!(attempt["notes"][0], "ran into the limit log_lines");
}

#[test]
fn a_host_that_was_not_declared_is_denied_and_the_trail_says_so() {
    let (_, attempt) = visit("undeclared", &[]);
    let note = attempt["notes"][0].as_str().expect("a note");
    assert!(note.contains("elsewhere.example is not declared by plugin zoo"), "{note}");
}

#[test]
fn a_host_that_was_not_granted_is_denied_and_the_trail_says_so() {
    let home = Home::new();
    let config = format!(
        "[plugins.zoo]\npath = {:?}\nhosts = [\"granted.example\"]\n\n[tiers.zoo]\nplugin = \"zoo\"\nsources = [\"fetch_flood\"]\n\n[sources.fetch_flood]\nbase = \"https://declared.example\"\n",
        zoo()
    );
    home.configure(config);
    let ended =
        home.tierfall(["run", DOI, "--json", "--out", "out", "--fallback-tier", "zoo"]).run().expect(4);
    assert_eq!(home.manifest("out")[0]["reason"], "denied", "it has not answered: {}", ended.out);
    assert!(ended.out.contains("declared.example is declared by plugin zoo"), "{}", ended.out);
    assert!(ended.out.contains("but not granted"), "{}", ended.out);
}

#[test]
fn headers_that_belong_to_the_host_are_refused() {
    let (_, attempt) = visit("injector", &[]);
    let detail = attempt["detail"].as_str().expect("a detail");
    assert!(detail.contains("[false, false, false, false, false, false]"), "{detail}");
}

#[test]
fn a_plugin_sees_whether_a_secret_is_set_and_never_its_value() {
    let web = Web::start();
    let owner = format!("secrets.fisher_key.plugin={}", zoo().display());
    let given = ["--set", "secrets.fisher_key=hush", "--set", &owner, "-vvv"];
    let (_, attempt, all) = visit_on(&web, "fisher", &given);
    assert!(
        attempt["detail"].as_str().is_some_and(|detail| detail.contains("seen: false, set: true")),
        "{attempt}"
    );
    let sent = format!("{:?}", web.requests());
    assert!(sent.contains("/small?key=") && !sent.contains("hush"), "it is for another host: {sent}");
    assert!(!all.contains("hush"), "{all}");
}

#[test]
fn text_that_is_no_text_ends_the_call_and_is_named() {
    contained("mojibake", "trapped");
    contained("babbler", "trapped");
}

#[test]
fn memory_that_a_plugin_does_not_have_is_not_read() {
    contained("stray", "trapped");
}

#[test]
fn a_plugin_asks_nothing_when_its_time_is_over() {
    let web = Web::start();
    let (_, attempt, _) = visit_on(&web, "late", &[]);
    assert_eq!(attempt["outcome"], "timeout", "{attempt}");
    assert!(web.requests_for("/late").is_empty(), "{:#?}", web.requests());
}

#[test]
fn no_plugin_finds_a_way_into_the_network_that_the_program_runs_in() {
    let (_, attempt) = visit("prober", &["--set", "sandbox.fetches=100"]);
    assert_eq!(attempt["detail"], "the source's answer cannot be read: reached:", "{attempt}");
    let notes: Vec<&str> =
        attempt["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // Several ways to write one address are one note.
    assert!(notes.len() > 15, "{notes:#?}");
    assert!(notes.iter().all(|note| note.starts_with("denied: denied (private address)")), "{notes:#?}");
}

#[test]
fn a_forged_host_is_taken_for_what_it_is() {
    let web = Web::start();
    let (_, attempt, _) = visit_on(&web, "forger", &["--set", "sandbox.fetches=100"]);
    assert_eq!(attempt["detail"], "the source's answer cannot be read: reached:", "{attempt}");
    assert!(web.requests_for("/small").is_empty(), "{:#?}", web.requests());
}

#[test]
fn a_source_that_calls_itself_a_registry_is_not_believed_like_one() {
    let (home, web) = (Home::new(), Web::start());
    let record = json!({"status": "ok", "message": {"DOI": DOI, "title": ["What the registry says"]}});
    web.get("http://crossref.example/*", [Answer::json(&record.to_string())]);
    home.tierfall(["run", DOI, "--out", "out", "--fallback-tier"])
        .args([format!("{}:sources=crossref", zoo().display())])
        .args(["--fallback-tier", "direct_oa:sources=crossref,api_base=http://crossref.example"])
        .through(&web)
        .run()
        .expect(3);
    let work = &home.manifest("out")[0];
    assert_eq!(work["title"], "What the registry says", "{work:#}");
    let asked: Vec<_> =
        work["trail"].as_array().into_iter().flatten().map(|entry| &entry["plugin"]).collect();
    assert_eq!(asked, ["zoo", "direct_oa"], "{work:#}");
}

#[test]
fn two_plugins_cannot_go_by_one_name() {
    let home = Home::new();
    let mut other = std::fs::read(zoo()).expect("the zoo");
    // A custom section, which says nothing: another file, the same plugin.
    other.extend(b"\0\x05\x04note");
    home.write("other.wasm", other);
    let ended = home
        .tierfall([
            "plan",
            "--fallback-tier",
            &zoo().display().to_string(),
            "--fallback-tier",
            "./other.wasm",
        ])
        .run()
        .expect(2);
    assert!(ended.err.contains("./other.wasm calls itself `zoo`"), "{}", ended.err);
}

#[test]
fn what_a_plugin_says_reaches_no_terminal_unwashed() {
    let (line, attempt) = visit("painter", &[]);
    let text = format!("{line}{attempt}");
    assert!(text.contains("owned") && !text.contains("\\u001b") && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn candidates_that_are_no_web_addresses_are_rejected_one_by_one() {
    let (line, _) = visit("liar", &[]);
    let verdicts: Vec<_> = line["trail"]
        .as_array()
        .expect("a trail")
        .iter()
        .filter(|entry| entry["event"] == "acquisition" && entry["source"] == "liar")
        .map(|entry| entry["verdict"].as_str().expect("a verdict"))
        .collect();
    assert_eq!(verdicts, ["refused", "refused", "bad_url"]);
}

#[test]
fn a_plugin_that_keeps_failing_is_set_aside_for_the_rest_of_the_run() {
    let home = Home::new();
    let tier = format!("{}:sources=trap", zoo().display());
    let works: String = (0..4).map(|n| format!("10.5555/zoo.{n}\n")).collect();
    let ended = home
        .tierfall(["run", "--json", "--out", "out", "--workers", "1", "--fallback-tier", &tier])
        .args(["--set", "sandbox.failures=2"])
        .input(works)
        .run()
        .expect(4);
    let details: Vec<String> = ended
        .out
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["trail"][0]["detail"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(details.len(), 4, "{}", ended.out);
    assert!(
        details[1].contains("trapped") && details[2].contains("set aside after 2 failures"),
        "{details:?}"
    );
}

/// Loads a component from text and returns what the program says of it.
fn inspect(text: &str) -> (Option<i32>, String) {
    let home = Home::new();
    home.write("it.wasm", wat::parse_str(text).expect("sound text"));
    let ended = home.tierfall(["plugin", "inspect", "./it.wasm"]).run();
    (ended.code, ended.err)
}

#[test]
fn a_component_of_another_world_is_refused_with_advice() {
    let (code, said) = inspect("(component)");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("tierfall:source@0.2.0"), "{said}");
}

#[test]
fn a_component_of_another_contract_version_is_told_which_one() {
    let (code, said) = inspect(
        r#"(component (import "tierfall:source/log@9.1.0" (instance (export "log" (func (param "message" string))))))"#,
    );
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("tierfall:source@9.1.0") && said.contains("tierfall:source@0.2.0 and 0.1.0"),
        "{said}"
    );
}

#[test]
fn a_core_module_is_no_plugin_and_the_message_says_what_makes_one() {
    let (code, said) = inspect("(module)");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("tierfall plugin build"), "{said}");
}

#[test]
fn a_component_beyond_the_size_limit_is_refused_by_name() {
    let home = Home::new();
    let ended = home
        .tierfall([
            "plugin",
            "inspect",
            &zoo().display().to_string(),
            "--set",
            "sandbox.component_bytes=1000",
        ])
        .run()
        .expect(2);
    assert!(ended.err.contains("component_bytes"), "{}", ended.err);
}

#[test]
fn a_component_that_begins_with_more_than_a_limit_is_refused_by_name() {
    let home = Home::new();
    for limit in ["memory_bytes", "table_elements", "instances", "stack_bytes"] {
        let setting = format!("sandbox.{limit}=1");
        let ended =
            home.tierfall(["plugin", "inspect"]).args([zoo()]).args(["--set", &setting]).run().expect(2);
        assert!(ended.err.contains(limit), "{}", ended.err);
        assert!(ended.err.lines().count() == 1 && ended.err.contains("zoo.wasm"), "{}", ended.err);
    }
}

/// The memory that is set aside for plugins takes more addresses than this process may have.
#[cfg(unix)]
#[test]
fn a_process_with_few_addresses_asks_its_plugins_all_the_same() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Living in a small place", &["Ada Keeper"], Some(DOI));
    web.get("/good.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    let tier = format!("{}:sources=tame,base={}", zoo().display(), web.url("/").trim_end_matches('/'));
    let ended = home
        .tierfall(["run", DOI, "--json", "--out", "out", "--workers", "1", "--fallback-tier", &tier, "-vv"])
        .args(["--allow-private", "127.0.0.1", "--set", "fallback.facts="])
        .under("sh", &["-c", "ulimit -v 24000000 && exec \"$0\" \"$@\""])
        .run()
        .expect(0);
    assert!(ended.err.contains("the address space is limited"), "{}", ended.err);
    assert_eq!(home.manifest("out")[0]["status"], "stored");
}

#[test]
fn precompiled_code_is_never_accepted() {
    let home = Home::new();
    home.write("it.wasm", b"\x7fELF\x02\x01\x01 and so on");
    let ended = home.tierfall(["plugin", "inspect", "./it.wasm"]).run().expect(2);
    assert!(ended.err.contains("not a component"), "{}", ended.err);
}

#[test]
fn a_component_made_for_wasi_loads_and_traps_where_it_uses_wasi() {
    let (home, web) = (Home::new(), Web::start());
    let paper = Paper::new("Leaving nothing to chance", &["Ada Keeper"], Some(DOI));
    web.get("/good.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    let path = component("wasi-user");
    let inspected = home.tierfall(["plugin", "inspect"]).args([&path]).run().expect(0).out;
    assert!(inspected.contains("wasi_user 1.2.3"), "{inspected}");

    let tier = format!("{}:sources=gambler+abstainer,file={}", path.display(), web.url("/good.pdf"));
    let ended = home
        .tierfall(["run", DOI, "--json", "--out", "out", "--fallback-tier", &tier])
        .args(["--allow-private", "127.0.0.1", "--set", "fallback.facts="])
        .run()
        .expect(0);
    let line: Value = serde_json::from_str(ended.out.lines().next().expect("a line")).expect("JSON");
    let gambler = &line["trail"][0];
    assert_eq!((&gambler["source"], &gambler["outcome"]), (&"gambler".into(), &"error".into()), "{line}");
    let detail = gambler["detail"].as_str().expect("a detail");
    for part in
        ["plugin wasi_user 1.2.3", "`find`", "gambler", "trapped", "wasi:random/random@0.2.0", "--stub-wasi"]
    {
        assert!(detail.contains(part), "{detail} names {part}");
    }
    assert_eq!(line["source"], "abstainer", "the import alone does no harm: {line}");
}
