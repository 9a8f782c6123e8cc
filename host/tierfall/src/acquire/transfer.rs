//! Fetches one file by the HTTP client into its sink: again from where it broke off, if the server lets
//! us, and from the beginning if not.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use url::Url;

use super::effects::Effects;
use super::key::FileKey;
use super::partial::{Origin, Validator};
use super::sink::{Sink, UNWRITTEN};
use super::sniff::{self, Kind};
use super::usage_rights::UsageRights;
use super::verdict::Reason;
use tierfall_http::{
    AttemptClock, Body, FetchError, Head, HopPolicy, HttpClient, Request, RequestBudget, RequestCost,
    Reservation, Role, header_map,
};
use tierfall_work::ArtifactFormat;

/// Before a broken transfer is continued; doubled each time.
const PAUSE: Duration = Duration::from_millis(100);
/// A server that continues wrongly is asked for the whole file; that it then sends another part of it
/// instead happens to no honest one.
const RESTARTS: u32 = 2;
/// A server that stalls may have lost the connection; one that stalls again stalls for everyone, and the
/// work's time is better spent elsewhere.
const STALLS: u32 = 2;
/// Less than this from one request is no beginning that a second one could add to, and no progress of one that went on.
const BEGINNING: u64 = 4 * 1024;
/// So many requests may go on with a file and use up no retry. Whoever ends each one early does so after a time or an
/// amount, mostly half a megabyte or more, so that these make a book; and they are no more requests than the sources of
/// a few works come to.
const PIECES: u32 = 64;

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: Reason,
    pub detail: String,
}

/// What was seen on the way, however it ended.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub status: Option<u16>,
    pub final_url: Option<Url>,
    /// Bytes that were there before the last request.
    pub resumed_from: u64,
    pub bytes: u64,
    pub usage_rights: UsageRights,
}

/// The policy of a file's request: every hop is a file's, for the plugin that proposed it.
pub struct FileHops<'a> {
    pub plugin: &'a str,
}

impl HopPolicy for FileHops<'_> {
    fn admit(&self, _url: &Url, _hop: u32) -> Result<Role, String> {
        Ok(Role::File)
    }

    fn plugin(&self) -> &str {
        self.plugin
    }
}

/// What one transfer may use.
pub struct Transfer<'a> {
    pub client: &'a HttpClient,
    pub hops: FileHops<'a>,
    /// What the file is to be.
    pub format: ArtifactFormat,
    /// What the file is asked for with.
    pub key: Option<&'a FileKey>,
    pub clock: &'a AttemptClock,
    pub retries: &'a AtomicU32,
    pub max_bytes: u64,
    /// Files of which text and data mining is reserved are not wanted.
    pub honour_tdm: bool,
    /// What the site of the URL says of it, where that was asked for before.
    pub site: Option<Reservation>,
}

