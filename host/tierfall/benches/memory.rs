//! Peak memory and wall time of a whole run, from reading the list to writing the manifest, over works
//! that instant in-process sources answer with "no copy": it must not grow with the number of works.
//!
//! `cargo bench -p tierfall --bench memory`

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tierfall::acquire::{
    Acquire, Acquisition, Artifact, CopyPolicy, FetchContext, Journal, StoreError, VerifiedFile,
};
use tierfall::run::{InputItem, Run, WorkRequest};
use tierfall::tiers::{Answer, Artifacts, Ask, Budgets, Plan, Source, SourceName, Tier, Together};
use tierfall_ids::IdKind;
use tierfall_input::{Dedupe, open};
use tierfall_ledger::LedgerClient;
use tierfall_sandbox::{CallError, CallReport, SourceError};
use tierfall_work::{Candidate, Work};
use tokio_util::sync::CancellationToken;

struct Nothing(SourceName);

impl Source for Nothing {
    fn name(&self) -> &SourceName {
        &self.0
    }

    fn ids(&self) -> &[IdKind] {
        &[IdKind::Doi]
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn find(&self, _ask: Ask) -> BoxFuture<'_, Answer> {
        Box::pin(async {
            Answer { result: Err(CallError::Source(SourceError::NotFound)), report: CallReport::default() }
        })
    }
}

struct Never;

impl Acquire for Never {
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        _context: FetchContext<'a>,
        _work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        _journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition> {
        panic!("nothing was proposed, and {} is asked for", candidate.url)
    }

    fn store(&self, _: VerifiedFile, _: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        panic!("nothing was accepted, and it is to be stored")
    }
}

/// One run over `works` works, in a process of its own so that its peak is its own.
fn run(works: u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("works.txt");
    let mut file = BufWriter::new(std::fs::File::create(&list).expect("a writable folder"));
    for n in 0..works {
        writeln!(file, "10.5555/memory.{n}").expect("a writable file");
    }
    file.into_inner().expect("a writable file");

    let source = |name: &str| {
        let name = SourceName { plugin: "bench".into(), source: name.into() };
        Arc::new(Nothing(name)) as Arc<dyn Source>
    };
    let tier = |name: &str| Tier {
        name: name.into(),
        parallel: 2,
        sources: (0..4).map(|n| source(&format!("{name}{n}"))).collect(),
        skipped: Vec::new(),
    };
    let budgets = Budgets {
        total: Duration::from_secs(120),
        max_attempts: 20,
        max_concurrent: 3,
        hedge: Duration::from_secs(3),
    };
    let run = Run {
        id: "bench".into(),
        plan: Arc::new(Plan {
            artifacts: Artifacts::default(),
            copies: CopyPolicy::default(),
            tiers: vec![tier("a"), tier("b")],
            facts: Vec::new(),
            titles: Vec::new(),
            budgets,
            together: Together::default(),
            in_order: false,
        }),
        acquirer: Arc::new(Never),
        reporter: Arc::new(()),
        workers: 16,
        in_hand: 16,
        again: false,
        reach: None,
        network: None,
        ledger: LedgerClient::off(),
        maintenance: None,
        stop: CancellationToken::new(),
        drain: CancellationToken::new(),
    };
    let mut seen = Dedupe::new();
    let input = open(&list, None, None).expect("a readable list").map(move |entry| {
        let entry = entry.expect("a readable line");
        assert!(seen.admit(&entry.work), "every work is asked for once");
        InputItem::Work(WorkRequest { input: entry.raw, entry: None, work: entry.work })
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let began = Instant::now();
    let summary = runtime.block_on(run.go(input, &folder.path().join("out"))).expect("a run");
    assert_eq!(summary.no_copy, works);
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak").trim().to_owned();
    println!("{works} works: {:.1} s, peak resident memory {peak}", began.elapsed().as_secs_f64());
}

fn main() {
    if let Some(works) = std::env::var("TIERFALL_BENCH_WORKS").ok().and_then(|works| works.parse().ok()) {
        return run(works);
    }
    let program = std::env::current_exe().expect("this program");
    for works in [20_000_u64, 200_000] {
        let ended = Command::new(&program).env("TIERFALL_BENCH_WORKS", works.to_string()).status();
        assert!(ended.is_ok_and(|status| status.success()), "the run over {works} works failed");
    }
}
