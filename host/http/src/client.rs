//! The door: every request of the program passes here, and here in this order. Is the URL one that may
//! be asked; does the caller's policy admit it; is its host healthy; do its robots allow it; is it its
//! turn. Then it is sent, tried again where that may help, and its redirects begin anew at the top.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use http::header::{ACCEPT, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::address::AddressPolicy;
use super::body::Body;
use super::breaker::{BreakerPermit, Breakers};
use super::clock::AttemptClock;
use super::decode::{Coding, Decoded};
use super::error::{FetchError, HttpError};
use super::headers::header;
use super::live::Live;
use super::pace::{Pace, Permit};
use super::record::Recorder;
use super::redirects::{RedirectChain, at_hop};
use super::replay::Replay;
use super::request::{Head, Method, Request, RequestBudget, Response, Role};
use super::retry;
use super::robots::{self, Fetched, RobotsCache};
use super::settings::HttpSettings;
use super::tdm::{self, Reservation, Reservations};
use super::transport::{Incoming, Outgoing, Transport};

/// Where answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The network.
    Live,
    /// The network, and every exchange is written to this WARC file.
    Record(PathBuf),
    /// This WARC file, and nothing else.
    Replay(PathBuf),
}

/// The one way to the network. Clones share everything.
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    settings: HttpSettings,
    policy: Arc<AddressPolicy>,
    transport: Box<dyn Transport>,
    pace: Pace,
    breakers: Breakers,
    robots: RobotsCache,
    reservations: Reservations,
    /// Numbers in `0.0..1.0` that spread retries.
    spread: fn() -> f64,
}

/// What a PDF begins with. Readers accept it anywhere in the first kilobyte (ISO 32000-1, annex H).
const PDF: &[u8] = b"%PDF-";
const PDF_WITHIN: usize = 1024;
/// What is read of a PDF that a page turned out to be: enough to see it, no more.
const PDF_GLIMPSE: usize = 4 * 1024;

/// All of fetching a robots.txt: redirects and retries included.
const ROBOTS_TIME: Duration = Duration::from_secs(10);
const ROBOTS_RETRIES: u32 = 2;

/// All of fetching a `tdmrep.json`, the wait for a turn at its host included.
const TDM_TIME: Duration = Duration::from_secs(10);

/// A host that said nothing for so long before the attempt's time was over did fail; with less time
/// than this left, it was the attempt that was late.
const FAIR_WAIT: Duration = Duration::from_secs(5);

impl HttpClient {
    pub fn new(settings: HttpSettings, mode: Mode) -> Result<Self, HttpError> {
        let policy = Arc::new(AddressPolicy::new(&settings.allow_private));
        let transport: Box<dyn Transport> = match mode {
            Mode::Live => Box::new(Live::new(&settings, policy)?),
            Mode::Record(path) => {
                let live = Live::new(&settings, policy)?;
                Box::new(Recorder::create(&path, &settings.user_agent, Box::new(live))?)
            }
            Mode::Replay(path) => Box::new(Replay::open(&path)?),
        };
        Ok(Self::with_transport(settings, transport))
    }

    /// A door to something else than the network: what tests script.
    pub fn with_transport(settings: HttpSettings, transport: Box<dyn Transport>) -> Self {
        Self(Arc::new(Inner {
            policy: Arc::new(AddressPolicy::new(&settings.allow_private)),
            pace: Pace::new(settings.pace.clone()),
            breakers: Breakers::new(settings.breaker.clone()),
            robots: RobotsCache::default(),
            reservations: Reservations::default(),
            spread: fastrand::f64,
            transport,
            settings,
        }))
    }

