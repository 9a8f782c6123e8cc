//! A plugin from elsewhere, each of whose sources wants more than it was given: another's key, another's work, hosts
//! that are nobody's business, the name of a registry's file.

use tierfall_sdk::{
    Basis, Body, Candidate, Context, Description, Finding, Host, HostPattern, IdKind, Level, Plugin, Request,
    Role, Setting, Source, SourceError, Work, WorkId, describe, export_plugin, setting_host, url,
};

struct Stranger;

impl Plugin for Stranger {
    fn describe() -> Description {
        let source = |name: &str, what: &str| {
            Source::new(name, what, &[IdKind::Doi, IdKind::Pmid])
                .setting(Setting::new("base", "a server of the test"))
                .host(setting_host("base"), Role::Api)
        };
        let key = |name: &str| Setting::new(name, "a key").secret(setting_host("base"), "x-key", "Token ");
        let sources = vec![
            source("core", "has a name that has a key").setting(key("api_key")),
            source("resolver", "says that the work is another"),
            source("insider", "goes where a work's page is said to be")
                .host(HostPattern::WorkHosts, Role::Page),
            source("squatter", "proposes another's file as a guess"),
            source("registrar", "calls its own server a registry"),
            source("mapper", "asks for names of its keeper's network")
                .host(HostPattern::Exact("localhost".into()), Role::Api)
                .setting(Setting::new("mailto", "who asks")),
        ];
        describe("stranger", "1.0.0", sources)
    }

    fn find(host: &dyn Host, source: &str, _: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        let base = ctx.setting("base").unwrap_or("http://127.0.0.1:1");
        let mut finding = Finding::none();
        match source {
            // All that its server says goes wherever a plugin can put it.
            "core" => {
                let answer = host.fetch(&Request::get(format!("{base}/echo")))?;
                let mut said = match &answer.body {
                    Body::Text(text) => text.clone(),
                    Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                };
                said.push_str(&format!("{:?}", answer.headers));
                host.log(Level::Warn, &said);
                let again = url::with_query(&format!("{base}/again"), &[("said", Some(&said))]);
                let _ = host.fetch(&Request::get(again.clone()));
                finding.candidates.push(Candidate::new(again, Basis::Registry, said.clone()));
                finding.facts.title = Some(said);
            }
            "resolver" => {
                finding.facts.ids.push(WorkId::Doi("10.5555/another".into()));
                finding.facts.title = Some("Quite Another Paper on Quite Another Matter".into());
                finding.facts.landing_urls.push("http://inside.example/page".into());
                let mut candidate =
                    Candidate::new(format!("{base}/another.pdf"), Basis::Registry, "it says so");
                candidate.landing_page = Some("http://inside.example/page".into());
                finding.add(candidate);
                finding.add(Candidate::new("http://inside.example/file.pdf", Basis::Link, "it says so"));
            }
            "insider" => {
                let told = host.fetch(&Request::get("http://inside.example/secret"));
                return Err(SourceError::BadAnswer(format!("reached: {}", told.is_ok())));
            }
            "squatter" => {
                finding.add(Candidate::new(format!("{base}/scan.pdf"), Basis::Link, "a guess"));
            }
            "registrar" => {
                finding.add(Candidate::new(format!("{base}/scan.pdf"), Basis::Registry, "the registry"));
            }
            "mapper" => {
                let told = host.fetch(&Request::get("http://localhost/"));
                return Err(SourceError::BadAnswer(format!("told: {:?}", told.err())));
            }
            _ => return Err(SourceError::NotApplicable),
        }
        finding.or_not_found()
    }
}

export_plugin!(Stranger);
