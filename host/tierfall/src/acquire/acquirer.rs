//! Fetching one candidate and proving it, from its URL to a file that can be stored.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::digest;
use super::effects::{Effects, Fetched};
use super::examine::Examine;
use super::journal::Journal;
use super::key::{DailyLimit, FileKey};
use super::partial::Partial;
use super::settings::AcquireSettings;
use super::sink::{Sink, on_blocking_thread};
use super::store::{Artifact, Store, StoreError};
use super::transfer::{FileHops, Rejection, Trace, Transfer};
use super::usage_rights::UsageRights;
use super::verdict::{Reason, Verdict};
use super::verified::VerifiedFile;
use tierfall_http::{AttemptClock, HttpClient, Reservation, WorkClock};
use tierfall_proof::{Evidence, Identity, IdentityPolicy, Proof, prove, prove_jats};
use tierfall_work::{
    ArtifactFormat, Basis, Candidate, Digest, JatsProblem, JatsReport, PdfProblem, PdfReport, Work,
};

/// A report of so many bytes is judged where it arrives: a page or two of text, which takes some hundredths of a
/// millisecond.
const JUDGED_AT_ONCE: usize = 8 * 1024;

/// How long a file that is here waits for what its site says of it: one turn at an ordinary host and an
/// answer. A site that takes longer is known by the time of its next file.
const SITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches candidates, and stores the file that won.
pub trait Acquire: Send + Sync {
    /// Fetches a candidate and proves it. `work` is read when the file is judged, so that facts learned
    /// meanwhile count; each side effect is reported to `journal`. Dropping the future drops the request.
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        context: FetchContext<'a>,
        work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition>;

    /// Stores a proven file under the name of its work, and removes what came of the file's rivals.
    fn store(&self, file: VerifiedFile, work_key: String) -> BoxFuture<'_, Result<Artifact, StoreError>>;

    /// Whether a file is stored, whole. An error says that this cannot be known now. Whoever stores nothing has nothing.
    fn holds<'a>(
        &'a self,
        _format: ArtifactFormat,
        _sha256: &'a str,
        _bytes: u64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(std::future::ready(Ok(false)))
    }
}

/// Fetches, proves and stores. Clones share everything.
#[derive(Clone)]
pub struct Acquirer(Arc<Inner>);

struct Inner {
    client: HttpClient,
    examiner: Arc<dyn Examine>,
    store: Store,
    settings: AcquireSettings,
    examinations: Arc<Semaphore>,
}

/// For whom a file is fetched, with what, and until when.
#[derive(Clone, Copy, Debug)]
pub struct FetchContext<'a> {
    /// The plugin that proposed it.
    pub plugin: &'a str,
    /// Whether somebody vouches for who proposed it, and so for the candidate's basis.
    pub vouched: bool,
    /// What it is to be.
    pub format: ArtifactFormat,
    /// A key of the operator's, where the file costs one.
    pub key: Option<&'a FileKey>,
    /// The work's time.
    pub clock: &'a Arc<WorkClock>,
}

impl FetchContext<'_> {
    /// How far the candidate is believed. A plugin that nobody vouches for can call its own server a registry: its URL
    /// is a link like any other.
    fn believed(&self, candidate: &Candidate) -> Basis {
        if self.vouched { candidate.basis } else { Basis::Link }
    }
}

/// How one acquisition went.
#[derive(Debug)]
pub struct Acquisition {
    /// What was decided about the candidate.
    pub verdict: Verdict,
    /// Of the last answer.
    pub status: Option<u16>,
    /// The URL that answered, after redirects.
    pub final_url: Option<Url>,
    /// Of the file, as far as it came.
    pub bytes: u64,
    /// Bytes that an earlier try had brought.
    pub resumed_from: u64,
    /// The wall time that it took.
    pub elapsed: Duration,
    /// Why, for people.
    pub detail: String,
    /// What the verdict on an accepted file stands on, where it was compared with the work.
    pub evidence: Option<Evidence>,
    /// What was said about the use of the file, as far as that was found out.
    pub usage_rights: UsageRights,
    /// Whenever the verdict is `Accepted`.
    pub file: Option<VerifiedFile>,
}

/// A file that is the work's.
struct Accepted {
    identity: Identity,
    detail: String,
    evidence: Option<Evidence>,
    file: VerifiedFile,
}