    /// Fetches a whole answer, up to `cap` decoded bytes; what is beyond is not read. Where a page was
    /// asked for and a PDF comes, only its beginning is read.
    pub async fn fetch(
        &self,
        request: Request,
        cap: u64,
        allowance: RequestBudget<'_>,
    ) -> Result<Response, FetchError> {
        let mut tries = 0;
        loop {
            let (body, role) = self.0.open(request.clone(), &allowance).await?;
            match within(allowance.clock, read(body, role, cap)).await {
                // A body that broke off is a read failure like any other.
                Err(error) if request.method != Method::Post && error.retryable() => {
                    let pause = self.0.retry_in(&allowance, tries, None).ok_or(error)?;
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Sends a request and returns its head, with the body still to be read.
    pub async fn open(&self, request: Request, allowance: RequestBudget<'_>) -> Result<Body, FetchError> {
        Ok(self.0.open(request, &allowance).await?.0)
    }

    /// Why a request to this URL, with `patience` to wait, would be refused now without being sent: an
    /// open breaker, a host that asked to be left alone for longer. Asking costs and changes nothing.
    pub fn closed_to(&self, url: &Url, role: Role, patience: Duration) -> Option<String> {
        let host = url.host_str()?;
        let held = || {
            let left = self.0.pace.held(host, role).filter(|left| *left > patience)?.as_secs();
            Some(format!("{host} asked to be left alone for {left} s more"))
        };
        self.0.breakers.refusal(host, role).map(|error| error.to_string()).or_else(held)
    }

    /// What the site of `url` says of its text and data mining, by its `/.well-known/tdmrep.json`. That is
    /// asked for once per origin and day, in the host's turn and as far as its robots allow, within ten
    /// seconds; one that cannot be had says nothing. The asking goes on when this is dropped.
    pub async fn site_reservation(&self, url: &Url) -> Option<Reservation> {
        let inner = Arc::clone(&self.0);
        self.0.reservations.of_site(url, move |rules| async move { inner.fetch_tdm(rules).await }).await
    }

    /// Remembers for a while what a page says of itself.
    pub fn page_says(&self, page: &Url, said: Reservation) {
        self.0.reservations.page_says(page, said);
    }

    /// What a page that was read not long ago said of itself.
    pub fn page_reservation(&self, page: &Url) -> Option<Reservation> {
        self.0.reservations.of_page(page)
    }

    /// Milliseconds since the Unix epoch; under replay, the time of the recording.
    pub fn now_ms(&self) -> u64 {
        self.0.transport.now_ms()
    }
}

impl Inner {
    async fn open(
        self: &Arc<Self>,
        request: Request,
        allowance: &RequestBudget<'_>,
    ) -> Result<(Body, Role), FetchError> {
        let mut chain = RedirectChain::new(request, self.settings.limits.redirects)?;
        loop {
            let (url, hop) = (chain.url(), chain.hop());
            self.policy.check_url(url).map_err(|error| at_hop(error, hop))?;
            let role = allowance.hops.admit(url, hop).map_err(FetchError::Refused)?;
            let host = url.host_str().unwrap_or_default().to_owned();
            if let Some(refusal) = self.breakers.refusal(&host, role) {
                return Err(refusal);
            }
            self.obey_robots(url, role, allowance).await.map_err(|error| at_hop(error, hop))?;
            let outgoing = chain.outgoing(role);
            let method = outgoing.method;
            let (answer, permit) = self.exchange(&host, outgoing, role, allowance).await?;
            if !chain.follow(answer.status, &answer.headers)? {
                return Ok((self.body(chain.url().clone(), method, answer, permit)?, role));
            }
        }
    }

    /// One hop with its retries. When they are used up, the last answer is the answer.
    async fn exchange(
        &self,
        host: &str,
        hop: Outgoing,
        role: Role,
        allowance: &RequestBudget<'_>,
    ) -> Result<(Incoming, Option<Permit>), FetchError> {
        let spared = !self.transport.recorded();
        let leave = if spared { Some(self.breakers.leave(host, role)?) } else { None };
        let mut tries = 0;
        loop {
            let permit = if spared { Some(self.pace.turn(host, role, allowance.clock).await?) } else { None };
            let asked = Instant::now();
            let outcome = self.send(&hop, allowance.clock).await;
            let (retryable, wait) = match &outcome {
                Ok(answer) if retry::passing_status(answer.status) => {
                    (true, retry::retry_after(&answer.headers, self.now()))
                }
                Ok(_) => (false, None),
                // A POST that may have arrived is not sent twice.
                Err(error) => (error.retryable() && hop.method != Method::Post, None),
            };
            if let (Some(permit), Ok(answer)) = (&permit, &outcome) {
                wait.inspect(|wait| permit.hold(*wait));
                match answer.status {
                    // Our own retries of one request are not further complaints of the host.
                    429 | 503 if tries == 0 => permit.slow_down(),
                    429 | 500.. => {}
                    _ => permit.recover(),
                }
            }
            if retryable && let Some(pause) = self.retry_in(allowance, tries, wait) {
                // The host counts neither the failed request nor our wait as open.
                drop((outcome, permit));
                tokio::time::sleep(pause).await;
                tries += 1;
                continue;
            }
            if let Some(leave) = leave {
                report(leave, &outcome, asked.elapsed());
            }
            return outcome.map(|answer| (answer, permit));
        }
    }

    async fn send(&self, hop: &Outgoing, clock: &AttemptClock) -> Result<Incoming, FetchError> {
        let answer = within(clock, self.transport.send(hop.clone())).await?;
        let limits = &self.settings.limits;
        let bytes: usize = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if answer.headers.len() > limits.header_count || bytes > limits.header_bytes {
            let text = format!("{} headers of {bytes} bytes", answer.headers.len());
            return Err(FetchError::Malformed(text));
        }
        Ok(answer)
    }

    /// Takes a retry, if one is left and its wait ends in time, and returns that wait. Where the server
    /// said how long, its whole queue is on hold for that time (see `pace`), so no more is waited here.
    fn retry_in(
        &self,
        allowance: &RequestBudget<'_>,
        tries: u32,
        wait: Option<Duration>,
    ) -> Option<Duration> {
        let spread = (self.spread)();
        let pause = match wait {
            _ if self.transport.recorded() => Duration::ZERO,
            Some(wait) => wait.max(Duration::from_millis(1)),
            None => retry::backoff(&self.settings.retry, tries, spread),
        };
        if pause >= allowance.clock.remaining() && !self.transport.recorded() {
            return None;
        }
        let take = |left: u32| left.checked_sub(1);
        allowance.retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(if wait.is_some() { Duration::ZERO } else { pause })
    }

    fn body(
        &self,
        url: Url,
        method: Method,
        answer: Incoming,
        permit: Option<Permit>,
    ) -> Result<Body, FetchError> {
        // These never have a body, whatever their head says (RFC 9110, 6.4.1).
        let bodiless = method == Method::Head || matches!(answer.status, 204 | 304);
        let coding = if bodiless { Coding::Identity } else { Coding::of(&answer.headers)? };
        let encoded = coding != Coding::Identity;
        let declared = header(&answer.headers, "content-length").and_then(|length| length.parse().ok());
        let pieces = Decoded::new(coding, answer.body, self.settings.limits.body_bytes);
        let head = Head { status: answer.status, url, headers: answer.headers };
        Ok(Body::new(head, pieces, encoded, declared.filter(|_| !encoded), permit))
    }

    async fn obey_robots(
        self: &Arc<Self>,
        url: &Url,
        role: Role,
        allowance: &RequestBudget<'_>,
    ) -> Result<(), FetchError> {
        if !self.settings.robots || role == Role::Api || !allowance.hops.robots() {
            return Ok(());
        }
        let inner = Arc::clone(self);
        let fetch = move |robots| async move { inner.fetch_robots(robots).await };
        if let Some(delay) = within(allowance.clock, self.robots.check(url, fetch)).await? {
            self.pace.crawl_delay(url.host_str().unwrap_or_default(), delay);
        }
        Ok(())
    }

    async fn fetch_robots(&self, url: Url) -> Fetched {
        let mut tries = 0;
        let trying = async {
            loop {
                let fetched = self.try_robots(url.clone()).await;
                let retryable = match &fetched {
                    Fetched::Answer(status, _) => retry::passing_status(*status),
                    Fetched::Failed(error) => error.retryable(),
                    Fetched::Redirected => false,
                };
                if !retryable || tries >= ROBOTS_RETRIES || self.transport.recorded() {
                    return fetched;
                }
                tokio::time::sleep(retry::backoff(&self.settings.retry, tries, (self.spread)())).await;
                tries += 1;
            }
        };
        tokio::time::timeout(ROBOTS_TIME, trying).await.unwrap_or(Fetched::Failed(FetchError::Timeout))
    }

    /// One fetch of a robots.txt. It takes no turn in the host's queue: it is asked once a day, and
    /// before anything else.
    async fn try_robots(&self, url: Url) -> Fetched {
        match self.robots_answer(url).await {
            Ok((status, body)) => Fetched::Answer(status, body),
            Err(FetchError::Redirects(_)) => Fetched::Redirected,
            Err(error) => Fetched::Failed(error),
        }
    }

    async fn robots_answer(&self, url: Url) -> Result<(u16, Vec<u8>), FetchError> {
        let mut request = Request::get(url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/plain, */*;q=0.8"));
        let mut chain = RedirectChain::new(request, robots::REDIRECTS)?;
        loop {
            self.policy.check_url(chain.url())?;
            let answer = self.transport.send(chain.outgoing(Role::Page)).await?;
            if chain.follow(answer.status, &answer.headers)? {
                continue;
            }
            let body = self.body(chain.url().clone(), Method::Get, answer, None)?;
            let answer = read(body, Role::Api, robots::READ).await?;
            return Ok((answer.head.status, answer.body.to_vec()));
        }
    }

    /// A site's rules on text and data mining; `None` where it has none.
    async fn fetch_tdm(self: Arc<Self>, url: Url) -> Result<Option<Vec<u8>>, FetchError> {
        let mut request = Request::get(url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.8"));
        let clock = AttemptClock::new(TDM_TIME, Instant::now() + TDM_TIME);
        let allowance = RequestBudget { hops: &Role::Page, clock: &clock, retries: &AtomicU32::new(0) };
        let (body, _) = self.open(request, &allowance).await?;
        let answer = within(&clock, read(body, Role::Api, tdm::READ)).await?;
        Ok((answer.head.status == 200 && !answer.truncated).then(|| answer.body.to_vec()))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.transport.now_ms())
    }
}

/// Tells the breaker how a request ended.
fn report(leave: BreakerPermit, outcome: &Result<Incoming, FetchError>, waited: Duration) {
    match outcome {
        Ok(answer) if retry::passing_status(answer.status) && answer.status >= 500 => {
            leave.failed(&format!("it answers {}", answer.status));
        }
        // A host that says "too many" or "too early" is well, and not asked any faster for it.
        Ok(answer) if retry::passing_status(answer.status) => {}
        Ok(_) => leave.succeeded(),
        Err(FetchError::Timeout) if waited < FAIR_WAIT => {}
        Err(error @ (FetchError::Transport(_) | FetchError::Timeout | FetchError::Certificate(_))) => {
            leave.failed(&error.to_string());
        }
        Err(_) => {}
    }
}

async fn read(mut body: Body, role: Role, cap: u64) -> Result<Response, FetchError> {
    let mut cap = usize::try_from(cap).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::new();
    let mut looked = role != Role::Page;
    while let Some(chunk) = body.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if !looked && bytes.len() >= PDF_WITHIN + PDF.len() {
            looked = true;
            let start = bytes.get(..PDF_WITHIN + PDF.len()).unwrap_or_default();
            if start.windows(PDF.len()).any(|window| window == PDF) {
                cap = cap.min(PDF_GLIMPSE);
            }
        }
        if bytes.len() > cap {
            bytes.truncate(cap);
            return Ok(Response { head: body.head, body: bytes.freeze(), truncated: true });
        }
    }
    Ok(Response { head: body.head, body: bytes.freeze(), truncated: false })
}

/// Ends with the attempt's time.
async fn within<T>(
    clock: &AttemptClock,
    work: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    tokio::select! {
        biased;
        done = work => done,
        () = clock.expired() => Err(FetchError::Timeout),
    }
}
