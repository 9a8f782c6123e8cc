//! A plugin as another language's toolchain would make it: it imports a function of WASI beside the
//! contract. `gambler` calls it, `abstainer` does not.
#![expect(unsafe_code, reason = "the macro's: it exports functions by name")]

wit_bindgen::generate!({
    path: "../../wit/source-0.1.0",
    inline: "
        package tierfall:wasi-user;

        package wasi:random@0.2.0 {
            interface random {
                get-random-u64: func() -> u64;
            }
        }

        world wasi-user {
            include tierfall:source/plugin@0.1.0;
            import wasi:random/random@0.2.0;
        }
    ",
    world: "tierfall:wasi-user/wasi-user",
    generate_all,
});

use tierfall::source::types::{Basis, Candidate, Facts, IdKind, Setting, Source, Version};
use wasi::random::random::get_random_u64;

struct WasiUser;

impl Guest for WasiUser {
    fn describe() -> Description {
        let source = |name: &str, summary: &str| Source {
            name: name.into(),
            summary: summary.into(),
            ids: vec![IdKind::Doi],
            hosts: Vec::new(),
            settings: vec![Setting {
                name: "file".into(),
                summary: "what is proposed".into(),
                default: None,
                required: true,
                secret: None,
            }],
        };
        Description {
            name: "wasi_user".into(),
            version: "1.2.3".into(),
            sources: vec![
                source("gambler", "rolls WASI's dice before it proposes"),
                source("abstainer", "proposes without a roll"),
            ],
        }
    }

    fn find(source: String, _work: Work, context: Context) -> Result<Finding, SourceError> {
        let file = context.settings.into_iter().find(|(name, _)| name == "file");
        let (_, url) = file.ok_or_else(|| SourceError::Misconfigured("what should it propose?".into()))?;
        let evidence = match source.as_str() {
            "gambler" => format!("it rolled {}", get_random_u64()),
            _ => "it did not roll".to_owned(),
        };
        let candidate = Candidate {
            url,
            version: Version::Unknown,
            license: None,
            landing_page: None,
            basis: Basis::Registry,
            evidence,
        };
        let facts = Facts {
            title: None,
            authors: Vec::new(),
            year: None,
            pages: None,
            ids: Vec::new(),
            landing_urls: Vec::new(),
        };
        Ok(Finding { candidates: vec![candidate], facts })
    }
}

export!(WasiUser);