impl Acquirer {
    /// `examinations`: how many files may be examined at once.
    pub fn new(
        client: HttpClient,
        examiner: Arc<dyn Examine>,
        store: Store,
        settings: AcquireSettings,
        examinations: usize,
    ) -> Self {
        let examinations = Arc::new(Semaphore::new(examinations));
        // What one work leaves is no more than one file.
        let transfer = &settings.transfer;
        store.partials().quota().set(transfer.max_bytes, transfer.partial_bytes);
        Self(Arc::new(Inner { client, examiner, store, settings, examinations }))
    }

    /// Fetches a candidate and proves it. `work` is read when the file is judged, so that facts learned
    /// meanwhile count; each side effect is reported to `journal`. Dropped at any moment, it leaves nothing but a
    /// partial file that can be continued.
    pub async fn acquire(
        &self,
        candidate: &Candidate,
        context: FetchContext<'_>,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
        journal: &dyn Journal,
    ) -> Acquisition {
        let began = Instant::now();
        let mut trace = Trace::default();
        let ended = self.0.file_of(candidate, context, work, journal, &mut trace).await;
        let (verdict, detail, evidence, file) = match ended {
            Ok(Accepted { identity, detail, evidence, file }) => {
                (Verdict::Accepted(identity), detail, evidence, Some(file))
            }
            Err(Rejection { reason, detail }) => (Verdict::Rejected(reason), detail, None, None),
        };
        Acquisition {
            verdict,
            status: trace.status,
            final_url: trace.final_url,
            bytes: trace.bytes,
            resumed_from: trace.resumed_from,
            elapsed: began.elapsed(),
            detail,
            evidence,
            usage_rights: trace.usage_rights,
            file,
        }
    }
}

impl Acquire for Acquirer {
    fn acquire<'a>(
        &'a self,
        candidate: &'a Candidate,
        context: FetchContext<'a>,
        work: &'a (dyn Fn() -> Arc<Work> + Send + Sync),
        journal: &'a dyn Journal,
    ) -> BoxFuture<'a, Acquisition> {
        Box::pin(Self::acquire(self, candidate, context, work, journal))
    }

    fn store(&self, file: VerifiedFile, work_key: String) -> BoxFuture<'_, Result<Artifact, StoreError>> {
        Box::pin(file.store_in(self.0.store.clone(), work_key))
    }

    fn holds<'a>(
        &'a self,
        format: ArtifactFormat,
        sha256: &'a str,
        bytes: u64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.0.store.holds(format, sha256, bytes))
    }
}

impl Inner {
    async fn file_of(
        &self,
        candidate: &Candidate,
        context: FetchContext<'_>,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
        journal: &dyn Journal,
        trace: &mut Trace,
    ) -> Result<Accepted, Rejection> {
        let url = Url::parse(candidate.url.trim())
            .map_err(|error| Rejection { reason: Reason::BadUrl, detail: error.to_string() })?;
        let mut effects = Effects::new(journal, url.as_str());
        if let Some(fetched) = effects.begin().await
            && let Some(file) = self.still_there(context.format, &fetched, &work().key(), &url).await
        {
            trace.status = fetched.status;
            trace.final_url = fetched.final_url.as_deref().and_then(|url| Url::parse(url).ok());
            trace.resumed_from = fetched.bytes;
            trace.bytes = fetched.bytes;
            trace.usage_rights = fetched.usage_rights;
            let Fetched { identity, detail, evidence, .. } = fetched;
            return Ok(Accepted { identity, detail, evidence, file });
        }
        match self.fetch(&url, candidate, context, work, &mut effects, trace).await {
            Ok((partial, proof, identity)) => {
                let file = VerifiedFile::arrived(context.format, self.store.clone(), partial, proof.pages);
                let pending = effects.accepted(fetched(&file, identity, &proof, trace));
                let Proof { detail, evidence, .. } = proof;
                Ok(Accepted { identity, detail, evidence, file: file.with(pending) })
            }
            Err(rejection) => {
                effects.rejected(rejection.reason.code());
                Err(rejection)
            }
        }
    }

    /// What an earlier worker fetched and proven, if it is still on disk.
    async fn still_there(
        &self,
        format: ArtifactFormat,
        fetched: &Fetched,
        work_key: &str,
        url: &Url,
    ) -> Option<VerifiedFile> {
        let Fetched { sha256, bytes, pages, stored_before, .. } = fetched.clone();
        let (store, hash) = (self.store.clone(), sha256.clone());
        let (work_key, url) = (work_key.to_owned(), url.to_string());
        let arrived = on_blocking_thread(move || {
            if store.partials().has(&work_key, &url) {
                let partial = store.partials().open(&work_key, &url, true)?;
                if partial.received() == bytes && partial.sha256() == hash {
                    return Ok(Some(
                        VerifiedFile::arrived(format, store, partial, pages).recorded(stored_before),
                    ));
                }
            }
            Ok(None)
        });
        // What cannot be read, or asked for, is fetched again.
        match arrived.await {
            Ok(Some(file)) => Some(file),
            Ok(None) => {
                let is_there = self.store.holds(format, &sha256, bytes).await.unwrap_or(false);
                is_there.then(|| VerifiedFile::in_store(format, sha256, bytes, pages, stored_before))
            }
            Err(_) => None,
        }
    }

