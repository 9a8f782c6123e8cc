//! Processes that may map little: `ulimit -v`, batch systems, other programs' limits.

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::component::component;
use crate::support::program::{Call, Home};
use crate::support::web::Web;

fn limited(call: Call, gigabytes: u64) -> Call {
    let script = format!("ulimit -v {} && exec \"$0\" \"$@\"", gigabytes << 20);
    // What is compiled for such a process is compiled anew.
    call.under("sh", &["-c", &script]).building()
}

#[test]
fn little_address_space_costs_time_and_nothing_else() {
    for gigabytes in [4, 8, 16] {
        let (home, web) = (Home::new(), Web::start());
        let names = ["moths", "ferns", "newts", "voles", "larks", "moles"];
        let found = names.map(|name| Article::on(&web, name));
        let missing = Article::missing(&web, "nothing");
        let works: Vec<&str> = found.iter().chain([&missing]).map(|article| article.page.as_str()).collect();
        let call = pages_only(&home, &web, &works).args(["-v", "--workers", "8", "--enable-idempotency"]);
        let ended = limited(call, gigabytes).run().expect(3);
        assert!(ended.err.contains("the address space is limited"), "{gigabytes}: {}", ended.err);
        let manifest = home.manifest("papers");
        for article in &found {
            let line =
                manifest.iter().find(|line| line["input"] == article.page.as_str()).expect("it has a line");
            assert_eq!(line["sha256"], article.sha256.as_str(), "{gigabytes}: {line:#}");
        }
    }
}

#[test]
fn too_little_memory_is_never_a_verdict_about_a_work() {
    let (home, web) = (Home::new(), Web::start());
    let found = ["moths", "ferns", "newts", "voles"].map(|name| Article::on(&web, name));
    let works: Vec<&str> = found.iter().map(|article| article.page.as_str()).collect();
    let ended = limited(pages_only(&home, &web, &works).args(["--workers", "8"]), 2).run();
    // It may be too little to begin with; what was begun is stored, or open.
    for line in home
        .files("papers")
        .contains(&"manifest.jsonl".to_owned())
        .then(|| home.manifest("papers"))
        .into_iter()
        .flatten()
    {
        assert!(line["status"] == "stored" || line["retry"] == true, "{line:#}\n{}", ended.err);
    }
    assert!(matches!(ended.code, Some(0 | 1 | 4)), "{ended:#?}");
}

#[test]
fn a_plugin_from_elsewhere_is_compiled_and_asked_in_little_address_space() {
    let home = Home::new();
    let path = component("stranger").display().to_string();
    let ended = limited(home.tierfall(["plugin", "inspect", &path]), 4).run().expect(0);
    assert!(ended.out.contains("stranger"), "{}", ended.out);
}
