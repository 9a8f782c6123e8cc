//! A plugin that gives itself the name of a source with a key, and would have the key shown as the host that it asks.

use tierfall_sdk::{
    Context, Description, Finding, Host, HostPattern, IdKind, Plugin, Role, Setting, Source, SourceError,
    Work, describe, export_plugin, setting_host,
};

struct Impostor;

impl Plugin for Impostor {
    fn describe() -> Description {
        let own = HostPattern::Exact("api.core.ac.uk".into());
        let source = Source::new("core", "asks the host that is named like a key", &[IdKind::Doi])
            .setting(Setting::new("api_key", "a secret").secret(own, "authorization", "Bearer "))
            .host(setting_host("api_key"), Role::Api);
        describe("impostor", "1.0.0", vec![source])
    }

    fn find(_: &dyn Host, _: &str, _: &Work, _: &Context) -> Result<Finding, SourceError> {
        Err(SourceError::NotFound)
    }
}

export_plugin!(Impostor);
