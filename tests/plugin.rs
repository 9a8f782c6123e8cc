//! Plugins as their users and authors meet them.

use serde_json::{Value, json};

use crate::support::program::Home;

#[test]
fn the_list_names_every_plugin_with_its_sources() {
    let home = Home::new();
    let listed = home.tierfall(["plugin", "list"]).run().expect(0).out;
    for name in [
        "direct_oa",
        "doi_follow",
        "landing_scrape",
        "archive",
        "wayback",
        "unpaywall",
        "openalex",
        "arxiv",
        "pmc",
        "europe_pmc",
        "semantic_scholar",
        "crossref",
        "doaj",
        "doi_redirect",
        "landing_page",
        "core",
        "zenodo",
        "hal",
        "osf",
        "figshare",
        "openaire",
        "datacite",
        "internet_archive",
    ] {
        assert!(listed.contains(name), "{name} is not in\n{listed}");
    }
}

#[test]
fn the_list_for_machines_is_what_inspecting_each_plugin_shows() {
    let home = Home::new();
    home.configure(format!("[plugins.animals]\npath = {:?}\n", crate::sandbox::zoo()));
    let listed = home.tierfall(["plugin", "list", "--json"]).run().expect(0).out;
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("an array of plugins");
    let mut names: Vec<&str> = listed.iter().filter_map(|plugin| plugin["name"].as_str()).collect();
    names.sort();
    assert_eq!(names, ["archive", "direct_oa", "doi_follow", "landing_scrape", "wayback", "zoo"]);
    for plugin in &listed {
        let name = match plugin["name"].as_str() {
            // The operator's own name for it.
            Some("zoo") => "animals",
            name => name.expect("a name"),
        };
        let inspected = home.tierfall(["plugin", "inspect", name, "--json"]).run().expect(0).out;
        assert_eq!(serde_json::from_str::<Value>(&inspected).expect("one JSON object"), *plugin);
    }
}

#[test]
fn inspecting_a_plugin_shows_what_it_asks_for_and_which_of_it_is_secret() {
    let home = Home::new();
    let ended = home.tierfall(["plugin", "inspect", "archive", "--json"]).run().expect(0);
    let plugin: Value = serde_json::from_str(&ended.out).expect("one JSON object");
    let core = plugin["sources"].as_array().into_iter().flatten().find(|source| source["name"] == "core");
    let core = core.unwrap_or_else(|| panic!("{plugin:#}"));
    assert_eq!(core["hosts"][0]["role"], "api");
    let key =
        core["settings"].as_array().into_iter().flatten().find(|setting| setting["secret"] == json!(true));
    assert_eq!(key.unwrap_or_else(|| panic!("{core:#}"))["required"], true);
    let text = home.tierfall(["plugin", "inspect", "archive"]).run().expect(0).out;
    assert!(text.contains("core") && text.contains("api_base"), "{text}");
}

#[test]
fn a_file_that_is_no_plugin_is_refused_with_its_name() {
    let home = Home::new();
    home.write("text.wasm", "this is text");
    // A module is no component, and a component without our world is no plugin.
    home.write("module.wasm", b"\0asm\x01\0\0\0");
    home.write("empty.wasm", b"\0asm\x0d\0\x01\0");
    // Nothing that was compiled elsewhere is ever loaded.
    home.write("compiled.cwasm", b"\x7fELF\x02\x01\x01");
    for file in ["text.wasm", "module.wasm", "empty.wasm", "compiled.cwasm", "missing.wasm"] {
        let path = format!("./{file}");
        for arguments in [["plugin", "inspect", path.as_str()], ["plan", "--fallback-tier", path.as_str()]] {
            let ended = home.tierfall(arguments).run();
            assert!(matches!(ended.code, Some(1 | 2)), "{arguments:?}: {ended:#?}");
            assert!(
                ended.err.contains(file) && !ended.err.contains("panicked"),
                "{arguments:?}: {}",
                ended.err
            );
        }
    }
}

#[test]
fn a_folder_that_holds_no_plugin_is_not_built_and_the_message_names_it() {
    let home = Home::new();
    let ended = home.tierfall(["plugin", "build", "nowhere"]).run().expect(1);
    assert!(ended.err.contains("nowhere"), "{}", ended.err);
    assert!(home.files(".").iter().all(|file| !file.ends_with(".wasm")));
}

#[test]
fn a_plugin_whose_file_changed_is_refused_where_its_digest_is_pinned() {
    let home = Home::new();
    let pinned = "0".repeat(64);
    home.write("mine.wasm", std::fs::read(crate::sandbox::zoo()).expect("the zoo"));
    home.configure(format!("[plugins.mine]\npath = \"./mine.wasm\"\nsha256 = \"{pinned}\"\n"));
    for arguments in [["plugin", "inspect", "mine"], ["plan", "--fallback-tier", "mine"]] {
        let ended = home.tierfall(arguments).run().expect(2);
        assert!(ended.err.contains("plugin mine") && ended.err.contains(&pinned), "{}", ended.err);
    }

    let found = home.tierfall(["plugin", "inspect", "./mine.wasm", "--json"]).run().expect(0).out;
    let found: Value = serde_json::from_str(&found).expect("one JSON object");
    let found = found["sha256"].as_str().expect("its digest");
    home.configure(format!("[plugins.mine]\npath = \"./mine.wasm\"\nsha256 = \"{found}\"\n"));
    home.tierfall(["plugin", "inspect", "mine"]).run().expect(0);
}
