//! The authors' guide, followed to the letter: a plugin written from `plugins/README.md` alone, outside
//! the repository, is tested, built, loaded, asked, and finds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::support::pdf::{Paper, Style};
use crate::support::program::{Call, Home};
use crate::support::web::{Answer, Web};

const GUIDE: &str = include_str!("../plugins/README.md");
const WORK: &str = "10.1000/abc";

/// What an author needs around them: their own home has the toolchain.
const TOOLS: [&str; 4] = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

/// The first block of the guide in this language.
fn block(language: &str) -> &'static str {
    let rest = GUIDE.split_once(&format!("\n```{language}\n")).expect("the guide has such a block").1;
    rest.split_once("\n```").expect("a block ends").0
}

/// The guide's plugin in a folder of its author, below `home`.
fn written(home: &Home) -> PathBuf {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the host is in the repository");
    let manifest = block("toml").replace("TIERFALL/", &format!("{}/", repository.display()));
    home.write("my-library/Cargo.toml", manifest);
    home.write("my-library/src/lib.rs", block("rust"));
    // The versions that this repository was built with: no registry is asked.
    let lock = std::fs::read(repository.join("Cargo.lock")).expect("the repository has a lock file");
    home.write("my-library/Cargo.lock", lock);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author");
    home.write(".cargo/config.toml", format!("[build]\ntarget-dir = {target:?}\n[net]\noffline = true\n"));
    home.path("my-library")
}

/// The component that `tierfall plugin build` makes of it, as the guide says.
fn built() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let home = Home::new();
        written(&home);
        let mut call = home.tierfall(["plugin", "build", "my-library", "--out", "my_library.wasm"]);
        for name in TOOLS {
            if let Some(value) = std::env::var_os(name) {
                call = call.env(name, value);
            }
        }
        let said = call.building().run().expect(0).out;
        assert!(said.contains("my_library.wasm"), "{said}");
        std::fs::read(home.path("my_library.wasm")).expect("the component is there")
    })
}

/// The library of the guide's story, with one paper.
fn library(web: &Web) -> Paper {
    let paper = Paper::new("On Mars", &["Ada Author"], Some(WORK));
    web.get("/files/7.pdf", [Answer::pdf(paper.pdf(Style::Plain))]);
    let answer = json!({"title": paper.title, "files": [{"url": web.url("/files/7.pdf")}]});
    web.get("/api/search?doi=10.1000%2Fabc", [Answer::json(&answer.to_string())]);
    paper
}

fn run(home: &Home, tier: &str) -> Call {
    home.write("its.wasm", built());
    home.tierfall(["run", WORK, "--out", "papers", "--fallback-tier", tier]).args([
        "--allow-private",
        "127.0.0.1",
        "--set",
        "fallback.facts=",
    ])
}

/// A build script is the author's code, and runs as the person who builds.
#[test]
fn a_build_script_sees_no_keys_of_the_environment() {
    let home = Home::new();
    let folder = written(&home);
    let seen = home.path("seen.txt");
    let script = format!(
        "fn main() {{\n    let all: String = std::env::vars().map(|(name, value)| format!(\"{{name}}={{value}}\\n\")).collect();\n    std::fs::write({seen:?}, all).unwrap();\n}}\n"
    );
    std::fs::write(folder.join("build.rs"), script).expect("a file can be written");
    let mut call = home.tierfall(["plugin", "build", "my-library", "--out", "my_library.wasm"]);
    for name in TOOLS {
        if let Some(value) = std::env::var_os(name) {
            call = call.env(name, value);
        }
    }
    let keys =
        ["CORE_API_KEY", "TIERFALL_LEDGER", "TIERFALL_SECRETS_MINE", "CARGO_REGISTRY_TOKEN", "GITHUB_TOKEN"];
    for key in keys {
        call = call.env(key, "planted");
    }
    call.env("LC_ALL", "C").building().run().expect(0);
    let seen = std::fs::read_to_string(seen).expect("the script ran");
    assert!(seen.contains("LC_ALL=C") && !seen.contains("planted"), "{seen}");
}

#[test]
fn the_guides_own_tests_pass() {
    let home = Home::new();
    let folder = written(&home);
    let ended = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .arg("test")
        .current_dir(folder)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("a_work_without_a_file_is_not_found ... ok"), "{said}");
}

#[test]
fn a_plugin_from_outside_the_repository_is_looked_at_planned_and_finds() {
    let (home, web) = (Home::new(), Web::start());
    let paper = library(&web);
    let tier = format!("./its.wasm:api_base={}", web.url("/api"));
    run(&home, &tier).run().expect(0);
    let line = &home.manifest("papers")[0];
    let won = (&line["plugin"], &line["source"], &line["version"]);
    assert_eq!(won, (&"my_library".into(), &"my_library".into(), &"accepted".into()), "{line:#}");
    assert_eq!(line["title"], paper.title.as_str(), "what it learned is kept");
    let path = line["path"].as_str().expect("a stored work has a path");
    assert_eq!(std::fs::read(home.path("papers").join(path)).expect("a file"), paper.pdf(Style::Plain));

    let inspected = home.tierfall(["plugin", "inspect", "./its.wasm"]).run().expect(0).out;
    for part in ["my_library 1.0.0", "the repository of our library", "api_base", "(api)"] {
        assert!(inspected.contains(part), "{part} is not in\n{inspected}");
    }
    let plan = home.tierfall(["plan", "--fallback-tier", "direct_oa", "--fallback-tier", "./its.wasm"]);
    let plan = plan.run().expect(0).out;
    let place = |name: &str| plan.find(name).unwrap_or_else(|| panic!("{name} is not in\n{plan}"));
    assert!(place("openalex") < place("my_library"), "{plan}");
}

#[test]
fn a_plugin_that_is_not_granted_its_host_is_told_which_half_is_missing() {
    let (home, web) = (Home::new(), Web::start());
    library(&web);
    home.configure("[plugins.my_library]\npath = \"./its.wasm\"\nhosts = [\"repository.example.edu\"]\n");
    run(&home, &format!("my_library:api_base={}", web.url("/api"))).run().expect(4);
    let line = &home.manifest("papers")[0];
    let note = line["trail"][0]["notes"][0].as_str().unwrap_or_default();
    for part in ["127.0.0.1", "is declared by plugin my_library", "not granted"] {
        assert!(note.contains(part), "{part} is not in {note:?}: {line:#}");
    }
    assert!(web.requests().is_empty(), "{:#?}", web.requests());
}