    async fn fetch(
        &self,
        url: &Url,
        candidate: &Candidate,
        context: FetchContext<'_>,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
        effects: &mut Effects<'_>,
        trace: &mut Trace,
    ) -> Result<(Partial, Proof, Identity), Rejection> {
        if let Some(allowance) = context.key.and_then(|key| key.allowance.clone()) {
            spend(allowance, effects.journal()).await?;
        }
        let clock = AttemptClock::new(self.settings.transfer.timeout, context.clock);
        let retries = AtomicU32::new(self.settings.transfer.retries);
        let resume = self.settings.transfer.resume;
        // Whoever honours reservations looks for them before asking for the file.
        let site = match self.settings.honour_tdm() {
            true => self.site_says(url, clock.remaining()).await,
            false => None,
        };
        let mut sink =
            Sink::open(self.store.clone(), work().key(), url.to_string(), resume).await.map_err(storage)?;
        let transfer = Transfer {
            client: &self.client,
            hops: FileHops { plugin: context.plugin },
            format: context.format,
            key: context.key,
            clock: &clock,
            retries: &retries,
            max_bytes: self.settings.transfer.max_bytes,
            honour_tdm: self.settings.honour_tdm(),
            site,
        };
        let came = transfer.run(url, candidate.landing_page.as_deref(), &mut sink, effects, trace).await;
        if let Err(rejection) = came {
            // What may pass is continued then; the rest is of no use to anyone.
            if !rejection.reason.retryable() {
                sink.discard().await.map_err(storage)?;
            }
            return Err(rejection);
        }
        let (partial, bytes) = sink.finish().await.map_err(storage)?;
        let basis = context.believed(candidate);
        let published = candidate.digest.clone();
        let (partial, proof) = self.prove(context.format, partial, bytes, published, basis, work).await?;
        // Its site is asked about what would be stored alone.
        let undecided =
            trace.usage_rights.undecided() && matches!(proof.verdict, tierfall_proof::Verdict::Accepted(_));
        let site = match trace.final_url.as_ref().filter(|_| undecided) {
            Some(answered) => self.site_says(answered, SITE_TIMEOUT.min(context.clock.left())).await,
            None => None,
        };
        let page = candidate.landing_page.as_deref().and_then(|page| Url::parse(page).ok());
        let page = page.and_then(|page| self.client.page_reservation(&page));
        trace.usage_rights.consider(site);
        trace.usage_rights.consider(page);
        match Verdict::from(proof.verdict) {
            Verdict::Accepted(_) if self.settings.honour_tdm() && trace.usage_rights.reserved() => {
                on_blocking_thread(|| partial.discard()).await.map_err(storage)?;
                let detail = trace.usage_rights.who_reserves().into();
                Err(Rejection { reason: Reason::Reserved, detail })
            }
            Verdict::Accepted(identity) => Ok((partial, proof, identity)),
            Verdict::Rejected(reason) => {
                on_blocking_thread(|| partial.discard()).await.map_err(storage)?;
                let mut detail = proof.detail;
                if candidate.basis != basis && reason == Reason::Proof(tierfall_proof::Reason::Unproven) {
                    let (given, plugin) = (candidate.basis.label(), context.plugin);
                    detail.push_str(&format!("; its basis `{given}` is what {plugin} says, and nobody else"));
                }
                Err(Rejection { reason, detail })
            }
        }
    }

    /// What a file's site says of its text and data mining, if that is there within `timeout`.
    async fn site_says(&self, url: &Url, timeout: Duration) -> Option<Reservation> {
        tokio::time::timeout(timeout, self.client.site_reservation(url)).await.ok().flatten()
    }

