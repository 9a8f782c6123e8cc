//! A zoo of hostile and careless sources, one per way to misbehave. Built and run by the tests of the
//! sandbox; `tame` is the one that behaves, to show that its neighbours hurt nobody, and `mirror` is the
//! only source of the benchmark of whole runs.

use std::hint::black_box;

use tierfall_sdk::{
    Basis, Candidate, Context, Description, FetchError, Finding, Host, HostPattern, IdKind, Level, Plugin,
    Request, Role, Setting, Source, SourceError, Work, describe, export_plugin, setting_host,
};

struct Zoo;

/// Every source may reach the host of its setting `base`, and nothing else.
fn animal(name: &str, what: &str) -> Source {
    Source::new(name, what, &[IdKind::Doi])
        .setting(Setting::new("base", "a server of the test"))
        .host(setting_host("base"), Role::Api)
}

impl Plugin for Zoo {
    fn describe() -> Description {
        let sources = vec![
            animal("tame", "proposes what it is told to"),
            animal("mirror", "has a file for every DOI"),
            animal("spin", "never returns"),
            animal("allocate", "allocates without end"),
            animal("recurse", "recurses without end"),
            animal("trap", "panics"),
            animal("million", "proposes a million candidates"),
            animal("heavy", "proposes candidates of ten megabytes"),
            animal("fetch_flood", "fetches without end"),
            animal("big_body", "fetches a body beyond the limit"),
            animal("log_flood", "logs without end"),
            animal("undeclared", "fetches from a host that it did not declare"),
            animal("injector", "sends headers that belong to the host"),
            animal("fisher", "looks for secrets").setting(Setting::new("key", "a secret").secret(
                HostPattern::Exact("keys.example".into()),
                "x-key",
                "",
            )),
            animal("painter", "writes terminal escapes into all it says"),
            animal("liar", "answers for another source").setting(Setting::new("n", "a number")),
        ];
        describe("zoo", "6.6.6", sources)
    }

    fn find(host: &dyn Host, source: &str, work: &Work, ctx: &Context) -> Result<Finding, SourceError> {
        let base = ctx.setting("base").unwrap_or("http://127.0.0.1:1");
        let mut finding = Finding::none();
        match source {
            "tame" => {
                finding.add(Candidate::new(format!("{base}/good.pdf"), Basis::Registry, "tame"));
                if let Some(title) = &work.title {
                    finding.facts.title = Some(title.clone());
                }
            }
            "mirror" => {
                let doi = work.doi().unwrap_or_default();
                finding.add(Candidate::new(format!("{base}/{doi}.pdf"), Basis::Registry, "mirror"));
            }
            "spin" => loop {
                black_box(work);
            },
            "allocate" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "recurse" => {
                black_box(recurse(black_box(1)));
            }
            "trap" => panic!("the zoo is closed"),
            "million" => {
                for n in 0..1_000_000 {
                    finding.add(Candidate::new(format!("{base}/{n}"), Basis::Registry, ""));
                }
            }
            "heavy" => {
                for _ in 0..3 {
                    let url = format!("{base}/{}", "x".repeat(10 << 20));
                    finding.add(Candidate::new(&url, Basis::Registry, ""));
                }
            }
            "fetch_flood" => loop {
                match host.fetch(&Request::get(format!("{base}/small"))) {
                    Ok(_) => {}
                    Err(FetchError::Budget(_)) => {
                        return Err(SourceError::BadAnswer("the budget held".into()));
                    }
                    Err(other) => return Err(SourceError::BadAnswer(format!("{other:?}"))),
                }
            },
            "big_body" => {
                return match host.fetch(&Request::get(format!("{base}/big"))) {
                    Err(FetchError::TooLarge(limit)) => {
                        Err(SourceError::BadAnswer(format!("cut at {limit}")))
                    }
                    other => Err(SourceError::BadAnswer(format!("not cut: {}", other.is_ok()))),
                };
            }
            "log_flood" => {
                for n in 0..100_000 {
                    host.log(Level::Warn, &format!("line {n} {}", "x".repeat(1 << 16)));
                }
            }
            "undeclared" => {
                let denied = host.fetch(&Request::get("https://elsewhere.example/secret"));
                return Err(SourceError::BadAnswer(format!("{:?}", denied.err())));
            }
            "injector" => {
                let mut heard = Vec::new();
                for (name, value) in [
                    ("Host", "elsewhere.example"),
                    ("Content-Length", "0"),
                    ("X-Ok", "a\r\nX-Injected: b"),
                    ("X-Bad\r\nX-Injected", "b"),
                    ("Transfer-Encoding", "chunked"),
                    ("Proxy-Authorization", "Basic eDp5"),
                ] {
                    let mut request = Request::get(format!("{base}/small"));
                    request.headers.push((name.into(), value.into()));
                    heard.push(host.fetch(&request).is_ok());
                }
                return Err(SourceError::BadAnswer(format!("passed: {heard:?}")));
            }
            "fisher" => {
                let seen = ctx.settings.iter().any(|(name, _)| name == "key");
                let set = ctx.secret_is_set("key");
                return Err(SourceError::BadAnswer(format!("seen: {seen}, set: {set}")));
            }
            "painter" => {
                host.log(Level::Warn, "\u{1b}[2J\u{1b}[31mowned\u{7}");
                return Err(SourceError::BadAnswer("\u{1b}[2J\u{1b}[31mowned\u{202e}".into()));
            }
            "liar" => {
                finding.add(Candidate::new("javascript:alert(1)", Basis::Registry, "liar"));
                finding.add(Candidate::new("file:///etc/passwd", Basis::Registry, "liar"));
                finding.add(Candidate::new("not a url at all", Basis::Registry, "liar"));
                finding.facts.year = Some(u16::MAX);
                finding.facts.pages = Some(u32::MAX);
            }
            _ => return Err(SourceError::NotApplicable),
        }
        finding.or_not_found()
    }
}

#[expect(unconditional_recursion, reason = "that is what it is here for")]
fn recurse(depth: u64) -> u64 {
    // Not a tail call: the frame is still needed afterwards.
    black_box(depth) + recurse(black_box(depth + 1))
}

export_plugin!(Zoo);
