//! `[plugins.NAME]`: the operator's half of what a plugin may do.

use std::path::{Path, PathBuf};

use super::section::{Section, resolved};

/// Which plugin a tier asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginRef {
    /// A name of `[plugins]`.
    Name(String),
    /// A component that the plan names by its file.
    Path(PathBuf),
}

#[derive(Clone, Debug)]
pub struct Plugin {
    /// `None` is built in.
    pub path: Option<PathBuf>,
    /// The hosts that are granted: `None` is whatever the plugin declares.
    pub hosts: Option<Vec<String>>,
    /// Lower case hexadecimal; another file is refused.
    pub sha256: Option<String>,
}

impl Plugin {
    /// A component that the plan names by its file is granted what it declares.
    pub(super) fn by_path(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), hosts: None, sha256: None }
    }

    pub(super) fn read(name: &str, section: Section<'_>) -> Self {
        const BUILT_IN: &str = "built-in";
        let path = section.text("path");
        let origin = section.origin("path");
        if path == BUILT_IN && !super::is_built_in(name) {
            section.complain(
                "path",
                format!("no plugin called `{name}` is built in; give the path of its component"),
            );
        }
        if path.is_empty() && section.has("path") {
            section.complain("path", "it is empty; give the path of a component");
        }
        let hosts = if section.has("hosts") { section.list_or("hosts", "declared") } else { None };
        let sha256 = if section.has("sha256") { section.maybe_text("sha256") } else { None };
        if sha256
            .as_ref()
            .is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            section.complain("sha256", "a SHA-256 has 64 hexadecimal digits");
        }
        section.finish();
        let path = (path != BUILT_IN).then(|| resolved(Path::new(&path), &origin));
        Self { path, hosts, sha256: sha256.map(|hash| hash.to_ascii_lowercase()) }
    }
}
