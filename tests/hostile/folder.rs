//! Folders that were packed by somebody else: their configuration chooses and no more, and their links lead nowhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::{Ended, Home};
use crate::support::web::{Answer, Fault, Web};

/// What commands read a configuration.
const COMMANDS: [&[&str]; 6] = [
    &["plan"],
    &["config", "check"],
    &["config", "show"],
    &["plugin", "list"],
    &["plugin", "inspect", "direct_oa"],
    &["run", "10.5555/never.asked"],
];

#[test]
fn a_found_configuration_that_reaches_beyond_its_folder_is_refused_by_every_command() {
    let (home, web) = (Home::new(), Web::start());
    home.write("prepared/components/anything", "code");
    for (key, text) in [
        ("sandbox.cache_dir", "[sandbox]\ncache_dir = \"prepared\"\n".to_owned()),
        ("secrets.core_api_key.env", "[secrets]\ncore_api_key = { env = \"HOME\" }\n".into()),
        ("secrets.core_api_key.file", "[secrets]\ncore_api_key = { file = \"/etc/passwd\" }\n".into()),
        ("sources.core.api_base", format!("[sources.core]\napi_base = \"{}\"\n", web.url("/"))),
        ("fallback.tiers", format!("[fallback]\ntiers = [\"archive:api_base={}\"]\n", web.url("/"))),
        ("tiers.mine.plugin", "[tiers.mine]\nplugin = \"./mine.wasm\"\n".into()),
        ("plugins.direct_oa.hosts", "[plugins.direct_oa]\nhosts = [\"*\"]\n".into()),
        ("http.proxy", format!("[http]\nproxy = \"{}\"\n", web.proxy())),
        ("http.ca_certs", "[http]\nca_certs = [\"their.pem\"]\n".into()),
        ("http.allow_private", "[http]\nallow_private = [\"127.0.0.1\"]\n".into()),
        ("ledger.url", "[ledger]\nurl = \"postgres://db.example.org/\"\n".into()),
        ("run.out", "[run]\nout = \"/tmp\"\n".into()),
    ] {
        home.write("tierfall.toml", text);
        for command in COMMANDS {
            let ended = home.tierfall(command).run().expect(2);
            for part in [
                key,
                "tierfall.toml, line 2",
                "--config tierfall.toml",
                "tierfall config trust tierfall.toml",
            ] {
                assert!(ended.err.contains(part), "{command:?}: {part} is not in {}", ended.err);
            }
        }
    }
    assert!(web.requests().is_empty(), "{:#?}", web.requests());
}

#[test]
fn a_found_configuration_is_named_by_every_command_that_it_takes_part_in() {
    let home = Home::new();
    home.write("tierfall.toml", "[fallback]\nmax_attempts = 3\n");
    let says = |ended: &Ended| ended.err.lines().filter(|line| line.contains("tierfall.toml")).count();
    for command in COMMANDS.iter().take(5) {
        assert_eq!(says(&home.tierfall(*command).run().expect(0)), 1, "{command:?}");
        let named = home.tierfall(*command).args(["--config", "tierfall.toml"]).run().expect(0);
        assert_eq!(says(&named), 0, "{command:?}: it was named");
    }
}

#[test]
fn a_found_configuration_is_trusted_by_its_text_and_place_until_it_changes() {
    let home = Home::new();
    home.write("tierfall.toml", "[http]\nuser_agent = \"mine\"\n");
    home.tierfall(["plan"]).run().expect(2);
    home.tierfall(["config", "trust"]).run().expect(0);
    home.tierfall(["plan"]).run().expect(0);
    home.write("tierfall.toml", "[http]\nuser_agent = \"other\"\n");
    home.tierfall(["plan"]).run().expect(2);
    home.tierfall(["plan", "--config", "tierfall.toml"]).run().expect(0);
    home.tierfall(["plan"]).env("TIERFALL_CONFIG", "tierfall.toml").run().expect(0);
    home.tierfall(["config", "trust", "absent.toml"]).run().expect(2);
}

#[test]
fn trust_that_others_can_have_written_is_none() {
    let home = Home::new();
    home.configure("[http]\nuser_agent = \"mine\"\n");
    let folder = home.path(".local/state/tierfall/trusted");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    home.tierfall(["plan"]).run().expect(2);
}

