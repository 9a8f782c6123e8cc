//! The client: every request passes the same checks in the same order. May the URL be asked at all; does
//! the caller's policy admit it; is its host healthy; does robots.txt allow it; may the host be asked now.
//! Then it is sent, and retried where that may help. Each redirect starts again at the top.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use tokio::time::Instant;
use url::Url;

use super::address::AddressPolicy;
use super::body::Body;
use super::breaker::Breakers;
use super::clock::AttemptClock;
use super::cost::RequestCost;
use super::decode::{Codings, Decoded};
use super::error::{Denial, FetchError, HttpError};
use super::headers::{every, header};
use super::limiter::HostPermit;
use super::listen::{Listener, Listening};
use super::live::Live;
use super::metrics;
use super::network::{self, Network};
use super::pace::{Pace, PacedRequest, Queues};
use super::reach::Reach;
use super::record::Recorder;
use super::redact::Redacting;
use super::redirects::{RedirectChain, at_hop};
use super::replay::Replay;
use super::request::{Head, Method, Request, RequestBudget, Response, Role};
use super::retry;
use super::robots::{self, Fetched, RobotsCache};
use super::settings::HttpSettings;
use super::shared_hosts::SharedRules;
use super::shared_pace::SharedPace;
use super::tdm::{self, Reservation, Reservations};
use super::told::Told;
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
    pace: Arc<Pace>,
    breakers: Breakers,
    /// Other processes.
    shared: Option<Arc<dyn SharedPace>>,
    robots: RobotsCache,
    reservations: Reservations,
    listening: Listening,
    reach: Reach,
    network: Network,
    /// Numbers in `0.0..1.0` that keep retries from coming together.
    jitter: fn() -> f64,
}

/// A host that answered within this time says that there is a network.
const NOT_LONG_AGO: Duration = Duration::from_secs(30);

/// For fetching a robots.txt, redirects and retries included.
const ROBOTS_TIME: Duration = Duration::from_secs(10);
const ROBOTS_RETRIES: u32 = 2;

/// For fetching a `tdmrep.json`, the wait for the host's pace included.
const TDM_TIME: Duration = Duration::from_secs(10);

impl HttpClient {
    /// Fails where certificates, the proxy or the recording cannot be read.
    pub fn new(settings: HttpSettings, mode: Mode) -> Result<Self, HttpError> {
        Self::sharing(settings, mode, None)
    }

    /// A client that keeps the pace of hosts together with other processes.
    pub fn sharing(
        settings: HttpSettings,
        mode: Mode,
        shared: Option<Arc<dyn SharedPace>>,
    ) -> Result<Self, HttpError> {
        let policy = Arc::new(AddressPolicy::new(&settings.allow_private));
        let reach = Reach::default();
        let transport: Box<dyn Transport> = match mode {
            Mode::Live => Box::new(live(&settings, policy, reach.clone())?),
            Mode::Record(path) => {
                let live = live(&settings, policy, reach.clone())?;
                Box::new(Recorder::create(&path, &settings.user_agent, Box::new(live))?)
            }
            Mode::Replay(path) => Box::new(Replay::open(&path)?),
        };
        Ok(Self::assembled(settings, transport, reach, shared))
    }

    /// A client of something else than the network: what tests and benchmarks script.
    pub fn with_transport(settings: HttpSettings, transport: Box<dyn Transport>) -> Self {
        Self::assembled(settings, transport, Reach::default(), None)
    }

    pub(crate) fn assembled(
        settings: HttpSettings,
        transport: Box<dyn Transport>,
        reach: Reach,
        shared: Option<Arc<dyn SharedPace>>,
    ) -> Self {
        Self(Arc::new(Inner {
            policy: Arc::new(AddressPolicy::new(&settings.allow_private)),
            pace: Arc::new(Pace::new(settings.pace.clone(), shared.clone())),
            breakers: Breakers::new(settings.breaker.clone(), shared.clone()),
            shared,
            robots: RobotsCache::default(),
            reservations: Reservations::default(),
            listening: Listening::default(),
            reach,
            network: Network::default(),
            jitter: fastrand::f64,
            transport,
            settings,
        }))
    }

