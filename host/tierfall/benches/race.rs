//! Works per second through the race alone: 7 instant in-process sources over 4 tiers, on one core, when
//! every source misses and when the first tier hits.
//!
//! `cargo bench -p tierfall --bench race`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::BoxFuture;
use tierfall::acquire::{
    Acquire, Acquisition, Artifact, CopyPolicy, FetchContext, Journal, NoJournal, StoreError, UsageRights,
    Verdict, VerifiedFile,
};
use tierfall::tiers::{Answer, Artifacts, Ask, Budgets, Plan, Source, SourceName, Tier, Together, race};
use tierfall_ids::IdKind;
use tierfall_proof::Identity;
use tierfall_sandbox::{CallError, CallReport, SourceError};
use tierfall_work::{ArtifactFormat, Basis, Candidate, Facts, Finding, Format, Version, Work};

struct Instantly {
    name: SourceName,
    hits: bool,
}

impl Source for Instantly {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn ids(&self) -> &[IdKind] {
        &[IdKind::Doi]
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn find(&self, _ask: Ask) -> BoxFuture<'_, Answer> {
        let result = if self.hits {
            let facts = Facts { title: Some("A title".into()), ..Facts::default() };
            let candidate = Candidate {
                url: "https://repository.example/1.pdf".into(),
                version: Version::Published,
                format: Format::Unknown,
                digest: None,
                license: None,
                landing_page: None,
                basis: Basis::Registry,
                evidence: String::new(),
            };
            Ok(Finding { candidates: vec![candidate], facts, matches: Vec::new() })
        } else {
            Err(CallError::Source(SourceError::NotFound))
        };
        Box::pin(async { Answer { result, report: CallReport::default() } })
    }
}

struct AcceptAll;

impl Acquire for AcceptAll {
    fn acquire<'a>(
        &'a self,
        _candidate: &'a Candidate,
        _context: FetchContext<'a>,
        _work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        _journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition> {
        Box::pin(async {
            Acquisition {
                verdict: Verdict::Accepted(Identity::Proven),
                status: Some(200),
                final_url: None,
                bytes: 1,
                resumed_from: 0,
                elapsed: Duration::ZERO,
                evidence: None,
                detail: String::new(),
                usage_rights: UsageRights::default(),
                file: Some(VerifiedFile::in_store(ArtifactFormat::Pdf, "00".repeat(32), 1, 1, false)),
            }
        })
    }

    fn store(&self, _: VerifiedFile, _: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        unreachable!("a race stores nothing")
    }
}

fn plan(hits: bool) -> Plan {
    let tier = |name: &str, sources: &[&str]| Tier {
        name: name.into(),
        parallel: 2,
        sources: sources
            .iter()
            .map(|source| {
                let name = SourceName { plugin: name.into(), source: (*source).into() };
                Arc::new(Instantly { name, hits }) as Arc<dyn Source>
            })
            .collect(),
        skipped: Vec::new(),
    };
    Plan {
        artifacts: Artifacts::default(),
        copies: CopyPolicy::default(),
        tiers: vec![
            tier("a", &["a1", "a2", "a3"]),
            tier("b", &["b1"]),
            tier("c", &["c1", "c2"]),
            tier("d", &["d1"]),
        ],
        facts: Vec::new(),
        titles: Vec::new(),
        budgets: Budgets {
            total: Duration::from_secs(120),
            max_attempts: 20,
            max_concurrent: 3,
            hedge: Duration::from_secs(3),
        },
        together: Together::default(),
        in_order: false,
    }
}

fn bench_race(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("race");
    group.throughput(Throughput::Elements(1));
    for (name, hits) in [("every source misses", false), ("the first tier hits", true)] {
        let plan = plan(hits);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            // Reading an identifier is the input's part.
            let work = Work::new("10.5555/12345678".parse().expect("a DOI"));
            bencher
                .to_async(&runtime)
                .iter(async || black_box(race::run(&plan, work.clone(), &AcceptAll, &NoJournal, &()).await));
        });
    }
    group.finish();
}

criterion_group!(benches, bench_race);
criterion_main!(benches);
