//! What the ledger is told of one acquisition: that its candidate was asked, that its bytes were fetched, and
//! that they were proven; and what it answers when an earlier worker had come that far.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::UsageRights;
use tierfall_ledger::{Effect, LeaseHandle, OpKind, Outcome, Pending, Step};
use tierfall_proof::Identity;

/// The side effects of one acquisition.
///
/// Nothing here returns an error. When the work has to stop, [`LeaseHandle::stopped`] says so to whoever walks it, and
/// that one drops the acquisition; until then it waits, and does nothing more.
pub struct Effects<'a> {
    grip: &'a LeaseHandle,
    url: &'a str,
    head: Option<Pending>,
    stream: Stream,
}

enum Stream {
    NotBegun,
    Begun(Pending),
    /// An earlier worker's, that the ledger counts as done whatever comes now.
    Done,
}

/// A file that was fetched and proven, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    pub sha256: String,
    pub bytes: u64,
    pub pages: u32,
    pub identity: Identity,
    pub detail: String,
    pub status: Option<u16>,
    pub final_url: Option<String>,
    pub signals: UsageRights,
    /// The store had the same bytes before: they are another work's too.
    pub stored_before: bool,
}

/// A file that was fetched, and of which the ledger has not heard.
#[derive(Debug)]
pub struct PendingStreamOp {
    pending: Pending,
    fetched: Fetched,
}

impl PendingStreamOp {
    /// `stored_before`: the store has the same bytes, and not from this work.
    pub fn tell(self, grip: &LeaseHandle, stored_before: bool) {
        let fetched = Fetched { stored_before, ..self.fetched };
        let result = serde_json::to_value(fetched).unwrap_or_default();
        grip.complete(self.pending, Outcome::Done { result, artifact: None });
    }
}

impl<'a> Effects<'a> {
    pub fn new(grip: &'a LeaseHandle, url: &'a str) -> Self {
        Self { grip, url, head: None, stream: Stream::NotBegun }
    }

    /// Before the candidate is asked. Answers with what an earlier worker had fetched and proven of it.
    pub async fn begin(&mut self) -> Option<Fetched> {
        match self.ask(OpKind::Head).await {
            Effect::Run(pending) => {
                self.head = Some(pending);
                None
            }
            // It has answered before, so it may have been fetched too.
            Effect::Replay(_) => {
                let fetched = self.begin_stream().await?;
                // Kept by another version of this program, it may be unreadable: then it is fetched again.
                serde_json::from_value(fetched).ok()
            }
        }
    }

    /// The candidate has answered with a file, and its bytes come; `resumed`: those that are still missing.
    pub async fn streaming(&mut self, status: Option<u16>, length: Option<u64>, resumed: bool) {
        if let Some(head) = self.head.take() {
            let result = json!({"status": status, "length": length});
            self.grip.complete(head, Outcome::Done { result, artifact: None });
        }
        if resumed {
            self.grip.mark(Step::ResumeOk);
        }
        if matches!(self.stream, Stream::NotBegun) {
            self.begin_stream().await;
        }
    }

    /// The file is whole, and it is the work's. That is told of the work's winner alone, once it is known.
    pub fn proven(self, fetched: Fetched) -> Option<PendingStreamOp> {
        match self.stream {
            Stream::Begun(pending) => Some(PendingStreamOp { pending, fetched }),
            Stream::NotBegun | Stream::Done => None,
        }
    }

    /// There is no file, or it is not the work's: it is all to be done again, if it is ever asked for again.
    pub fn rejected(self, code: &str) {
        let begun = match self.stream {
            Stream::Begun(pending) => Some(pending),
            Stream::NotBegun | Stream::Done => None,
        };
        for pending in self.head.into_iter().chain(begun) {
            self.grip.complete(pending, Outcome::Failed { error: code.to_owned() });
        }
    }

    async fn begin_stream(&mut self) -> Option<Value> {
        match self.ask(OpKind::Stream).await {
            Effect::Run(pending) => {
                self.stream = Stream::Begun(pending);
                None
            }
            Effect::Replay(result) => {
                self.stream = Stream::Done;
                Some(result)
            }
        }
    }

    async fn ask(&self, kind: OpKind) -> Effect {
        match self.grip.begin(kind, json!({"url": self.url})).await {
            Ok(effect) => effect,
            Err(_) => std::future::pending().await,
        }
    }
}
