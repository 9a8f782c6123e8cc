//! One sandboxed call: a fresh instance, `find`, one host fetch that is answered at once.
//!
//! `cargo bench -p tierfall --bench sandbox`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::future::BoxFuture;
use tierfall_built_in::PLUGINS;
use tierfall_http::{
    AttemptClock, FetchError, HttpClient, HttpSettings, Incoming, Outgoing, RawBody, Transport, header_map,
};
use tierfall_sandbox::{
    AnsweredPages, Call, ExaminerSettings, Grant, Plugin, Sandbox, SandboxSettings, SourceAccess,
    WorkQuestion,
};
use tierfall_work::Work;
use tokio::time::Instant;

/// The network of this benchmark: one answer of Unpaywall's shape, already in memory.
struct Instantly;

const ANSWER: &str = r#"{"doi":"10.5555/1","title":"On benchmarks","year":2026,"is_oa":true,
"best_oa_location":{"url_for_pdf":"https://repository.example/1.pdf","version":"publishedVersion","license":"cc-by"},
"oa_locations":[{"url_for_pdf":"https://repository.example/1.pdf","version":"publishedVersion","license":"cc-by"}]}"#;

impl Transport for Instantly {
    fn send(&self, _request: Outgoing) -> BoxFuture<'_, Result<Incoming, FetchError>> {
        let pieces = futures_util::stream::iter([Ok(bytes::Bytes::from_static(ANSWER.as_bytes()))]);
        let headers = header_map([("content-type", "application/json")]).expect("a header");
        Box::pin(async { Ok(Incoming { status: 200, headers, body: RawBody::new(pieces) }) })
    }

    fn now_ms(&self) -> u64 {
        0
    }
}

fn sandbox() -> SandboxSettings {
    SandboxSettings {
        memory_bytes: 64 << 20,
        table_elements: 10_000,
        instances: 20,
        stack_bytes: 512 << 10,
        hostcall_bytes: 16 << 20,
        handles: 1000,
        fetches: 20,
        fetch_bytes: 8 << 20,
        log_lines: 100,
        candidates: 100,
        component_bytes: 64 << 20,
        compiler: None,
        compile_memory_bytes: 2 << 30,
        compile_timeout: Duration::from_secs(60),
        tick: Duration::from_millis(10),
        describe_timeout: Duration::from_secs(5),
        failures: 5,
        cache_dir: None,
        examiner: ExaminerSettings { memory_bytes: 512 << 20, timeout: Duration::from_secs(30) },
    }
}

fn call(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_, component) =
        PLUGINS.iter().find(|(name, _)| *name == "direct_oa").expect("direct_oa is built in");
    let sandbox = Sandbox::new(sandbox(), 1).expect("an engine");
    let plugin =
        runtime.block_on(Plugin::load_own(&sandbox, "direct_oa", component)).expect("direct_oa loads");
    let described = plugin.description().sources.iter().find(|source| source.name == "unpaywall");
    let values = BTreeMap::from([("mailto".to_owned(), "bench@library.example".to_owned())]);
    let access =
        SourceAccess::new("direct_oa", described.expect("it has unpaywall"), Grant::Declared, &values);
    let access = Arc::new(access.expect("access"));
    let client = HttpClient::with_transport(HttpSettings::for_tests(), Box::new(Instantly));
    let work = Arc::new(Work::new("10.5555/1".parse().expect("a DOI")));
    criterion.bench_function("sandboxed call with one fetch", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let deadline = Instant::now() + Duration::from_secs(60);
            let call = Call {
                question: WorkQuestion { work: Arc::clone(&work), tried: Vec::new() },
                access: Arc::clone(&access),
                client: client.clone(),
                clock: Arc::new(AttemptClock::new(Duration::from_secs(10), deadline)),
                pages: AnsweredPages::default(),
                retries: 0,
            };
            let (found, report) = plugin.find(call).await;
            assert_eq!(found.expect("a finding").candidates.len(), 1, "{report:?}");
        });
    });
}

criterion_group!(benches, call);
criterion_main!(benches);
