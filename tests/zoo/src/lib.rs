//! A zoo of hostile and careless sources, one per way to misbehave. Built and run by the tests of the
//! sandbox; `tame` is the one that behaves, to show that its neighbours hurt nobody, and `mirror` is the
//! only source of the benchmark of whole runs.

use std::hint::black_box;

use tierfall_sdk::{
    Basis, BatchContext, Candidate, Context, Description, FetchError, Finding, Host, HostPattern, IdKind,
    Lenient, Level, Plugin, Question, Request, Role, Setting, Source, SourceError, Value, Work, WorkId,
    describe, export_plugin, get_json, setting_host,
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
            animal("crossref", "gives itself the name of a registry"),
            animal("mojibake", "proposes text that is none"),
            animal("babbler", "asks and logs with text that is none"),
            animal("stray", "hands over memory that it does not have"),
            animal("late", "asks when its time is over"),
            animal("prober", "looks for ways into the network of its keeper"),
            animal("forger", "forges the host that it asks"),
            animal("parrot", "repeats identifiers as it reads them"),
            animal("crowd", "looks for several works at once").batch(8),
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
            // Past the SDK, which would leave out what it has already and what is no web address.
            "million" => {
                let one = |n| Candidate::new(format!("{base}/{n}"), Basis::Registry, "");
                finding.candidates.extend((0..1_000_000).map(one));
            }
            "heavy" => {
                let one =
                    |n| Candidate::new(format!("{base}/{n}/{}", "x".repeat(10 << 20)), Basis::Registry, "");
                finding.candidates.extend((0..3).map(one));
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
                // Its own server would tell it what the host added to its request.
                let mut request = Request::get(format!("{base}/small?key={{key}}&env=${{FISHER_KEY}}"));
                request.headers.push(("x-key".into(), "{key}".into()));
                let told = host.fetch(&request).is_ok_and(|answer| format!("{answer:?}").contains("hush"));
                let known = format!("{work:?}{ctx:?}");
                let seen =
                    told || known.contains("hush") || ctx.settings.iter().any(|(name, _)| name == "key");
                let set = ctx.secret_is_set("key");
                return Err(SourceError::BadAnswer(format!("seen: {seen}, set: {set}")));
            }
            "painter" => {
                host.log(Level::Warn, "\u{1b}[2J\u{1b}[31mowned\u{7}");
                return Err(SourceError::BadAnswer("\u{1b}[2J\u{1b}[31mowned\u{202e}".into()));
            }
            "liar" => {
                let lies = ["javascript:alert(1)", "file:///etc/passwd", "not a url at all"];
                finding.candidates.extend(lies.map(|lie| Candidate::new(lie, Basis::Registry, "liar")));
                finding.facts.year = Some(u16::MAX);
                finding.facts.pages = Some(u32::MAX);
            }
            "crossref" => finding.facts.title = Some("What nobody ever wrote".into()),
            "mojibake" => {
                finding.add(Candidate::new(format!("{base}/1"), Basis::Registry, mojibake()));
            }
            "babbler" => {
                host.log(Level::Warn, &mojibake());
                let answer = host.fetch(&Request::get(mojibake()));
                return Err(SourceError::BadAnswer(format!("taken for text: {}", answer.is_ok())));
            }
            "stray" => {
                finding.add(Candidate::new(format!("{base}/1"), Basis::Registry, stray()));
            }
            "late" => {
                let end = host.now_ms() + u64::from(ctx.budget.time_ms) + 200;
                while host.now_ms() < end {
                    black_box(work);
                }
                return Err(SourceError::BadAnswer(format!(
                    "{:?}",
                    host.fetch(&Request::get(format!("{base}/late")))
                )));
            }
            "prober" => return Err(SourceError::BadAnswer(reached(host, &INNER))),
            "forger" => {
                let port = base.rsplit(':').next().unwrap_or_default();
                let forged = [
                    "http://127.0.0.1@elsewhere.example/small".to_owned(),
                    format!("http://127.0.0.1:{port}@elsewhere.example/small"),
                    format!("http://user:pass@127.0.0.1:{port}/small"),
                    format!("http://elsewhere.example\\@127.0.0.1:{port}/small"),
                    format!("http://elsewhere.example#@127.0.0.1:{port}/small"),
                    format!("http://elsewhere.example?@127.0.0.1:{port}/small"),
                    "http://127.0.0.1.elsewhere.example/small".to_owned(),
                    "http://elsewhere.example./small".to_owned(),
                    "http://\u{ff45}lsewhere.example/small".to_owned(),
                    format!(
                        "http://127.0.0.1:{port}\r\nHost: elsewhere.example\r\n/small@elsewhere.example/"
                    ),
                    format!("ws://127.0.0.1:{port}/small"),
                    "file:///etc/passwd".to_owned(),
                ];
                let forged: Vec<&str> = forged.iter().map(String::as_str).collect();
                return Err(SourceError::BadAnswer(reached(host, &forged)));
            }
            "parrot" => {
                let texts = get_json(host, &format!("{base}/odd"))?;
                let read: Vec<_> = texts.items("").iter().map(|text| repeated(text.as_str())).collect();
                let told = host.fetch(&Request::post_json(format!("{base}/read"), &read.into()));
                return Err(told
                    .err()
                    .map_or(SourceError::NotFound, |e| SourceError::BadAnswer(format!("{e:?}"))));
            }
            _ => return Err(SourceError::NotApplicable),
        }
        finding.or_not_found()
    }

    /// Its works are trouble for their neighbours: by their DOIs it traps, loses an answer, or cannot read any.
    fn find_many(
        host: &dyn Host,
        _: &str,
        questions: &[Question],
        ctx: &BatchContext,
    ) -> Vec<Result<Finding, SourceError>> {
        let base = ctx.settings_only().setting("base").unwrap_or_default().to_owned();
        let dois: Vec<&str> =
            questions.iter().map(|question| question.work.doi().unwrap_or_default()).collect();
        host.log(Level::Info, &dois.join(" "));
        assert!(!dois.iter().any(|doi| doi.contains("trap")), "the crowd panics");
        let unreadable = dois.iter().any(|doi| doi.contains("unreadable"));
        let answer = |doi: &&str| {
            if unreadable {
                return Err(SourceError::BadAnswer("it was cut".into()));
            }
            let mut finding = Finding::none();
            finding.add(Candidate::new(format!("{base}/{doi}.pdf"), Basis::Registry, "crowd"));
            Ok(finding)
        };
        let lost = dois.iter().any(|doi| doi.contains("lost"));
        dois.iter().skip(usize::from(lost)).map(answer).collect()
    }
}

