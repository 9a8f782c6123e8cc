//! A plugin as it was built against `tierfall:source@0.1.0`. It uses what that version has, so that every part of it
//! is still there: settings and a secret, hosts, `fetch` in both forms of a body, `log`, `now`, the trail, each kind
//! of error.
#![expect(unsafe_code, reason = "the macro's: it exports functions by name")]

wit_bindgen::generate!({
    path: "../../wit/source-0.1.0",
    world: "plugin",
    generate_all,
});

use tierfall::source::http::{Body, Method, Request, Want, fetch};
use tierfall::source::types::{
    Basis, Candidate, Facts, HostNeed, HostPattern, IdKind, Role, SecretUse, Setting, Source, Version, WorkId,
};
use tierfall::source::{clock, log};

struct Older;

fn setting(name: &str, default: Option<&str>) -> Setting {
    let default = default.map(str::to_owned);
    Setting { name: name.into(), summary: "of a test".into(), default, required: false, secret: None }
}

impl Guest for Older {
    fn describe() -> Description {
        let key = SecretUse {
            host: HostPattern::Setting("base".into()),
            header: "x-key".into(),
            prefix: "k ".into(),
        };
        let source = |name: &str| Source {
            name: name.into(),
            summary: "built long ago".into(),
            ids: vec![IdKind::Doi, IdKind::Arxiv, IdKind::Pmid, IdKind::Pmcid, IdKind::Openalex, IdKind::Url],
            hosts: vec![
                HostNeed { pattern: HostPattern::Setting("base".into()), role: Role::Api },
                HostNeed { pattern: HostPattern::Exact("one.example".into()), role: Role::Page },
                HostNeed { pattern: HostPattern::Subdomains("many.example".into()), role: Role::Page },
                HostNeed { pattern: HostPattern::WorkHosts, role: Role::Page },
            ],
            settings: vec![
                setting("base", None),
                setting("path", Some("/list")),
                Setting { secret: Some(key.clone()), ..setting("key", None) },
            ],
        };
        Description {
            name: "older".into(),
            version: "0.1.0".into(),
            sources: vec![source("finder"), source("failer")],
        }
    }

    fn find(source: String, work: Work, context: Context) -> Result<Finding, SourceError> {
        let value =
            |name: &str| context.settings.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let base = value("base").ok_or_else(|| SourceError::Misconfigured("no base".into()))?;
        let path = value("path").unwrap_or_default();
        if source == "failer" {
            return Err(SourceError::BadAnswer(format!("{} fetches were left", context.budget.fetches)));
        }
        let ask = |want: Want| Request {
            method: Method::Get,
            url: format!("{base}{path}"),
            headers: vec![("accept".into(), "text/plain".into())],
            body: None,
            want,
            max_bytes: Some(1000),
        };
        let failed = |error| SourceError::BadAnswer(format!("{error:?}"));
        let (text, bytes) =
            (fetch(&ask(Want::Text)).map_err(failed)?, fetch(&ask(Want::Bytes)).map_err(failed)?);
        let (Body::Text(text), Body::Bytes(bytes)) = (text.body, bytes.body) else {
            return Err(SourceError::BadAnswer("a body in another form than was asked for".into()));
        };
        log::log(log::Level::Info, &format!("{} bytes at {}", bytes.len(), clock::now()));
        let denied = fetch(&Request { url: "https://elsewhere.example/".into(), ..ask(Want::Text) });
        let evidence = format!("{text}, denied: {}, secrets: {}", denied.is_err(), context.secrets.join(" "));
        let candidate = Candidate {
            url: format!("{base}/good.pdf"),
            version: Version::Accepted,
            license: Some("cc-by".into()),
            landing_page: None,
            basis: Basis::Registry,
            evidence,
        };
        let facts = Facts {
            title: work.title,
            authors: vec!["Keeper".into()],
            year: Some(2019),
            pages: None,
            ids: vec![WorkId::Pmid("17000001".into())],
            landing_urls: Vec::new(),
        };
        Ok(Finding { candidates: vec![candidate], facts })
    }
}

export!(Older);