#[test]
fn compiled_code_that_others_can_have_written_is_not_loaded() {
    let home = Home::new();
    let cached = |home: &Home| home.files("cache/tierfall/components").len();
    let plan =
        |home: &Home| home.tierfall(["plan"]).env("XDG_CACHE_HOME", home.path("cache")).run().expect(0);
    let first = plan(&home);
    assert!(cached(&home) > 0, "what was compiled is kept");
    let code = home.path("cache/tierfall/components");
    // Whatever is loaded from here ends the process, if it is loaded at all.
    for name in home.files("cache/tierfall/components") {
        fs::write(code.join(name), "poison").unwrap();
    }
    assert_eq!(plan(&home).out, first.out, "what cannot be loaded is compiled anew");
    fs::set_permissions(&code, fs::Permissions::from_mode(0o755)).unwrap();
    let warned = plan(&home);
    assert!(warned.err.contains("others may open it"), "{}", warned.err);

    let other = Home::new();
    fs::create_dir_all(other.path("cache/tierfall")).unwrap();
    fs::set_permissions(&code, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&code, other.path("cache/tierfall/components")).unwrap();
    let warned = plan(&other);
    assert!(warned.err.contains("it is a link"), "{}", warned.err);
}

#[test]
fn code_in_a_folder_of_others_is_not_loaded_although_it_could_be() {
    let home = Home::new();
    let plan = || home.tierfall(["plan"]).env("XDG_CACHE_HOME", home.path("cache")).run();
    let first = plan().expect(0);
    // Sound code, each under the name of another plugin's: where it is loaded, a plugin is somebody else.
    let folder = home.path("cache/tierfall/components");
    let names = home.files("cache/tierfall/components");
    let mut codes: Vec<Vec<u8>> = names.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect();
    codes.rotate_left(1);
    for (name, code) in names.iter().zip(&codes) {
        fs::write(folder.join(name), code).unwrap();
    }
    assert_ne!(plan().out, first.out, "in a folder of one's own it is loaded");
    let refused = |mode: u32, why: &str| {
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let ended = plan().expect(0);
        assert_eq!(ended.out, first.out, "{mode:o}");
        assert!(ended.err.contains(why), "{}", ended.err);
    };
    for mode in [0o755, 0o750, 0o701, 0o777] {
        refused(mode, "others may open it");
    }
    // Only root can give a folder away, and then only root is left to be taken in.
    if chown(&folder, Some(65_534), None).is_ok() {
        refused(0o700, "it belongs to another user");
    }
}

/// Runs over one good article in a folder that was prepared; what was outside stays as it is.
fn prepared(prepare: impl Fn(&Home), flags: &[&str]) -> (Home, Ended) {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    home.write("outside/file", "precious");
    fs::create_dir_all(home.path("papers")).unwrap();
    prepare(&home);
    let ended = pages_only(&home, &web, &[&article.page]).args(flags).run();
    assert_eq!(home.read("outside/file"), "precious");
    assert_eq!(home.files("outside"), ["file"], "nothing was written through a link");
    (home, ended)
}

#[test]
fn links_in_the_output_folder_are_not_followed() {
    for (name, to, flags) in [
        ("manifest.jsonl", "outside/file", [].as_slice()),
        ("manifest.jsonl", "outside/new", &[]),
        ("manifest.lock", "outside/new", &[]),
        ("files", "outside", &[]),
        ("works", "outside", &[]),
        ("partial", "outside", &[]),
        ("ledger.sqlite", "outside/new", &["--enable-idempotency", "--set", "ledger.on_failure=abort"]),
    ] {
        let plant = |home: &Home| symlink(home.path(to), home.path("papers").join(name)).unwrap();
        let (_, ended) = prepared(plant, flags);
        assert_ne!(ended.code, Some(0), "{name} -> {to}: {ended:#?}");
        for part in [name, "is a link"] {
            assert!(ended.err.contains(part), "{name} -> {to}: {part} is not in {}", ended.err);
        }
    }
}

#[test]
fn a_link_among_the_stored_files_is_not_followed() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::on(&web, "moths");
    let folder = format!("papers/files/sha256/{}", &article.sha256[..2]);
    fs::create_dir_all(home.path("outside")).unwrap();
    fs::create_dir_all(home.path("papers/files/sha256")).unwrap();
    symlink(home.path("outside"), home.path(&folder)).unwrap();
    let ended = pages_only(&home, &web, &[&article.page]).run();
    assert_ne!(ended.code, Some(0), "{ended:#?}");
    assert!(home.files("outside").is_empty());
}

#[test]
fn links_in_the_place_of_partial_files_are_not_followed() {
    let (home, web) = (Home::new(), Web::start());
    let article = Article::without_file(&web, "long", 120);
    let good = Answer::pdf(article.bytes.clone()).with_ranges("\"v1\"");
    web.get(&article.file, [good.clone().failing(Fault::Stall(400_000)), good]);
    let running = pages_only(&home, &web, &[&article.page]).start();
    crate::support::program::eventually("the first bytes are on disk", || {
        home.files("papers/partial").iter().any(|name| name.ends_with(".json"))
    });
    running.kill();
    home.write("outside/file", "precious");
    for name in home.files("papers/partial") {
        let place = home.path("papers/partial").join(name);
        fs::remove_file(&place).unwrap();
        symlink(home.path("outside/file"), place).unwrap();
    }
    pages_only(&home, &web, &[&article.page]).run();
    assert_eq!(home.read("outside/file"), "precious");
}