/// What each of the readers in the SDK makes of a text; the value alone tells the kinds apart.
fn repeated(text: Option<&str>) -> Value {
    let text = text.unwrap_or_default();
    let readers = [
        WorkId::read_doi,
        WorkId::read_arxiv,
        WorkId::read_pmid,
        WorkId::read_pmcid,
        WorkId::read_openalex,
        WorkId::of_url,
    ];
    readers.map(|read| read(text).map(|id| id.value().to_owned())).as_slice().into()
}

/// Ways to write addresses of the network that the program runs in.
const INNER: [&str; 22] = [
    "http://127.0.0.2/",
    "http://127.1.1.1:8080/",
    "http://0x7f000002/",
    "http://017700000002/",
    "http://2130706434/",
    "http://127.2/",
    "http://0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://100.64.0.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.2]/",
    "http://[64:ff9b::7f00:2]/",
    "http://[2002:7f00:2::]/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://localhost/",
    "http://metadata.google.internal/",
    "http://printer.local/",
];

/// Those of these URLs that the host asked, and how it refused the others.
fn reached(host: &dyn Host, urls: &[&str]) -> String {
    let mut told = String::from("reached:");
    for url in urls {
        match host.fetch(&Request::get(*url)) {
            Err(FetchError::Denied(_)) => {}
            other => told.push_str(&format!(
                " {url} ({})",
                other.map_or_else(|e| format!("{e:?}"), |_| "asked".into())
            )),
        }
    }
    told
}

/// Text that is no UTF-8, as a guest in another language may hand it over by mistake, or on purpose.
#[expect(
    unsafe_code,
    reason = "the host has to check what crosses to it, whatever the guest's language promises"
)]
fn mojibake() -> String {
    // SAFETY: nothing here reads it as text; it goes to the host as a pointer and a length.
    unsafe { String::from_utf8_unchecked(b"http://\xff\xfe\xc3\x28/\xed\xa0\x80.pdf".to_vec()) }
}

/// Text that lies beyond the end of this instance's memory.
#[expect(unsafe_code, reason = "see `mojibake`")]
fn stray() -> String {
    // SAFETY: none; the instance does not outlive the host's look at it.
    unsafe { String::from_raw_parts(0xffff_0000 as *mut u8, 4096, 4096) }
}

#[expect(unconditional_recursion, reason = "that is what it is here for")]
fn recurse(depth: u64) -> u64 {
    // Not a tail call: the frame is still needed afterwards.
    black_box(depth) + recurse(black_box(depth + 1))
}

export_plugin!(Zoo);