/// How one request ended before the end of the file.
enum Stop {
    /// The same request would end the same, or has been tried enough.
    Final(Rejection),
    /// It broke off; what is in the sink may be continued.
    Broken(Rejection),
    /// The server did not continue where it was asked to.
    FromZero(&'static str),
    /// It refuses requests for a part; it may not those for the whole.
    NoParts(Rejection),
}

impl Transfer<'_> {
    /// Brings the whole file into the sink, as far as its sender says.
    pub async fn run(
        &self,
        url: &Url,
        referrer: Option<&str>,
        sink: &mut Sink,
        effects: &mut Effects<'_>,
        trace: &mut Trace,
    ) -> Result<(), Rejection> {
        let (mut restarts, mut stalls, mut pieces) = (0, 0, 0);
        // It refused to send a part, so that it is asked for the whole; what is here stays until that comes.
        let mut refused = false;
        let mut pause = PAUSE;
        // An earlier process may have received everything when it ended.
        while !sink.is_complete() || sink.received() == 0 {
            if sink.validator().is_none() {
                sink.begin(None);
            }
            trace.resumed_from = sink.received();
            let ended = match request(url, referrer, self.key, self.format, sink, refused) {
                Ok(request) => self.once(request, sink, effects, trace).await,
                Err(error) => Err(Stop::Final(of_error(&error))),
            };
            trace.bytes = sink.received();
            match ended {
                Ok(()) => return Ok(()),
                Err(Stop::Final(rejection)) => return Err(rejection),
                Err(Stop::NoParts(rejection)) if refused => return Err(rejection),
                Err(Stop::NoParts(_)) => refused = true,
                Err(Stop::FromZero(detail)) => {
                    if restarts == RESTARTS {
                        return Err(rejection(Reason::Malformed, detail));
                    }
                    restarts += 1;
                    sink.begin(None);
                }
                Err(Stop::Broken(rejection)) => {
                    let stalled = rejection.reason == Reason::Stalled;
                    let little = sink.received().saturating_sub(trace.resumed_from) < BEGINNING;
                    stalls += u32::from(stalled);
                    if stalled && (stalls == STALLS || little) {
                        return Err(rejection);
                    }
                    // One that began anew brings what was there before.
                    let went_on = trace.resumed_from > 0 && trace.status == Some(206);
                    if went_on && !little && !stalled && pieces < PIECES {
                        pieces += 1;
                        pause = PAUSE;
                    } else if !self.take_retry() {
                        return Err(rejection);
                    }
                    if pause >= self.clock.remaining() {
                        return Err(rejection);
                    }
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        effects.streaming(None, Some(sink.received()), true).await;
        trace.final_url = sink.origin().and_then(|origin| Url::parse(&origin.final_url).ok());
        trace.resumed_from = sink.received();
        trace.bytes = sink.received();
        Ok(())
    }

    fn take_retry(&self) -> bool {
        let take = |left: u32| left.checked_sub(1);
        self.retries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    async fn once(
        &self,
        request: Request,
        sink: &mut Sink,
        effects: &mut Effects<'_>,
        trace: &mut Trace,
    ) -> Result<(), Stop> {
        let ranged = request.headers.contains_key("range");
        let requested = request.url.clone();
        let cost = RequestCost::default();
        let allowance =
            RequestBudget { hops: &self.hops, clock: self.clock, retries: self.retries, cost: &cost };
        let mut body =
            self.client.open(request, allowance).await.map_err(|error| Stop::Final(of_error(&error)))?;
        trace.note(&body.head);
        if body.head.url.origin() == requested.origin() {
            trace.usage_rights.consider(self.site.clone());
        }
        match body.head.status {
            206 if ranged => continues(&body, sink).map_err(Stop::FromZero)?,
            // A part that is all of it.
            206 if is_whole(&body) => self.begin(&requested, &mut body, sink, trace).await?,
            206 => return Err(Stop::FromZero("it sends a part of a file that was asked for whole")),
            416 if ranged => return Err(Stop::FromZero("it has no such part of the file")),
            // Some refuse a range, or what it is conditional on, where the plain request works.
            400 | 403 | 404 | 412 | 503 if ranged => return Err(Stop::NoParts(self.refusal(body).await)),
            200..300 => self.begin(&requested, &mut body, sink, trace).await?,
            _ => return Err(Stop::Final(self.refusal(body).await)),
        }
        effects.streaming(trace.status, body.declared_length(), body.head.status == 206).await;
        while let Some(chunk) = self.chunk_into(&mut body, sink).await? {
            if sink.received() + chunk.len() as u64 > self.max_bytes {
                return Err(Stop::Final(self.too_large()));
            }
            sink.write(&chunk).await.map_err(storage)?;
        }
        let received = sink.received();
        match sink.origin().and_then(|origin| origin.length).or(body.declared_length().filter(|_| !ranged)) {
            Some(length) if length != received => {
                let detail = format!("{received} of {length} bytes came");
                Err(Stop::Broken(rejection(Reason::Proof(tierfall_proof::Reason::Truncated), detail)))
            }
            _ => Ok(()),
        }
    }

    /// Takes in the beginning of a whole file, and stops there if it is not one that is wanted.
    async fn begin(
        &self,
        requested: &Url,
        body: &mut Body,
        sink: &mut Sink,
        trace: &Trace,
    ) -> Result<(), Stop> {
        if self.honour_tdm && trace.usage_rights.reserved() {
            return Err(Stop::Final(rejection(Reason::Reserved, trace.usage_rights.who_reserves())));
        }
        let length = body.declared_length();
        if length.is_some_and(|length| length > self.max_bytes) {
            return Err(Stop::Final(self.too_large()));
        }
        sink.begin(None);
        let mut head = Vec::new();
        let mut ended = self.gather(body, &mut head, sniff::HEAD).await?;
        let kind = sniff::kind(&head);
        match kind {
            Kind::Pdf if self.format == ArtifactFormat::Pdf => {}
            _ if self.format == ArtifactFormat::Jats && sniff::is_xml(&head) => {}
            Kind::Empty if ended => return Err(Stop::Final(rejection(Reason::Empty, ""))),
            Kind::Html => {
                while !ended && head.len() < sniff::PAGE {
                    // A page that breaks off has shown enough.
                    ended = self.gather(body, &mut head, sniff::PAGE).await.unwrap_or(true);
                }
                let (reason, detail) = sniff::page(&body.head.headers, &head);
                return Err(Stop::Final(Rejection { reason, detail }));
            }
            _ => {
                let reason = match self.format {
                    ArtifactFormat::Pdf => tierfall_proof::Reason::NotPdf,
                    ArtifactFormat::Jats => tierfall_proof::Reason::NotJats,
                };
                let detail = format!("it is {}", sniff::describe(kind));
                return Err(Stop::Final(rejection(Reason::Proof(reason), detail)));
            }
        }
        let validator = Validator::of(&body.head.headers).filter(|_| !body.encoded());
        let work = sink.work_key().to_owned();
        sink.begin(validator.map(|validator| Origin {
            work,
            url: requested.to_string(),
            final_url: body.head.url.to_string(),
            length,
            validator,
        }));
        sink.expect(length);
        if head.len() as u64 > self.max_bytes {
            return Err(Stop::Final(self.too_large()));
        }
        sink.write(&head).await.map_err(storage)
    }

    /// Reads until there are `least` bytes; whether the body ended before.
    async fn gather(&self, body: &mut Body, bytes: &mut Vec<u8>, least: usize) -> Result<bool, Stop> {
        while bytes.len() < least {
            match self.chunk(body).await? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The next piece; while it does not come, what has come is written.
    async fn chunk_into(&self, body: &mut Body, sink: &mut Sink) -> Result<Option<bytes::Bytes>, Stop> {
        let mut next = pin!(self.chunk(body));
        match tokio::time::timeout(UNWRITTEN, &mut next).await {
            Ok(chunk) => chunk,
            Err(_) => {
                sink.rest().await.map_err(storage)?;
                next.await
            }
        }
    }

    async fn chunk(&self, body: &mut Body) -> Result<Option<bytes::Bytes>, Stop> {
        match self.in_time(body.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| match of_error(&error) {
                broken if error.retryable() => Stop::Broken(broken),
                other => Stop::Final(other),
            }),
            Err(()) => {
                let detail = "it was not over when its time was";
                Err(Stop::Final(rejection(Reason::Stalled, detail)))
            }
        }
    }

    /// See [`sniff::refusal`].
    async fn refusal(&self, mut body: Body) -> Rejection {
        let mut page = Vec::new();
        // What can be read of it is enough.
        let _ = self.gather(&mut body, &mut page, sniff::PAGE).await;
        let (reason, detail) = sniff::refusal(body.head.status, &body.head.headers, &page);
        Rejection { reason, detail }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, ()> {
        tokio::select! {
            biased;
            done = self.clock.listening(work) => Ok(done),
            () = self.clock.expired() => Err(()),
        }
    }

    fn too_large(&self) -> Rejection {
        rejection(Reason::TooLarge, format!("the limit is {} bytes", self.max_bytes))
    }
}

impl Trace {
    fn note(&mut self, head: &Head) {
        self.status = Some(head.status);
        self.final_url = Some(head.url.clone());
        self.usage_rights = UsageRights::of(&head.headers);
    }
}

fn request(
    url: &Url,
    referrer: Option<&str>,
    key: Option<&FileKey>,
    format: ArtifactFormat,
    sink: &Sink,
    whole: bool,
) -> Result<Request, FetchError> {
    let mut headers = vec![("accept", format.accept().to_owned())];
    if let Some(referrer) = referrer.and_then(|referrer| Url::parse(referrer).ok()) {
        headers.push(("referer", referrer.to_string()));
    }
    if let Some(validator) = sink.validator()
        && sink.received() > 0
        && !whole
    {
        headers.push(("range", format!("bytes={}-", sink.received())));
        headers.push(("if-range", validator.to_owned()));
    }
    let (secret_headers, secrets) =
        key.map(|key| (key.headers.clone(), key.secrets.clone())).unwrap_or_default();
    Ok(Request { headers: header_map(headers)?, secret_headers, secrets, ..Request::get(url.clone()) })
}

/// Whether an answer to a range is the rest of the file that is in the sink; why not.
fn continues(body: &Body, sink: &Sink) -> Result<(), &'static str> {
    let Some(origin) = sink.origin() else { return Err("nothing is known of the file's beginning") };
    if body.encoded() {
        return Err("it packs a part of a file");
    }
    let validator = Validator::of(&body.head.headers);
    if !origin.validator.agrees(validator.as_ref()) {
        return Err("the file has changed");
    }
    // Required with a part where the whole has one (RFC 9110, 15.3.7); a server that leaves it out has
    // not looked at ours either.
    if origin.validator.etag.is_some() && validator.is_none_or(|validator| validator.etag.is_none()) {
        return Err("it does not say of which version of the file it sends a part");
    }
    let range = body.head.header("content-range");
    let Some((first, last, whole)) = range.and_then(|value| content_range(&value)) else {
        return Err("it does not say which part of the file it sends");
    };
    if first != sink.received() || last < first {
        return Err("it sends another part of the file than was asked for");
    }
    match (origin.length, whole) {
        (Some(known), Some(whole)) if known != whole => Err("the file has another length now"),
        // A part may be asked for to the end and be sent in pieces, but there is no end to go by then.
        (None, None) => Err("it does not say how long the file is"),
        _ => Ok(()),
    }
}

/// A part that is all of the file.
fn is_whole(body: &Body) -> bool {
    let range = body.head.header("content-range").and_then(|value| content_range(&value));
    range.is_some_and(|(first, last, whole)| first == 0 && whole == last.checked_add(1))
}

/// `bytes 100-199/200` (RFC 9110, 14.4): first, last, and the whole length if it is said.
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let rest = value.trim().strip_prefix("bytes")?.trim_start_matches([' ', '=']);
    let (range, whole) = rest.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let whole = match whole.trim() {
        "*" => None,
        whole => Some(whole.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, whole))
}

fn of_error(error: &FetchError) -> Rejection {
    rejection(Reason::of_fetch(error), error.to_string())
}

fn storage(error: io::Error) -> Stop {
    Stop::Final(rejection(Reason::Storage, error.to_string()))
}

fn rejection(reason: Reason, detail: impl Into<String>) -> Rejection {
    Rejection { reason, detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_as_servers_write_them() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, 199, Some(200))));
        assert_eq!(content_range("bytes 0-0/*"), Some((0, 0, None)));
        assert_eq!(content_range("bytes=5-9/10"), Some((5, 9, Some(10))));
        for wrong in ["", "bytes */200", "bytes 5/10", "items 1-2/3", "bytes a-b/c", "bytes 1-2"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}
