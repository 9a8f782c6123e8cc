use std::path::PathBuf;
use std::time::Duration;

use super::defaults::{DEFAULTS, defaults};
use super::*;

/// A folder with a `tierfall.toml`, and the layers above it.
struct Here {
    folder: tempfile::TempDir,
    /// Whether nobody names the file.
    found: bool,
    environment: Vec<(String, String)>,
    overrides: Vec<Override>,
}

impl Here {
    fn with(file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("tierfall.toml"), file).expect("a file");
        Self { folder, found: false, environment: Vec::new(), overrides: Vec::new() }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.overrides.push(Override {
            key: key.into(),
            value: Given::Text(value.into()),
            flag: flag.into(),
        });
        self
    }

    fn tiers(mut self, specs: &[&str]) -> Self {
        let value = Given::List(specs.iter().map(|spec| (*spec).to_owned()).collect());
        self.overrides.push(Override { key: "fallback.tiers".into(), value, flag: "--fallback-tier".into() });
        self
    }

    /// As it is when nobody names the file.
    fn found(mut self) -> Self {
        self.found = true;
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(ConfigLayers {
            file: (!self.found).then(|| self.folder.path().join("tierfall.toml")),
            directory: self.folder.path().to_owned(),
            environment: self.environment.clone(),
            overrides: self.overrides.clone(),
        })
    }

    fn loaded(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The problems, without the folder.
    fn refused(&self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        match self.load() {
            Ok(_) => panic!("it was accepted"),
            Err(error) => error.to_string().replace(&folder, ""),
        }
    }
}

fn defaults_alone() -> Config {
    Here::with("").loaded()
}

