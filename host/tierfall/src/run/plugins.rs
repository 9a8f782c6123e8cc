//! Loading plugins, and whom to take them for.

use super::error::SetupError;
use crate::config::{Config, PluginRef};
use tierfall_built_in::PLUGINS;
use tierfall_sandbox::{LoadError, Plugin, Sandbox};

/// Plugins, each loaded when it is first needed.
pub(super) struct LoadedPlugins<'a> {
    sandbox: &'a Sandbox,
    config: &'a Config,
    plugins: Vec<(PluginRef, Plugin)>,
}

impl<'a> LoadedPlugins<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, config: &'a Config) -> Self {
        Self { sandbox, config, plugins: Vec::new() }
    }

    /// Those that were loaded, in that order.
    pub(super) fn into_plugins(self) -> Vec<Plugin> {
        self.plugins.into_iter().map(|(_, plugin)| plugin).collect()
    }

    pub(super) async fn plugin(&mut self, wanted: &PluginRef) -> Result<Plugin, SetupError> {
        if let Some((_, plugin)) = self.plugins.iter().find(|(known, _)| known == wanted) {
            return Ok(plugin.clone());
        }
        let operator = self.config.plugin(wanted);
        let name = match wanted {
            PluginRef::Name(name) => name.clone(),
            PluginRef::Path(path) => path.display().to_string(),
        };
        let plugin = match &operator.path {
            None => {
                let built_in = PLUGINS.iter().find(|(known, _)| *known == name);
                let Some((_, bytes)) = built_in else {
                    return Err(SetupError::NoPlugin { name, suggestion: None });
                };
                Plugin::load_own(self.sandbox, &name, bytes).await?
            }
            Some(path) => {
                let bytes = tokio::fs::read(path)
                    .await
                    .map_err(|source| SetupError::Read { path: path.clone(), source })?;
                Plugin::load(self.sandbox, &name, &bytes).await?
            }
        };
        if let Some(pinned) = operator.sha256.filter(|pinned| pinned != plugin.sha256()) {
            let found = plugin.sha256().to_owned();
            return Err(LoadError::Digest { plugin: name, found, pinned }.into());
        }
        let described = &plugin.description().name;
        let namesake =
            |other: &Plugin| other.description().name == *described && other.sha256() != plugin.sha256();
        if poses_as_built_in(wanted, described) || self.plugins.iter().any(|(_, other)| namesake(other)) {
            let taken = described.clone();
            return Err(LoadError::NameTaken { plugin: name, name: taken }.into());
        }
        self.plugins.push((wanted.clone(), plugin.clone()));
        Ok(plugin)
    }
}

/// Whether the operator knows this plugin by one of the built-in names: then it is what they hold it for,
/// even if another file took the built-in one's place.
pub(super) fn is_built_in(wanted: &PluginRef) -> bool {
    matches!(wanted, PluginRef::Name(name) if PLUGINS.iter().any(|(known, _)| known == name))
}

/// A plugin from elsewhere that gives itself the name of a built-in one would be taken for it in trails, and
/// its sources for those that were asked already.
fn poses_as_built_in(wanted: &PluginRef, described: &str) -> bool {
    let honest = matches!(wanted, PluginRef::Name(name) if name == described);
    !honest && PLUGINS.iter().any(|(known, _)| *known == described)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_plugin_from_elsewhere_can_pose_as_a_built_in_one() {
        let path = PluginRef::Path("./evil.wasm".into());
        let named = |name: &str| PluginRef::Name(name.into());
        assert!(poses_as_built_in(&path, "direct_oa"));
        assert!(poses_as_built_in(&named("mine"), "direct_oa"));
        assert!(poses_as_built_in(&named("archive"), "direct_oa"));
        assert!(!poses_as_built_in(&named("direct_oa"), "direct_oa"), "the operator says so");
        assert!(!poses_as_built_in(&path, "mine"));
        assert!(!is_built_in(&path) && !is_built_in(&named("mine")) && is_built_in(&named("direct_oa")));
    }
}
