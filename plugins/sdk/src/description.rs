//! Builders for the result of [`Plugin::describe`](crate::Plugin::describe).

use crate::{Description, HostNeed, HostPattern, IdKind, Role, SecretUse, Setting, Source, WorkId};

/// A plugin's description. `version` is usually `env!("CARGO_PKG_VERSION")`.
pub fn describe(name: &str, version: &str, sources: Vec<Source>) -> Description {
    Description { name: name.into(), version: version.into(), sources }
}

/// The host of the URL in a setting, usually `api_base`.
pub fn setting_host(name: &str) -> HostPattern {
    HostPattern::Setting(name.into())
}

impl Source {
    /// A source that is asked about works with an identifier of one of these kinds, and that needs
    /// no host and no setting yet.
    pub fn new(name: &str, summary: &str, ids: &[IdKind]) -> Self {
        Self {
            name: name.into(),
            summary: summary.into(),
            ids: ids.to_vec(),
            hosts: Vec::new(),
            settings: Vec::new(),
            batch: None,
            known_works: Vec::new(),
        }
    }

    /// Is asked with [`Plugin::find_many`](crate::Plugin::find_many), about at most so many works at once.
    pub fn batch(mut self, most: u32) -> Self {
        self.batch = Some(most);
        self
    }

    /// Names works that are known to have a copy there.
    pub fn known_works(mut self, ids: impl IntoIterator<Item = WorkId>) -> Self {
        self.known_works.extend(ids);
        self
    }

    /// Declares a setting `api_base` with this default, and its host as an API.
    pub fn api(self, api_base: &str) -> Self {
        self.setting(Setting::new("api_base", "where the API is").default(api_base))
            .host(setting_host("api_base"), Role::Api)
    }

    /// Declares a place that it fetches from.
    pub fn host(mut self, pattern: HostPattern, role: Role) -> Self {
        self.hosts.push(HostNeed { pattern, role });
        self
    }

    /// Declares a setting.
    pub fn setting(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }
}

impl Setting {
    /// A setting that may stay empty.
    pub fn new(name: &str, summary: &str) -> Self {
        Self { name: name.into(), summary: summary.into(), default: None, required: false, secret: None }
    }

    /// The value it has unless the operator gives another.
    pub fn default(mut self, value: &str) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Without a value the source is skipped.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Makes it a secret: the plugin never sees it, the host puts `header: prefix + value` on
    /// requests to `host`.
    pub fn secret(mut self, host: HostPattern, header: &str, prefix: &str) -> Self {
        self.secret = Some(SecretUse { host, header: header.into(), prefix: prefix.into() });
        self
    }
}