fn origin_of(config: &Config, key: &str) -> String {
    let value = config.effective.iter().find(|value| value.key == key).expect(key);
    match &value.origin {
        Origin::File { line, .. } => format!("{} from line {line}", value.value),
        origin => format!("{} from {origin}", value.value),
    }
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let config = defaults_alone();
    assert_eq!(config.fallback.budgets.total, Duration::from_secs(120));
    assert_eq!((config.fallback.budgets.max_attempts, config.fallback.budgets.max_concurrent), (20, 3));
    let plan: Vec<_> = config
        .plan
        .iter()
        .map(|tier| {
            format!("{} {} {}", tier.name, tier.parallel, tier.sources.clone().unwrap_or_default().join(" "))
        })
        .collect();
    insta::assert_snapshot!(plan.join("\n"), @r#"
    indexes 2 openalex arxiv pmc europe_pmc crossref semantic_scholar doaj biorxiv
    repositories 2 core zenodo hal datacite openaire
    doi_follow 1 doi_redirect
    direct_oa 2 openalex arxiv pmc europe_pmc crossref semantic_scholar doaj unpaywall biorxiv
    landing_scrape 2 landing_page
    archive 2 core zenodo hal datacite openaire osf figshare internet_archive
    wayback 1 wayback
    "#);
    let unpaywall = config.source(config.plan.first(), "unpaywall");
    assert_eq!(
        unpaywall,
        SourceConfig { timeout: Duration::from_secs(10), retries: 2, robots: Robots::Honour }
    );
    assert!(!config.ledger.enabled);
    assert_eq!(config.run.workers, None);
}

#[test]
fn a_later_layer_wins_and_each_value_knows_where_it_came_from() {
    let file = "[fallback]\nmax_attempts = 11\nmax_concurrent = 4\n";
    let config = Here::with(file).loaded();
    assert_eq!(origin_of(&config, "fallback.total_timeout_ms"), "120000 from default");
    assert_eq!(origin_of(&config, "fallback.max_attempts"), "11 from line 2");
    let config = Here::with(file).variable("TIERFALL_FALLBACK_MAX_ATTEMPTS", "12").loaded();
    assert_eq!(
        origin_of(&config, "fallback.max_attempts"),
        "12 from environment TIERFALL_FALLBACK_MAX_ATTEMPTS"
    );
    assert_eq!(origin_of(&config, "fallback.max_concurrent"), "4 from line 3");
    let config = Here::with(file)
        .variable("TIERFALL_FALLBACK_MAX_ATTEMPTS", "12")
        .flag("--fallback-max-attempts", "fallback.max_attempts", "13")
        .loaded();
    assert_eq!(origin_of(&config, "fallback.max_attempts"), "13 from --fallback-max-attempts");
    assert_eq!(config.fallback.budgets.max_attempts, 13);
}

#[test]
fn every_budget_has_its_twins_in_the_environment() {
    for (variable, value, read) in [
        (
            "TIERFALL_FALLBACK_TOTAL_TIMEOUT_MS",
            "7",
            (|c| c.fallback.budgets.total.as_millis() as u64) as fn(&Config) -> u64,
        ),
        ("DOCSTOKG_FALLBACK_TOTAL_TIMEOUT_MS", "7", |c| c.fallback.budgets.total.as_millis() as u64),
        ("TIERFALL_FALLBACK_MAX_ATTEMPTS", "7", |c| c.fallback.budgets.max_attempts.into()),
        ("TIERFALL_FALLBACK_TOTAL_ATTEMPTS", "7", |c| c.fallback.budgets.max_attempts.into()),
        ("DOCSTOKG_FALLBACK_TOTAL_ATTEMPTS", "7", |c| c.fallback.budgets.max_attempts.into()),
        ("TIERFALL_FALLBACK_MAX_CONCURRENT", "7", |c| c.fallback.budgets.max_concurrent as u64),
        ("DOCSTOKG_FALLBACK_MAX_CONCURRENT", "7", |c| c.fallback.budgets.max_concurrent as u64),
        ("TIERFALL_FALLBACK_PER_SOURCE_TIMEOUT_MS", "7", |c| {
            c.source(None, "hal").timeout.as_millis() as u64
        }),
        ("DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS", "7", |c| {
            c.source(None, "hal").timeout.as_millis() as u64
        }),
        ("TIERFALL_DISABLE_WAYBACK_FALLBACK", "true", |c| if c.fallback.disable_wayback { 7 } else { 0 }),
        ("TIERFALL_ENABLE_IDEMPOTENCY", "true", |c| if c.ledger.enabled { 7 } else { 0 }),
        ("DOCSTOKG_ENABLE_IDEMPOTENCY", "true", |c| if c.ledger.enabled { 7 } else { 0 }),
        ("TIERFALL_FALLBACK_TIER", "archive;wayback:parallel=7", |c| {
            c.plan.get(1).map_or(0, |tier| tier.parallel as u64)
        }),
        ("TIERFALL_RUN_WORKERS", "7", |c| c.run.workers.unwrap_or_default() as u64),
    ] {
        let config = Here::with("").variable(variable, value).loaded();
        assert_eq!(read(&config), 7, "{variable}");
    }
    let both = Here::with("")
        .variable("DOCSTOKG_FALLBACK_TOTAL_ATTEMPTS", "5")
        .variable("TIERFALL_FALLBACK_MAX_ATTEMPTS", "6")
        .loaded();
    assert_eq!(both.fallback.budgets.max_attempts, 6);
}

#[test]
fn a_variable_without_a_value_counts_as_not_set() {
    let config = Here::with("")
        .variable("TIERFALL_FALLBACK_MAX_ATTEMPTS", "")
        .variable("UNPAYWALL_EMAIL", "")
        .loaded();
    assert_eq!(config.fallback.budgets.max_attempts, 20);
    assert_eq!(config.http.mailto, None);
}

#[test]
fn the_timeout_of_one_source_beats_that_of_all_unless_a_later_layer_says_otherwise() {
    let file = "[sources.hal]\ntimeout_ms = 5000\nretries = 0\n";
    let millis = |here: Here| {
        let config = here.loaded();
        config.source(config.plan.first(), "hal").timeout.as_millis()
    };
    assert_eq!(millis(Here::with(file)), 5000);
    assert_eq!(millis(Here::with(file).variable("DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS", "7000")), 7000);
    let both = Here::with(file)
        .variable("DOCSTOKG_FALLBACK_PER_SOURCE_TIMEOUT_MS", "7000")
        .variable("TIERFALL_SOURCES_HAL_TIMEOUT_MS", "6000");
    assert_eq!(millis(both), 6000);
    assert_eq!(millis(Here::with(file).tiers(&["archive:timeout_ms=9000"])), 9000);
    let config = Here::with(file).loaded();
    assert_eq!(config.source(None, "hal").retries, 0);
    assert_eq!(config.source(None, "osf").timeout, Duration::from_secs(10));
}

#[test]
fn a_tier_given_once_replaces_the_plan_in_the_order_given() {
    let config = Here::with("[plugins.mine]\npath = \"plugins/mine.wasm\"\n")
        .tiers(&["wayback", "archive:sources=hal+osf,parallel=3", "mine", "./other.wasm:depth=2", "archive"])
        .loaded();
    let plan: Vec<_> = config
        .plan
        .iter()
        .map(|tier| format!("{} {:?} {} {:?}", tier.name, tier.plugin, tier.parallel, tier.sources))
        .collect();
    insta::assert_snapshot!(plan.join("\n"), @r#"
    wayback Name("wayback") 1 Some(["wayback"])
    archive Name("archive") 3 Some(["hal", "osf"])
    mine Name("mine") 1 None
    other Path("./other.wasm") 1 None
    archive-2 Name("archive") 2 Some(["core", "zenodo", "hal", "datacite", "openaire", "osf", "figshare", "internet_archive"])
    "#);
    let other = config.plan.get(3).expect("the fourth");
    let values = config.values(Some(other), &other.plugin, "x", &[Declared { name: "depth", secret: false }]);
    assert_eq!(values.get("depth").map(String::as_str), Some("2"));
    assert!(config.plugin(&other.plugin).hosts.is_none());
    let mine = config.plugin(&PluginRef::Name("mine".into())).path.expect("a path");
    assert!(mine.is_absolute() && mine.ends_with("plugins/mine.wasm"), "{mine:?}");
}

#[test]
fn a_tier_of_the_file_is_used_by_its_name() {
    let config = Here::with(
        "[fallback]\ntiers = [\"library\", \"archive\"]\n[tiers.library]\nplugin = \"./library.wasm\"\nparallel = 4\n",
    )
    .loaded();
    let library = config.plan.first().expect("a tier");
    assert_eq!((library.parallel, &library.sources), (4, &None));
    assert!(matches!(&library.plugin, PluginRef::Path(path) if path.is_absolute()));
}

#[test]
fn a_list_of_sources_knows_who_wrote_it() {
    let here = || Here::with("[tiers.archive]\nsources = [\"hal\"]\n");
    let lines = |config: &Config| -> Vec<_> {
        config.plan.iter().map(|tier| (tier.sources_origin.layer(), tier.origin.layer())).collect()
    };
    let plan = lines(&here().loaded());
    assert_eq!(plan.first(), Some(&(Layer::Default, Layer::Default)));
    assert_eq!(plan.get(5), Some(&(Layer::File, Layer::Default)));
    let plan = lines(&here().tiers(&["archive", "archive:sources=osf", "wayback"]).loaded());
    assert_eq!(
        plan,
        [
            (Layer::File, Layer::CommandLine),
            (Layer::CommandLine, Layer::CommandLine),
            (Layer::Default, Layer::CommandLine)
        ]
    );
}

#[test]
fn disabling_wayback_takes_every_wayback_source_out() {
    let config = Here::with("[tiers.archive]\nsources = [\"hal\", \"wayback\"]\n")
        .flag("--disable-wayback-fallback", "fallback.disable_wayback", "true")
        .loaded();
    let names: Vec<_> = config.plan.iter().map(|tier| tier.name.as_str()).collect();
    assert_eq!(names, ["indexes", "repositories", "doi_follow", "direct_oa", "landing_scrape", "archive"]);
    assert_eq!(config.plan.last().and_then(|tier| tier.sources.clone()), Some(vec!["hal".to_owned()]));
    assert!(config.excludes("wayback") && !config.excludes("hal"));
    insta::assert_snapshot!(
        Here::with("").tiers(&["wayback"]).variable("TIERFALL_DISABLE_WAYBACK_FALLBACK", "1").refused(),
        @r#"--fallback-tier: no tier is left in the plan when the Wayback sources are taken out"#
    );
}

#[test]
fn mistakes_are_told_with_their_place_and_a_suggestion() {
    let file = r#"
[fallback]
max_attemps = 5
total_timeout_ms = "long"
max_concurrent = 0
tiers = ["direct_oa", "archiv"]

[fallbak]
x = 1

[tiers.mine]
plugin = "archve"
paralel = 2

[sources]
timeout_ms = 5

[sources.hal]
timeout_ms = -1
robots = "honor"

[plugins.mine]
path = "built-in"
sha256 = "abc"

[secrets]
a = { env = "X", file = "y" }
b = { file = "missing" }
c = 1

[http]
mailto = "me"
limits = 5

[http.pace.rules.own]
hosts = ["example.org"]
role = "pages"

[sandbox]
memory_bytes = "lots"
"#;
    let refused = Here::with(file)
        .variable("TIERFALL_FALBACK_MAX_ATTEMPTS", "3")
        .flag("--set", "run.worker", "3")
        .refused();
    insta::assert_snapshot!(refused, @r#"
    tierfall.toml, line 3: there is no key `max_attemps` in [fallback]; did you mean `max_attempts`?
    tierfall.toml, line 4: `fallback.total_timeout_ms` must be a whole number from 1 to 86400000, not "long"
    tierfall.toml, line 5: `fallback.max_concurrent` must be a whole number from 1 to 64, not 0
    tierfall.toml, line 6: there is no tier and no plugin called `archiv`; did you mean `archive`?
    tierfall.toml, line 8: there is no key `fallbak`; did you mean `fallback`?
    tierfall.toml, line 12: the tier `mine` asks the plugin `archve`, which [plugins] does not have; did you mean `archive`?
    tierfall.toml, line 13: there is no key `paralel` in [tiers.mine]; did you mean `parallel`?
    tierfall.toml, line 16: `sources.timeout_ms` is a table: write [sources.timeout_ms] and its keys below
    tierfall.toml, line 19: `sources.hal.timeout_ms` must be a whole number from 1 to 86400000, not -1
    tierfall.toml, line 20: `sources.hal.robots` must be one of "honour", "ignore", not "honor"; did you mean `honour`?
    tierfall.toml, line 23: `plugins.mine.path`: no plugin called `mine` is built in; give the path of its component
    tierfall.toml, line 24: `plugins.mine.sha256`: a SHA-256 has 64 hexadecimal digits
    tierfall.toml, line 27: `secrets.a` has one of value, env and file
    tierfall.toml, line 28: `secrets.b.file`: failed to read missing: No such file or directory (os error 2)
    tierfall.toml, line 29: `secrets.c`: a secret is a text, or a table with value, env or file
    tierfall.toml, line 32: `http.mailto`: "me" is not an e-mail address
    tierfall.toml, line 33: `http.limits` is a table: write [http.limits] and its keys below
    tierfall.toml, line 35: [http.pace.rules.own] has no `every_ms`, which it needs
    tierfall.toml, line 35: [http.pace.rules.own] has no `concurrency`, which it needs
    tierfall.toml, line 37: `http.pace.rules.own.role` must be one of "api", "page", "file", not "pages"; did you mean `page`?
    tierfall.toml, line 40: `sandbox.memory_bytes` must be a size: a number of bytes, or a text like "64 MiB", not "lots"
    environment TIERFALL_FALBACK_MAX_ATTEMPTS: no key belongs to this variable; did you mean `TIERFALL_FALLBACK_MAX_ATTEMPTS`?
    --set: there is no key `run.worker`; did you mean `run.workers`?
    "#);
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    insta::assert_snapshot!(Here::with("[fallback]\nmax_attempts = \n").refused(), @r#"tierfall.toml, line 2: it is not TOML at `max_attempts`: string values must be quoted, expected literal string"#);
    insta::assert_snapshot!(Here::with("[run]\nworkers = 1\nworkers = 2\n").refused(), @r#"tierfall.toml, line 3: it is not TOML at `workers`: duplicate key"#);
}

#[test]
fn a_bad_tier_says_which_option() {
    insta::assert_snapshot!(Here::with("").tiers(&["archive:parallel=many"]).refused(), @r#"--fallback-tier: `fallback.tiers`: option 1 of `archive`, `parallel=many`: expected a whole number from 1 to 64"#);
    insta::assert_snapshot!(Here::with("").tiers(&["archiv"]).refused(), @r#"--fallback-tier: there is no tier and no plugin called `archiv`; did you mean `archive`?"#);
    insta::assert_snapshot!(Here::with("").variable("TIERFALL_FALLBACK_TIER", "archive,wayback").refused(), @r#"environment TIERFALL_FALLBACK_TIER: `fallback.tiers`: `archive,wayback` is not the name of a tier; several tiers are given one by one, or separated by semicolons"#);
    insta::assert_snapshot!(Here::with("[fallback]\ntiers = []\n").refused(), @r#"tierfall.toml, line 2: `fallback.tiers`: a plan needs at least one tier"#);
}

#[test]
fn settings_that_nobody_declares_are_found_once_the_plugin_is_known() {
    let config = Here::with(
        "[sources.core]\napi_base = \"http://127.0.0.1/\"\napi_bas = \"x\"\napi_key = \"k\"\ntimeout = 5\n",
    )
    .tiers(&["archive:sources=core,paralel=2,depth=3"])
    .loaded();
    let tier = config.plan.first().expect("a tier");
    let declared = vec![
        Declared { name: "api_base", secret: false },
        Declared { name: "api_key", secret: true },
        Declared { name: "depth", secret: false },
    ];
    let problems = config.undeclared(tier, &[("core", declared)]);
    let problems: Vec<_> = problems
        .into_iter()
        .map(|Problem { origin, message }| format!("{:?}: {message}", origin.line()))
        .collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    None: the tier `archive` has no setting `paralel`; did you mean `parallel`?
    Some(3): the source `core` has no setting `api_bas`; did you mean `api_base`?
    Some(4): `api_key` of the source `core` is a secret: put it under [secrets], as `core_api_key`
    Some(5): the source `core` has no setting `timeout`; did you mean `timeout_ms`?
    "#);
}

#[test]
fn secrets_come_by_value_variable_or_file_and_only_to_their_plugin() {
    let here = Here::with("[secrets]\nhal_token = \"by-value\"\nosf_token = { file = \"osf.key\" }\ndoaj_api_key = { value = \"own\", plugin = \"direct_oa\" }\n")
        .variable("CORE_API_KEY", "by-variable")
        .variable("DOAJ_API_KEY", "not this");
    std::fs::write(here.folder.path().join("osf.key"), "by-file\n").expect("a file");
    let config = here.loaded();
    let archive = PluginRef::Name("archive".into());
    let get = |plugin: &PluginRef, source: &str, setting: &str| {
        config.values(None, plugin, source, &[Declared { name: setting, secret: true }]).remove(setting)
    };
    assert_eq!(get(&archive, "core", "api_key").as_deref(), Some("by-variable"));
    assert_eq!(get(&archive, "hal", "token").as_deref(), Some("by-value"));
    assert_eq!(get(&archive, "osf", "token").as_deref(), Some("by-file"));
    assert_eq!(get(&PluginRef::Name("direct_oa".into()), "doaj", "api_key").as_deref(), Some("own"));
    assert_eq!(get(&PluginRef::Name("direct_oa".into()), "semantic_scholar", "api_key"), None);
    for thief in [PluginRef::Name("other".into()), PluginRef::Path("archive.wasm".into())] {
        assert_eq!(get(&thief, "core", "api_key"), None);
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let config = Here::with(
        "[secrets]\nhal_token = \"hidden-1\"\n[sources.hal]\napi_key = \"hidden-2\"\n[http]\nproxy = \"http://me:hidden-3@proxy.example.org:3128\"\n[ledger]\nurl = \"postgres://me:hidden-4@a.example.org:1,b.example.org:2/tierfall?password=hidden-7\"\n",
    )
    .variable("CORE_API_KEY", "hidden-5")
    .tiers(&["archive:api_key=hidden-6"])
    .loaded();
    assert!(!format!("{config:?}").contains("hidden"), "{config:?}");
    let shown = |key: &str| origin_of(&config, key);
    assert_eq!(shown("secrets.hal_token"), "******** from line 2");
    assert_eq!(shown("secrets.core_api_key"), "******** from environment CORE_API_KEY");
    assert_eq!(shown("secrets.doaj_api_key"), "not set from environment DOAJ_API_KEY");
    assert_eq!(shown("http.proxy"), "\"http://me:********@proxy.example.org:3128\" from line 6");
    assert_eq!(
        shown("ledger.url"),
        "\"postgres://me:********@a.example.org:1,b.example.org:2/tierfall?password=********\" from line 8"
    );
    assert_eq!(shown("fallback.tiers"), "[\"archive:api_key=********\"] from --fallback-tier");
}

#[test]
fn what_is_said_about_a_wrong_value_holds_no_secret() {
    for text in [
        "[ledger]\nlease_s = \"postgres://me:hidden@h/x?password=hidden\"\n",
        "[ledger]\nurl = \"host=db.example.org password=hidden dbname=x\"\n",
        "[http]\nproxy = \"http://me:hidden@host:port\"\n",
        "[telemetry]\nlog_format = \"postgres://me:hidden@h/x\"\n",
    ] {
        let problems = Here::with(text).refused();
        assert!(!problems.contains("hidden") && problems.contains('`'), "{text}: {problems}");
    }
}

#[test]
fn the_mail_address_of_the_program_is_that_of_its_sources() {
    let config = Here::with("[sources.unpaywall]\nmailto = \"other@library.example\"\n")
        .variable("UNPAYWALL_EMAIL", "me@library.example")
        .loaded();
    assert_eq!(config.http.mailto.as_deref(), Some("me@library.example"));
    let plugin = PluginRef::Name("direct_oa".into());
    let declared = [Declared { name: "mailto", secret: false }];
    let of = |source| config.values(None, &plugin, source, &declared).remove("mailto");
    assert_eq!(of("crossref").as_deref(), Some("me@library.example"));
    assert_eq!(of("unpaywall").as_deref(), Some("other@library.example"));
}

#[test]
fn a_rule_of_ones_own_comes_before_those_that_are_built_in() {
    let config = Here::with("[http.pace.rules.mirror]\nhosts = [\"*.example.org\"]\nevery_ms = 1\nconcurrency = 9\n[http.pace.rules.crossref]\nevery_ms = 50\n").loaded();
    let rules: Vec<_> = config
        .http
        .pace
        .rules
        .iter()
        .map(|(name, rule)| (name.as_str(), rule.limit.every.as_millis()))
        .collect();
    assert_eq!(rules.first(), Some(&("mirror", 1)));
    assert!(rules.contains(&("crossref", 50)) && rules.contains(&("arxiv", 3000)), "{rules:?}");
}

#[test]
fn the_file_that_is_named_must_be_there_and_beats_the_one_here() {
    let here = Here::with("[run]\nworkers = 2\n");
    let named = here.folder.path().join("other.toml");
    let load = |file: Option<PathBuf>, environment: Vec<(String, String)>| {
        Config::load(ConfigLayers {
            file,
            directory: here.folder.path().to_owned(),
            environment,
            overrides: Vec::new(),
        })
    };
    let missing = load(Some(named.clone()), Vec::new()).expect_err("it is not there").to_string();
    assert!(
        missing.starts_with("failed to read the configuration ") && missing.contains("other.toml"),
        "{missing}"
    );
    std::fs::write(&named, "[run]\nworkers = 3\n").expect("a file");
    assert_eq!(load(Some(named.clone()), Vec::new()).expect("a configuration").run.workers, Some(3));
    let variable = vec![("TIERFALL_CONFIG".to_owned(), named.display().to_string())];
    assert_eq!(load(None, variable).expect("a configuration").run.workers, Some(3));
    assert_eq!(load(None, Vec::new()).expect("a configuration").run.workers, Some(2));
}

#[test]
fn without_a_file_here_the_users_own_is_read() {
    let home = tempfile::tempdir().expect("a folder");
    let own = home.path().join(".config/tierfall");
    std::fs::create_dir_all(&own).expect("a folder");
    std::fs::write(own.join("config.toml"), "[run]\nworkers = 5\n").expect("a file");
    let config = Config::load(ConfigLayers {
        file: None,
        directory: home.path().to_owned(),
        environment: vec![("HOME".into(), home.path().display().to_string())],
        overrides: Vec::new(),
    })
    .expect("a configuration");
    assert_eq!(config.run.workers, Some(5));
    assert_eq!(config.sandbox.cache_dir, Some(home.path().join(".cache/tierfall")));
}

#[test]
fn every_key_of_the_defaults_is_explained() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            assert!(at > 0 && lines[at - 1].starts_with('#'), "{line}");
        }
    }
}

#[test]
fn every_key_can_be_given_by_a_variable() {
    for (key, _) in defaults().leaves() {
        if key.starts_with("secrets.") {
            continue;
        }
        // A word that nothing accepts: the refusal must be about this key, not about the variable.
        let variable = format!("TIERFALL_{}", key.replace('.', "_").to_ascii_uppercase());
        match Here::with("").variable(&variable, "?").load() {
            Ok(config) => assert!(origin_of(&config, &key).contains(&variable), "{key}"),
            Err(error) => {
                let error = error.to_string();
                assert!(
                    error.contains(&format!("{variable}: ")) && !error.contains("no key"),
                    "{key}: {error}"
                );
            }
        }
    }
}

#[test]
fn the_file_to_start_from_sets_nothing_and_has_every_key() {
    let text = init_text();
    assert!(text.starts_with("# Configuration of Tierfall. "));
    let config = Here::with(&text).loaded();
    let set: Vec<_> = config.effective.iter().filter(|value| value.origin.layer() == Layer::File).collect();
    assert!(set.is_empty(), "{set:?}");
    let uncommented: String = text
        .lines()
        .map(|line| {
            let key =
                line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
            format!("{}\n", key.unwrap_or(line))
        })
        .collect();
    let config = Here::with(&uncommented).loaded();
    let values = |config: &Config| {
        config.effective.iter().map(|value| (value.key.clone(), value.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(&config), values(&defaults_alone()));
}

#[test]
fn a_file_that_was_only_found_chooses_tiers_budgets_output_and_policy() {
    let config = Here::with(
        "[fallback]\ntiers = [\"archive:parallel=3\", \"mine\"]\nmax_attempts = 7\n[tiers.mine]\nplugin = \"archive\"\nsources = [\"hal\"]\n[sources.hal]\ntimeout_ms = 5\n[run]\nout = \"here/papers\"\nworkers = 2\n[policy]\ntdm = \"honour\"\n[proof]\nidentity = \"strict\"\n[acquire]\nmax_bytes = \"1 MiB\"\n[http]\nmailto = \"me@library.example\"\n[ledger]\nenabled = true\n",
    )
    .found()
    .loaded();
    assert_eq!(config.fallback.budgets.max_attempts, 7);
    assert!(config.file.is_some_and(|file| file.found));
}

#[test]
fn whatever_else_a_found_file_says_is_refused_with_its_place_and_is_not_looked_at() {
    let here = Here::with(
        "[sandbox]\ncache_dir = \"prepared\"\n[secrets]\ncore_api_key = { file = \"/dev/stdin\" }\nmine = { env = \"HOME\" }\n[sources.core]\napi_base = \"https://elsewhere.example\"\nrobots = \"ignore\"\n[plugins.evil]\npath = \"evil.wasm\"\n[tiers.evil]\nplugin = \"./evil.wasm\"\n[fallback]\ntiers = [\"archive\", \"./evil.wasm\"]\n[run]\nout = \"../elsewhere\"\n[http]\nproxy = \"http://elsewhere.example\"\n[ledger]\nurl = \"postgres://elsewhere.example\"\n[proof]\nidentity = \"off\"\n",
    )
    .found();
    let refused = here.refused();
    let (first, _) = refused.split_once('\n').expect("lines");
    insta::assert_snapshot!(first, @"tierfall.toml, line 2: `sandbox.cache_dir` is not taken from a file that was only found here; if you trust it, name it (--config tierfall.toml) or run `tierfall config trust tierfall.toml`");
    let keys: Vec<&str> = refused.lines().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(
        keys,
        [
            "sandbox.cache_dir",
            "secrets.core_api_key.file",
            "secrets.mine.env",
            "sources.core.api_base",
            "sources.core.robots",
            "plugins.evil.path",
            "tiers.evil.plugin",
            "fallback.tiers",
            "run.out",
            "http.proxy",
            "ledger.url",
            "proof.identity",
        ]
    );
}

#[test]
fn a_found_file_is_taken_whole_once_it_is_trusted_and_until_it_changes() {
    let here = Here::with("[http]\nuser_agent = \"mine\"\n").found();
    let state = here.folder.path().join("state").display().to_string();
    let here = here.variable("XDG_STATE_HOME", &state);
    assert!(here.load().is_err());
    let file = here.folder.path().join("tierfall.toml");
    trust(&file, here.environment.clone()).expect("it can be remembered");
    assert_eq!(here.loaded().http.user_agent, "mine");
    let elsewhere = Here::with("[http]\nuser_agent = \"mine\"\n").found().variable("XDG_STATE_HOME", &state);
    assert!(elsewhere.load().is_err(), "the same text in another folder is another file");
    std::fs::write(&file, "[http]\nuser_agent = \"other\"\n").expect("a file");
    assert!(here.load().is_err());
    trust(&file, here.environment.clone()).expect("it can be remembered");
    assert_eq!(here.loaded().http.user_agent, "other");
}
