//! The examiner of PDFs and of articles in XML: a parser of untrusted bytes, without access to anything.

use std::sync::Arc;

use tierfall_work::{JatsProblem, JatsReport, PdfProblem, PdfReport};
use wasmtime::Store;
use wasmtime::component::Linker;

use crate::bindings::proof::tierfall::proof::types as wit;
use crate::bindings::proof::{Examiner as Bindings, ExaminerPre};
use crate::compile::Maker;
use crate::engine::Sandbox;
use crate::error::{FailureKind, LoadError};
use crate::limits::{Limiter, ResourceLimit};
use crate::pool::SlotCount;
use crate::store::{Limited, failure_kind, limited_store};

/// Reads files, each in a fresh instance; cheap to clone.
#[derive(Clone)]
pub struct Examiner {
    sandbox: Sandbox,
    pre: Arc<ExaminerPre<State>>,
    slots: SlotCount,
}

struct State {
    limiter: Limiter,
}

impl Limited for State {
    fn limiter(&mut self) -> &mut Limiter {
        &mut self.limiter
    }
}

impl wit::Host for State {}

impl Examiner {
    /// Compiles the examiner, or takes it from the compile cache.
    pub async fn load(sandbox: &Sandbox, bytes: &'static [u8]) -> Result<Self, LoadError> {
        let component = sandbox.compile("pdf", bytes.to_vec(), Maker::Ourselves).await?;
        let linker: Linker<State> = Linker::new(&sandbox.engine);
        let pre = linker.instantiate_pre(&component).and_then(ExaminerPre::new).map_err(|error| {
            LoadError::WrongWorld {
                plugin: "pdf".into(),
                expected: "tierfall:proof@0.2.0",
                detail: format!("{error:#}"),
            }
        })?;
        Ok(Self {
            sandbox: sandbox.clone(),
            pre: Arc::new(pre),
            slots: sandbox.pool.slots_for_examiner(&component),
        })
    }

    /// Reads a PDF: its metadata and the text of its front pages, at most of `first_pages`, within the examiner's limits.
    pub async fn examine(&self, pdf: &[u8], first_pages: u32) -> Result<PdfReport, PdfProblem> {
        let examined = self
            .call(async |bindings, store| bindings.call_examine(store, pdf, first_pages).await)
            .await
            .map_err(|kind| match kind {
                FailureKind::Starved => PdfProblem::Unexamined(kind.to_string()),
                kind => PdfProblem::Damaged(format!("the examiner {kind}")),
            })?;
        match examined {
            Ok(report) => Ok(PdfReport {
                pages: report.pages,
                title: report.title,
                metadata: report.metadata,
                text: report.text,
                headings: report.headings,
                images: report.images,
                repaired: report.repaired,
                drawn: report.drawn,
                read: report.read,
                damage: report.damage,
                unchecked: report.unchecked,
            }),
            Err(problem) => Err(match problem {
                wit::Problem::NotPdf => PdfProblem::NotPdf,
                wit::Problem::Encrypted => PdfProblem::Encrypted,
                wit::Problem::Truncated(detail) => PdfProblem::Truncated(detail),
                wit::Problem::Damaged(detail) => PdfProblem::Damaged(detail),
            }),
        }
    }

    /// Reads an article in XML: its front matter and how much text it has, within the same limits.
    pub async fn examine_jats(&self, xml: &[u8]) -> Result<JatsReport, JatsProblem> {
        let examined = self
            .call(async |bindings, store| bindings.call_examine_jats(store, xml).await)
            .await
            .map_err(|kind| match kind {
                FailureKind::Starved => JatsProblem::Unexamined(kind.to_string()),
                kind => JatsProblem::Damaged(format!("the examiner {kind}")),
            })?;
        match examined {
            Ok(report) => Ok(JatsReport {
                kind: report.kind,
                title: report.title,
                other_titles: report.other_titles,
                authors: report.authors,
                ids: report.ids,
                summary: report.summary,
                body: report.body,
                letters: report.letters,
            }),
            Err(problem) => Err(match problem {
                wit::JatsProblem::NotJats(detail) => JatsProblem::NotJats(detail),
                wit::JatsProblem::Truncated(detail) => JatsProblem::Truncated(detail),
                wit::JatsProblem::Damaged(detail) => JatsProblem::Damaged(detail),
            }),
        }
    }

    /// Calls a fresh instance. The error says why it came to no end.
    async fn call<T>(
        &self,
        calling: impl AsyncFnOnce(&Bindings, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, FailureKind> {
        let settings = &self.sandbox.settings.examiner;
        let overall = &self.sandbox.settings;
        let state =
            State { limiter: Limiter::new(settings.memory_bytes, overall.table_elements, overall.instances) };
        let _slots = self.sandbox.pool.acquire(self.slots).await;
        let mut store = limited_store(&self.sandbox.engine, state, overall.hostcall_bytes, overall.handles);
        let running = async {
            let bindings: Bindings = self.pre.instantiate_async(&mut store).await?;
            calling(&bindings, &mut store).await
        };
        match tokio::time::timeout(settings.timeout, running).await {
            Err(_) => Err(FailureKind::Limit(ResourceLimit::Time)),
            Ok(Err(error)) => Err(failure_kind(&error, &store.data().limiter)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }
}