    async fn prove(
        &self,
        format: ArtifactFormat,
        mut partial: Partial,
        bytes: Option<Vec<u8>>,
        published: Option<Digest>,
        basis: Basis,
        work: &(dyn Fn() -> Arc<Work> + Send + Sync),
    ) -> Result<(Partial, Proof), Rejection> {
        let permit = Arc::clone(&self.examinations).acquire_owned();
        let permit = permit.await.map_err(|closed| storage(io::Error::other(closed)))?;
        let (partial, bytes) = match bytes {
            Some(bytes) => (partial, bytes),
            None => on_blocking_thread(move || {
                let bytes = partial.read()?;
                Ok((partial, bytes))
            })
            .await
            .map_err(storage)?,
        };
        let (partial, bytes) = match published {
            Some(published) => checked(published, partial, bytes).await?,
            None => (partial, bytes),
        };
        let policy = self.settings.proof.identity;
        // Without a comparison nobody needs the text.
        let pages = if policy == IdentityPolicy::Off { 0 } else { self.settings.proof.first_pages };
        let examined = match format {
            ArtifactFormat::Pdf => Examined::Pdf(self.examiner.examine(&bytes, pages).await),
            ArtifactFormat::Jats => Examined::Jats(self.examiner.examine_jats(&bytes).await),
        };
        let work = work();
        let is_short = examined.length() <= JUDGED_AT_ONCE;
        let judging = move || {
            let proof = match &examined {
                Examined::Pdf(examined) => prove(examined.as_ref(), &work, basis, policy),
                Examined::Jats(examined) => prove_jats(examined.as_ref(), &work, basis, policy),
            };
            drop(permit);
            (partial, proof)
        };
        // The time is linear in the report, and that of a usual one is shorter than the way to another thread and back.
        if is_short {
            return Ok(judging());
        }
        // The report is as hostile as its file, and judging it may take long enough to be felt by whoever else is
        // served by this thread. Its length is capped, so that a judgement goes on for a moment at most when nobody
        // waits for it any more; until then it counts as an examination.
        on_blocking_thread(|| Ok(judging())).await.map_err(storage)
    }
}

/// What the examiner says of a file.
enum Examined {
    Pdf(Result<PdfReport, PdfProblem>),
    Jats(Result<JatsReport, JatsProblem>),
}

impl Examined {
    /// The bytes of what is judged.
    fn length(&self) -> usize {
        let lengths = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        match self {
            Self::Pdf(Ok(report)) => {
                let PdfReport { title, metadata, text, headings, damage, .. } = report;
                let headings = headings.iter().map(|page| lengths(page)).sum::<usize>();
                title.as_ref().map_or(0, String::len)
                    + metadata.len()
                    + lengths(text)
                    + headings
                    + lengths(damage)
            }
            // It is not compared.
            Self::Pdf(Err(_)) | Self::Jats(Err(_)) => 0,
            Self::Jats(Ok(_)) => usize::MAX,
        }
    }
}

/// The file, if it has the digest that was published of it; another is of no use to anyone.
async fn checked(
    published: Digest,
    partial: Partial,
    bytes: Vec<u8>,
) -> Result<(Partial, Vec<u8>), Rejection> {
    let checking = on_blocking_thread(move || {
        let checked = digest::check(&published, &bytes);
        match checked {
            Ok(()) => Ok(Ok((partial, bytes))),
            Err(rejection) => partial.discard().map(|()| Err(rejection)),
        }
    });
    checking.await.map_err(storage)?
}

/// Takes one of the day's files, before it is asked for.
async fn spend(allowance: DailyLimit, journal: &dyn Journal) -> Result<(), Rejection> {
    let per_day = allowance.per_day;
    let spent = |detail: String| Rejection { reason: Reason::Spent, detail };
    let day = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let taken = match journal.take_of_day(&allowance.name, per_day).await {
        Some(taken) => taken,
        None => on_blocking_thread(move || allowance.take(day)).await.map_err(|error| error.to_string()),
    };
    match taken {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(spent(format!("{per_day} a day are allowed; `content_per_day` of the source sets it")))
        }
        Err(error) => Err(spent(format!("what is spent cannot be counted, so nothing is: {error}"))),
    }
}

fn fetched(file: &VerifiedFile, identity: Identity, proof: &Proof, trace: &Trace) -> Fetched {
    Fetched {
        sha256: file.sha256.clone(),
        bytes: file.bytes,
        pages: file.pages,
        identity,
        detail: proof.detail.clone(),
        evidence: proof.evidence.clone(),
        status: trace.status,
        final_url: trace.final_url.as_ref().map(Url::to_string),
        usage_rights: trace.usage_rights.clone(),
        // Decided when it is reported to the journal.
        stored_before: false,
    }
}

fn storage(error: io::Error) -> Rejection {
    Rejection { reason: Reason::Storage, detail: error.to_string() }
}