    /// The same client, whose answers are told to this listener. To be called before it is cloned: later nobody
    /// listens.
    pub fn listened_to_by(mut self, listener: Arc<dyn Listener>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.listening = Listening(Some(listener));
        }
        self
    }

    /// Fetches a whole answer, up to `cap` decoded bytes; what is beyond is not read. Where a page was
    /// asked for and a PDF comes, only its beginning is read.
    pub async fn fetch(
        &self,
        request: Request,
        cap: u64,
        budget: RequestBudget<'_>,
    ) -> Result<Response, FetchError> {
        let (url, plugin) = (request.url.clone(), budget.hops.plugin().to_owned());
        let answer = self.whole(request, cap, budget).await;
        let told = answer.as_ref().map(|answer| (answer.head.status, answer.body.as_ref()));
        self.0.listening.tell(&plugin, &url, told);
        answer
    }

    async fn whole(
        &self,
        request: Request,
        cap: u64,
        budget: RequestBudget<'_>,
    ) -> Result<Response, FetchError> {
        let mut tries = 0;
        loop {
            let (body, role) = self.0.open(request.clone(), &budget).await?;
            match budget.clock.limit(budget.clock.listening(body.read(role, cap))).await {
                // A body that broke off is a read failure like any other.
                Err(error) if request.method != Method::Post && error.retryable() => {
                    let pause = self.0.retry_in(&budget, tries, None).ok_or(error)?;
                    budget.cost.pause(pause).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Sends a request and returns its head, with the body still to be read.
    pub async fn open(&self, request: Request, budget: RequestBudget<'_>) -> Result<Body, FetchError> {
        Ok(self.0.open(request, &budget).await?.0)
    }

    /// Why a request of `plugin` to this URL, which can wait for `timeout`, would be refused now without being sent:
    /// its breaker is open, or its host asked to be left alone for longer. Changes nothing.
    pub fn refusal(&self, url: &Url, role: Role, plugin: &str, timeout: Duration) -> Option<FetchError> {
        let host = url.host_str()?;
        let held = || {
            let left = self.0.pace.held(host, role).filter(|left| *left > timeout)?.as_secs();
            let detail = format!("{host} asked to be left alone for {left} s more");
            Some(FetchError::denied(Denial::Breaker, detail))
        };
        self.0.breakers.refusal(host, role, plugin).or_else(held)
    }

    /// What the site of `url` says of its text and data mining in `/.well-known/tdmrep.json`. That is fetched
    /// once per origin and day, at the host's pace and as far as its robots.txt allows, within ten seconds;
    /// one that cannot be fetched says nothing. Fetching goes on when this future is dropped.
    pub async fn site_reservation(&self, url: &Url) -> Option<Reservation> {
        let inner = Arc::clone(&self.0);
        self.0.reservations.of_site(url, move |rules| async move { inner.fetch_tdm(rules).await }).await
    }

    /// Remembers what a page says of itself, until a thousand others have said something.
    pub fn remember_page(&self, page: &Url, said: Reservation) {
        self.0.reservations.remember_page(page, said);
    }

    /// What a page that was read not long ago said of itself.
    pub fn page_reservation(&self, page: &Url) -> Option<Reservation> {
        self.0.reservations.of_page(page)
    }

    /// Whether the network can be reached at all.
    pub fn reach(&self) -> Reach {
        self.0.reach.clone()
    }

    /// Keeps something beside the exchanges of a recording, under a name, for who replays it. `make` is asked for it
    /// only where one is made.
    pub fn note(&self, name: &str, make: impl FnOnce() -> Vec<u8>) {
        if self.0.transport.takes_notes() {
            self.0.transport.note(name, &make());
        }
    }

    /// What the recording that is replayed keeps under a name, in its order; each is given once. `None` where none is
    /// replayed.
    pub fn notes(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        self.0.transport.recorded().then(|| self.0.transport.notes(name))
    }

    /// Tells the processes that share the pace of hosts that this one asks nobody any more for now.
    pub async fn unshare(&self) {
        if let Some(shared) = &self.0.shared {
            shared.unshare().await;
        }
    }

    /// Who waits for which host.
    pub fn queues(&self) -> Queues {
        Queues::of(Arc::clone(&self.0.pace))
    }

    /// Whether there is a network: `false` once something has answered, and now nothing does that has answered before. It is
    /// found out by asking, if the last requests have failed.
    pub async fn has_network(&self) -> bool {
        self.0.find_network().await
    }

    /// Whether there is a network, as far as is known now.
    pub fn is_network_up(&self) -> bool {
        self.0.network.is_up()
    }

    /// Completes when there is a network, or, for `false`, none. While there is none it is asked for again and again.
    pub async fn network(&self, up: bool) {
        self.0.network.is(up).await;
    }

    /// Completes when one of those that wait for a network may look for itself whether anything answers: where only one
    /// host has ever answered, it may be that one alone that is gone. Each has its turn, about one a second.
    pub async fn may_look_for_network(&self) {
        self.0.network.may_look().await;
    }

    /// Whether any host has answered since then: where one has, what fails is not the network.
    pub fn has_answered_since(&self, then: Instant) -> bool {
        self.0.network.has_answered_since(then)
    }

    /// Milliseconds since the Unix epoch; under replay, the time of the recording.
    pub fn now_ms(&self) -> u64 {
        self.0.transport.now_ms()
    }
}

/// The network, whose answers repeat no secret.
fn live(
    settings: &HttpSettings,
    policy: Arc<AddressPolicy>,
    reach: Reach,
) -> Result<Redacting<Live>, HttpError> {
    Ok(Redacting::new(Live::new(settings, policy)?.telling(reach), settings.limits.body_bytes))
}

impl Inner {
    async fn open(
        self: &Arc<Self>,
        request: Request,
        budget: &RequestBudget<'_>,
    ) -> Result<(Body, Role), FetchError> {
        let mut chain = RedirectChain::new(request, self.settings.limits.redirects)?;
        loop {
            let (url, hop) = (chain.url(), chain.hop());
            self.policy.check_url(url).map_err(|error| at_hop(error, hop))?;
            let role = budget.hops.admit(url, hop).map_err(FetchError::Refused)?;
            let host = url.host_str().unwrap_or_default().to_owned();
            if let Some(refusal) = self.breakers.refusal(&host, role, budget.hops.plugin()) {
                return Err(refusal);
            }
            self.obey_robots(url, role, budget).await.map_err(|error| at_hop(error, hop))?;
            let outgoing = chain.outgoing(role);
            let method = outgoing.method;
            let (answer, permit) = self.exchange(&host, outgoing, role, budget).await?;
            if !chain.follow(answer.status, &answer.headers)? {
                return Ok((self.body(chain.url().clone(), method, answer, permit)?, role));
            }
        }
    }

    /// One hop with its retries. When they are used up, the last answer is the answer.
    async fn exchange(
        self: &Arc<Self>,
        host: &str,
        hop: Outgoing,
        role: Role,
        budget: &RequestBudget<'_>,
    ) -> Result<(Incoming, Option<HostPermit>), FetchError> {
        let live = !self.transport.recorded();
        let plugin = budget.hops.plugin();
        let breaker = if live { Some(self.breakers.permit_of_all(host, role, plugin).await?) } else { None };
        let mut tries = 0;
        loop {
            let asked =
                PacedRequest { host, path: hop.url.path(), role, secret: !hop.secret_headers.is_empty() };
            let mut permit = if live {
                Some(budget.cost.waiting(self.pace.acquire(asked, budget.clock)).await?)
            } else {
                None
            };
            let sent = Instant::now();
            let outcome = self.send(&hop, budget.clock).await;
            metrics::requested(host, &outcome, sent.elapsed());
            self.tell_network((&hop.url, role), &outcome, sent.elapsed());
            let retryable = match &outcome {
                Ok(answer) => retry::retryable_status(answer.status),
                // A POST that may have arrived is not sent twice.
                Err(error) => error.retryable() && hop.method != Method::Post,
            };
            let answer = outcome.as_ref().ok();
            let wait = answer.and_then(|answer| retry::rest(answer.status, &answer.headers, self.now()));
            if let Some(permit) = &mut permit {
                permit.answered();
            }
            if let (Some(permit), Ok(answer)) = (&permit, &outcome) {
                permit.told(&Told::read(&answer.headers, self.now()));
                wait.inspect(|wait| permit.hold(*wait));
                match answer.status {
                    // The same answer to a retry of ours slows the host down no further.
                    429 | 503 if tries == 0 => permit.slow_down(),
                    429 | 500.. => {}
                    _ if wait.is_some() => {}
                    _ => permit.recover(),
                }
            }
            if retryable && let Some(pause) = self.retry_in(budget, tries, wait) {
                // Neither the failed request nor our wait takes a place of the host's concurrency.
                drop((outcome, permit));
                budget.clock.listening(budget.cost.pause(pause)).await;
                tries += 1;
                continue;
            }
            if let Some(breaker) = breaker {
                let since = Instant::now().checked_sub(NOT_LONG_AGO).unwrap_or(sent);
                breaker.report(&outcome, sent.elapsed(), self.network.has_answered_since(since));
            }
            return outcome.map(|answer| (answer, permit));
        }
    }

    /// What came of a request says something about the network, and may be reason to look whether there is one.
    fn tell_network(
        self: &Arc<Self>,
        asked: (&Url, Role),
        outcome: &Result<Incoming, FetchError>,
        waited: Duration,
    ) {
        if self.transport.recorded() {
            return;
        }
        if self.network.came_to(asked, outcome, waited) {
            let inner = Arc::clone(self);
            tokio::spawn(async move { inner.find_network().await });
        }
        if outcome.is_ok() && !self.network.is_up() {
            self.network_is_back();
        }
    }

    fn network_is_back(&self) {
        self.breakers.close_all();
        self.robots.clear();
        self.reservations.forget_sites();
        self.network.is_back();
    }

    /// See [`HttpClient::has_network`].
    async fn find_network(self: &Arc<Self>) -> bool {
        if !self.network.in_doubt() || self.transport.recorded() {
            return self.network.is_up();
        }
        let _one_at_a_time = self.network.asking.lock().await;
        if !self.network.in_doubt() || !self.network.is_up() {
            return self.network.is_up();
        }
        if self.reaches_any().await {
            return true;
        }
        self.network.is_gone();
        tokio::spawn(wait_for_network(Arc::downgrade(self)));
        false
    }

    /// Asks those that have answered before, one after the other, for nothing of interest.
    async fn reaches_any(&self) -> bool {
        for (origin, role) in self.network.known() {
            let url = robots::location(&origin);
            let Ok(chain) = RedirectChain::new(Request::get(url.clone()), robots::REDIRECTS) else {
                continue;
            };
            let asking = self.transport.send(chain.outgoing(Role::Page));
            if let Ok(outcome @ Ok(_)) = tokio::time::timeout(network::PATIENCE, asking).await {
                self.network.came_to((&url, role), &outcome, Duration::ZERO);
                return true;
            }
        }
        false
    }

    async fn send(&self, hop: &Outgoing, clock: &AttemptClock) -> Result<Incoming, FetchError> {
        let answer = clock.limit(clock.listening(self.transport.send(hop.clone()))).await?;
        let limits = &self.settings.limits;
        let bytes: usize = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if answer.headers.len() > limits.header_count || bytes > limits.header_bytes {
            let text = format!("{} headers of {bytes} bytes", answer.headers.len());
            return Err(FetchError::Malformed(text));
        }
        Ok(answer)
    }

    /// Takes a retry, if one is left and its wait ends in time, and returns that wait. Where the server
    /// said how long, its limiter is already on hold for that time, so nothing more is waited here.
    fn retry_in(&self, budget: &RequestBudget<'_>, tries: u32, wait: Option<Duration>) -> Option<Duration> {
        let jitter = (self.jitter)();
        let pause = match wait {
            _ if self.transport.recorded() => Duration::ZERO,
            Some(wait) => wait,
            None => retry::backoff(&self.settings.retry, tries, jitter),
        };
        if pause >= budget.clock.remaining() && !self.transport.recorded() {
            return None;
        }
        let take = |left: u32| left.checked_sub(1);
        budget.retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(if wait.is_some() { Duration::ZERO } else { pause })
    }

    fn body(
        &self,
        url: Url,
        method: Method,
        answer: Incoming,
        permit: Option<HostPermit>,
    ) -> Result<Body, FetchError> {
        // These never have a body, whatever their head says (RFC 9110, 6.4.1).
        let bodiless = method == Method::Head || matches!(answer.status, 204 | 304);
        let codings = if bodiless { Codings::default() } else { Codings::of(&answer.headers)? };
        let encoded = !codings.is_identity();
        // RFC 9112, 6.3: where both are sent, the length is that of something else.
        let chunked = every(&answer.headers, TRANSFER_ENCODING).to_ascii_lowercase().contains("chunked");
        let declared = header(&answer.headers, CONTENT_LENGTH)
            .filter(|_| !chunked)
            .and_then(|length| length.parse().ok());
        let pieces = Decoded::new(codings, answer.body, self.settings.limits.body_bytes);
        let head = Head { status: answer.status, url, headers: answer.headers };
        Ok(Body::new(head, pieces, encoded, declared.filter(|_| !encoded), permit))
    }

    async fn obey_robots(
        self: &Arc<Self>,
        url: &Url,
        role: Role,
        budget: &RequestBudget<'_>,
    ) -> Result<(), FetchError> {
        if !self.settings.robots || role == Role::Api || !budget.hops.robots() {
            return Ok(());
        }
        let inner = Arc::clone(self);
        let fetch = move |robots| async move { inner.fetch_robots(robots).await };
        if let Some(delay) = budget.clock.limit(budget.clock.listening(self.robots.check(url, fetch))).await?
        {
            self.pace.crawl_delay(url.host_str().unwrap_or_default(), delay);
        }
        Ok(())
    }

    /// A robots.txt, and for how long it is valid at most. Of all processes one fetches it; where a recording is made,
    /// it is to be in there.
    async fn fetch_robots(self: &Arc<Self>, url: Url) -> (Fetched, Duration) {
        let shares = !self.transport.recorded() && !self.transport.takes_notes();
        let Some(shared) = self.shared.as_ref().filter(|_| shares) else {
            return (self.read_robots(url).await, robots::FRESH);
        };
        let origin = url.origin().ascii_serialization();
        if let Some(SharedRules { status, text, fresh }) = shared.rules(&origin).await {
            return (Fetched::Answer(status, text.into_bytes()), fresh);
        }
        let fetched = self.read_robots(url).await;
        shared.read_rules(&origin, fetched.to_share());
        (fetched, robots::FRESH)
    }

    async fn read_robots(self: &Arc<Self>, url: Url) -> Fetched {
        let (mut tries, end) = (0, Instant::now() + ROBOTS_TIME);
        let trying = async {
            loop {
                let fetched = self.try_robots(url.clone()).await;
                let retryable = match &fetched {
                    Fetched::Answer(status, _) => retry::retryable_status(*status),
                    Fetched::Failed(error) => error.retryable(),
                    Fetched::Redirected => false,
                };
                if !retryable || tries >= ROBOTS_RETRIES || self.transport.recorded() {
                    return fetched;
                }
                let host = url.host_str().unwrap_or_default();
                let pause = retry::backoff(&self.settings.retry, tries, (self.jitter)());
                let pause = pause.max(self.pace.held(host, Role::Page).unwrap_or_default());
                if Instant::now() + pause >= end {
                    return fetched;
                }
                tokio::time::sleep(pause).await;
                tries += 1;
            }
        };
        tokio::time::timeout_at(end, trying).await.unwrap_or(Fetched::Failed(FetchError::Timeout))
    }

    /// One fetch of a robots.txt. It does not wait for the host's pace: it is fetched once a day, and before
    /// anything else.
    async fn try_robots(self: &Arc<Self>, url: Url) -> Fetched {
        match self.robots_answer(url).await {
            Ok((status, body)) => Fetched::Answer(status, body),
            Err(FetchError::Redirects(_)) => Fetched::Redirected,
            Err(error) => Fetched::Failed(error),
        }
    }

    async fn robots_answer(self: &Arc<Self>, url: Url) -> Result<(u16, Vec<u8>), FetchError> {
        let mut request = Request::get(url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("text/plain, */*;q=0.8"));
        let mut chain = RedirectChain::new(request, robots::REDIRECTS)?;
        loop {
            self.policy.check_url(chain.url())?;
            let sent = Instant::now();
            let outcome = self.transport.send(chain.outgoing(Role::Page)).await;
            self.tell_network((chain.url(), Role::Page), &outcome, sent.elapsed());
            let answer = outcome?;
            if let Some(rest) = retry::rest(answer.status, &answer.headers, self.now())
                && !self.transport.recorded()
            {
                self.pace.hold(chain.url().host_str().unwrap_or_default(), rest);
            }
            if chain.follow(answer.status, &answer.headers)? {
                continue;
            }
            let body = self.body(chain.url().clone(), Method::Get, answer, None)?;
            let answer = body.read(Role::Api, robots::READ).await?;
            return Ok((answer.head.status, answer.body.to_vec()));
        }
    }

    /// A site's rules on text and data mining; `None` where it has none.
    async fn fetch_tdm(self: Arc<Self>, url: Url) -> Result<Option<Vec<u8>>, FetchError> {
        let mut request = Request::get(url);
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.8"));
        let clock = AttemptClock::new(TDM_TIME, Instant::now() + TDM_TIME);
        let (retries, cost) = (AtomicU32::new(0), RequestCost::default());
        let budget = RequestBudget { hops: &Role::Page, clock: &clock, retries: &retries, cost: &cost };
        let (body, _) = self.open(request, &budget).await?;
        let answer = clock.limit(body.read(Role::Api, tdm::READ)).await?;
        Ok((answer.head.status == 200 && !answer.truncated).then(|| answer.body.to_vec()))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.transport.now_ms())
    }
}

/// Asks again and again, until a host answers or the client is gone. What was learned about hosts meanwhile is forgotten.
async fn wait_for_network(client: Weak<Inner>) {
    let mut pause = network::FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(client) = client.upgrade() else { return };
        if client.network.is_up() {
            return;
        }
        if client.reaches_any().await {
            client.network_is_back();
            return;
        }
        pause = (pause * 2).min(network::LONGEST_PAUSE);
    }
}
