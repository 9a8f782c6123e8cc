//! Between the network and the disk: bytes gather here until they are worth a trip to a thread that
//! may block. Dropped at any moment, it leaves a partial file that the next try can continue; killed,
//! all but the last tenth of a second.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::partial::{Origin, Partial};
use super::store::Store;

/// Bytes per write: large enough that handing over costs nothing, small enough to hold a few hundred.
const BATCH: usize = 256 * 1024;
/// The longest that bytes are in memory alone.
pub const UNWRITTEN: Duration = Duration::from_millis(100);

/// A file as it arrives.
#[derive(Debug)]
pub struct Sink {
    store: Store,
    work_key: String,
    url: String,
    /// `None` before anything was worth writing, and while a blocking thread has it.
    partial: Option<Partial>,
    /// What the bytes in `buffer` begin, until it is written down before them.
    beginning: Option<Option<Origin>>,
    buffer: Vec<u8>,
    /// When the first byte came into the empty buffer.
    since: Instant,
}

impl Sink {
    /// For the file of a work and URL; with `resume`, it goes on from what an earlier try left.
    pub async fn open(store: Store, work_key: String, url: String, resume: bool) -> io::Result<Self> {
        let left = resume && store.partials().has(&work_key, &url);
        let since = Instant::now();
        let mut sink =
            Self { store, work_key, url, partial: None, beginning: None, buffer: Vec::new(), since };
        if left {
            let (store, work_key, url) = (sink.store.clone(), sink.work_key.clone(), sink.url.clone());
            let partial = on_blocking_thread(move || store.partials().open(&work_key, &url, true)).await?;
            sink.partial = Some(partial);
        }
        Ok(sink)
    }

    pub fn work_key(&self) -> &str {
        &self.work_key
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        let written = if self.beginning.is_some() { None } else { self.partial.as_ref() };
        written.map_or(0, Partial::received) + self.buffer.len() as u64
    }

    /// What the bytes are known to be, if more can be added to them.
    pub fn origin(&self) -> Option<&Origin> {
        match &self.beginning {
            Some(origin) => origin.as_ref(),
            None => self.partial.as_ref()?.origin(),
        }
    }

    /// What `If-Range` must say for the rest to be asked for; `None` where it cannot be.
    pub fn validator(&self) -> Option<&str> {
        self.origin()?.validator.if_range()
    }

    /// Every byte is here, and it is known that no more follow.
    pub fn is_complete(&self) -> bool {
        self.origin().is_some_and(|origin| origin.length == Some(self.received()))
    }

    /// Forgets all bytes; those that follow are what `origin` says, or cannot be continued.
    pub fn begin(&mut self, origin: Option<Origin>) {
        self.buffer.clear();
        self.beginning = Some(origin);
    }

    /// So many bytes are to come, as far as their sender says.
    pub fn expect(&mut self, length: Option<u64>) {
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        self.buffer.reserve(length.min(BATCH));
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.since = Instant::now();
        }
        self.buffer.extend_from_slice(bytes);
        let due = self.buffer.len() >= BATCH || self.since.elapsed() >= UNWRITTEN;
        if due { self.flush().await } else { Ok(()) }
    }

    /// Nothing more comes for now: what has come is written.
    pub async fn rest(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.flush().await }
    }

    /// The end of the file: the partial with all its bytes written; and the bytes, if they still are in memory.
    pub async fn finish(mut self) -> io::Result<(Partial, Option<Vec<u8>>)> {
        let all_here = self.received() == self.buffer.len() as u64;
        let batch = self.batch();
        let (partial, bytes) = on_blocking_thread(|| batch.write()).await?;
        Ok((partial, all_here.then_some(bytes)))
    }

    /// Removes everything: these bytes are of no use.
    pub async fn discard(mut self) -> io::Result<()> {
        self.buffer.clear();
        self.beginning = None;
        match self.partial.take() {
            Some(partial) => on_blocking_thread(|| partial.discard()).await,
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let batch = self.batch();
        let (partial, _) = on_blocking_thread(|| batch.write()).await?;
        self.partial = Some(partial);
        Ok(())
    }

    fn batch(&mut self) -> Batch {
        Batch {
            store: self.store.clone(),
            work_key: self.work_key.clone(),
            url: self.url.clone(),
            partial: self.partial.take(),
            beginning: self.beginning.take(),
            bytes: std::mem::take(&mut self.buffer),
        }
    }
}

impl Drop for Sink {
    /// The last bytes that came are kept with the others, if they can be continued.
    fn drop(&mut self) {
        if !self.buffer.is_empty() && self.origin().is_some() {
            // The next try asks again for what could not be written.
            let _ = self.batch().write();
        }
    }
}

/// Everything that one write needs, so that it can be done elsewhere.
struct Batch {
    store: Store,
    work_key: String,
    url: String,
    partial: Option<Partial>,
    beginning: Option<Option<Origin>>,
    bytes: Vec<u8>,
}

impl Batch {
    fn write(self) -> io::Result<(Partial, Vec<u8>)> {
        let mut partial = match self.partial {
            Some(partial) => partial,
            None => self.store.partials().open(&self.work_key, &self.url, false)?,
        };
        if let Some(origin) = self.beginning {
            partial.restart()?;
            if let Some(origin) = origin {
                partial.remember(origin)?;
            }
        }
        partial.append(&self.bytes)?;
        Ok((partial, self.bytes))
    }
}

/// Runs what blocks where that is allowed. It runs to its end even if the caller is dropped.
pub async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
