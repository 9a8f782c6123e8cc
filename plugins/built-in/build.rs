//! Builds the built-in plugins and the PDF examiner, and lists them for the program to embed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tierfall_plugin_build::Build;

/// The sources that ship with Tierfall, by plugin name; `default.toml` puts them into tiers.
const PLUGINS: [&str; 5] = ["direct_oa", "doi_follow", "landing_scrape", "archive", "wayback"];
/// Not a source: reads PDFs for the proof.
const EXAMINER: &str = "pdf";

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here.ancestors().nth(2).expect("the crate is a folder of plugins/");
    for watched in ["plugins", "host/ids", "wit", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }

    let names: Vec<&str> = PLUGINS.into_iter().chain([EXAMINER]).collect();
    let packages: Vec<String> = names.iter().map(|name| package(name)).collect();
    let built = Build {
        manifest: &root.join("Cargo.toml"),
        packages: &packages.iter().map(String::as_str).collect::<Vec<_>>(),
        target_dir: Some(&shared_target_dir(&out)),
    }
    .run()
    .unwrap_or_else(|error| panic!("{error}"));

    let mut list = String::from(
        "/// Each built-in source plugin: its name, and its component.\npub const PLUGINS: &[(&str, &[u8])] = &[\n",
    );
    for name in names {
        let component = built
            .iter()
            .find(|built| built.package == package(name))
            .unwrap_or_else(|| panic!("the plugin {name} was not built"));
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, &component.component).expect("OUT_DIR can be written");
        if name == EXAMINER {
            let _ = writeln!(
                list,
                "];\n/// The component that reads PDFs for the proof.\npub const EXAMINER: &[u8] = include_bytes!({path:?});"
            );
        } else {
            let _ = writeln!(list, "    ({name:?}, include_bytes!({path:?})),");
        }
    }
    fs::write(out.join("built_in.rs"), list).expect("OUT_DIR can be written");
}

fn package(plugin: &str) -> String {
    format!("tierfall-plugin-{}", plugin.replace('_', "-"))
}

/// One folder for all profiles (`OUT_DIR` is `TARGET/PROFILE/build/PACKAGE/out`): the plugins are the
/// same in each, and cargo locks the folder against a second build.
fn shared_target_dir(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).join("plugins")
}
