//! The objects of one place.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
    UpdateVersion,
};
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::error::{ObjectError, got_no_answer};
use super::parts::InParts;
use super::place::Place;
use super::server::Server;
use super::settings::ObjectSettings;
use super::upload::{Failed, Put, Reading, in_parts};

/// Tries of what others write at the same moment: each means that somebody else got through.
const TRIES: u32 = 5;
/// Before what is refused for the sake of another request is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// After so long a request is not tried again.
const RETRY: Duration = Duration::from_secs(180);
/// At the start: whoever mistyped an address is not kept waiting.
const FIRST_RETRIES: usize = 2;
/// A record that is longer is none of ours.
const MOST_RECORD: u64 = 64 * 1024;
/// Created by whoever is the first, and refused to everybody after: so it is known that this server does refuse.
const MARK: &str = "tierfall.json";
const MARK_TEXT: &[u8] = b"{\"made_by\":\"tierfall\",\"layout\":1}\n";
/// Is never there.
const NOTHING: &str = "files/sha256/none";

/// The objects of one place. Clones share everything.
#[derive(Clone)]
pub struct Objects(Arc<Inner>);

struct Inner {
    place: Place,
    store: Arc<dyn ObjectStore>,
    parts: Arc<dyn InParts>,
    part: u64,
    /// A part of each is in memory.
    uploads: Semaphore,
}

/// Files on their way up at once: a part of each is in memory, and a few fill any line.
const UPLOADS: usize = 8;

/// Whose a record is that has the wanted name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theirs {
    /// It says what is to be said.
    Same,
    /// It is an older one of ours.
    Older,
    /// It is somebody else's.
    Other,
}

/// Where they are, and nothing of what is known of the server.
impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.0.place).finish()
    }
}

impl Objects {
    /// Opens a place and makes sure that it can be written to, that what is there can be asked for, and that the server
    /// refuses to create an object twice. Keys and server are read from the variables of the environment that the service
    /// has for them: `AWS_…`, `GOOGLE_…`, `AZURE_…`.
    pub async fn open(
        place: Place,
        settings: &ObjectSettings,
        tls: ClientConfig,
    ) -> Result<Self, ObjectError> {
        let part = settings.part_bytes;
        let open = |retries: usize| {
            let retry = RetryConfig { max_retries: retries, retry_timeout: RETRY, ..RetryConfig::default() };
            let server = Server::open(&place, tls.clone(), settings.timeout, retry);
            server.map(|server| Self::of(place.clone(), server, part))
        };
        let checked = open(FIRST_RETRIES.min(settings.retries as usize))?.check().await;
        checked.map_err(|error| match place.service().looked_elsewhere() {
            None => error,
            Some(told) => error.with_hint(told),
        })?;
        open(settings.retries as usize)
    }

    /// In memory, for tests.
    pub fn in_memory(place: Place, part: u64) -> Self {
        Self::of(place, Server::of(Arc::new(InMemory::new())), part)
    }

    fn of(place: Place, Server { store, parts, chunk }: Server, part: u64) -> Self {
        let part = part - part % chunk;
        Self(Arc::new(Inner { place, store, parts, part, uploads: Semaphore::new(UPLOADS) }))
    }

    /// Where they are.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    async fn check(&self) -> Result<(), ObjectError> {
        for _ in 0..2 {
            match self.create(MARK, PutPayload::from_static(MARK_TEXT)).await {
                Ok(()) => {}
                Err(Error::AlreadyExists { .. }) => return self.length(NOTHING).await.map(drop),
                Err(error) => return Err(self.error("write to", MARK, &error)),
            }
        }
        Err(ObjectError::new(
            "open the store",
            self.0.place.to_string(),
            format!(
                "this server creates an object a second time although it was asked not to ({}): two workers could \
                 overwrite each other's files. It must be one that knows conditional writes",
                self.0.place.service().condition()
            ),
        ))
    }

    /// The length of an object; `None`: there is none of this name.
    pub async fn length(&self, path: &str) -> Result<Option<u64>, ObjectError> {
        match self.0.store.head(&self.0.place.key(path)).await {
            Ok(there) => Ok(Some(there.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error("look for", path, &error)),
        }
    }

    /// Stores a file under a name that belongs to its content: what has this name and this length is this file. Nothing
    /// is stored if the file has not this digest and length.
    pub async fn put_file(
        &self,
        path: &str,
        file: File,
        bytes: u64,
        sha256: &str,
    ) -> Result<Put, ObjectError> {
        // It is never closed.
        let _upload = self.0.uploads.acquire().await.ok();
        let reading = Reading::new(file, bytes, self.0.part);
        let sent = if bytes > self.0.part {
            // It would be sent in vain.
            if self.is_there(path, bytes).await? {
                return Ok(Put::Existed);
            }
            in_parts(&*self.0.parts, &self.0.place.key(path), reading, sha256).await
        } else {
            match reading.whole(sha256).await {
                Ok(payload) => self.create_again(path, payload).await,
                Err(failed) => Err(failed),
            }
        };
        let error = match sent {
            Ok(()) => return Ok(Put::Created),
            Err(Failed::Store(error)) => error,
            Err(Failed::Disk(error)) => {
                return Err(ObjectError::of_file(
                    "read the file of",
                    self.0.place.url(path),
                    error.to_string(),
                ));
            }
            Err(Failed::Changed) => {
                let why = "the file in OUT/partial is not the one that was proven any more";
                return Err(ObjectError::of_file("store", self.0.place.url(path), why));
            }
        };
        // Whatever the answer was, or if none came: what counts is what is there.
        match self.is_there(path, bytes).await {
            Ok(true) if is_refusal(&error) => Ok(Put::Existed),
            Ok(true) => Ok(Put::Created),
            Ok(false) => Err(self.error("store", path, &error)),
            Err(other) => Err(other),
        }
    }

    /// Writes a small object of which `whose` can tell whose it is. `false`: there is one of this name already, and it is
    /// somebody else's. An older one of ours is replaced, unless another does so at this moment: then we look again.
    pub async fn put_record(
        &self,
        path: &str,
        record: Vec<u8>,
        whose: impl Fn(&[u8]) -> Theirs,
    ) -> Result<bool, ObjectError> {
        let payload = PutPayload::from(record);
        for _ in 0..TRIES {
            match self.create(path, payload.clone()).await {
                Ok(()) => return Ok(true),
                Err(error) if is_refusal(&error) => {}
                Err(error) => return Err(self.error("write", path, &error)),
            }
            let Some((there, version)) = self.read(path).await? else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match whose(&there) {
                Theirs::Same => return Ok(true),
                Theirs::Other => return Ok(false),
                Theirs::Older => {}
            }
            let mode = PutMode::Update(version);
            match self.put(path, payload.clone(), mode).await {
                Ok(()) => return Ok(true),
                Err(Error::NotFound { .. }) => {}
                Err(error) if is_refusal(&error) => {}
                Err(error) => return Err(self.error("write", path, &error)),
            }
        }
        Err(ObjectError::new("write", self.0.place.url(path), "others write to it all the time"))
    }

    /// Calls `each` with every object below a folder, and its length.
    pub async fn list(&self, folder: &str, mut each: impl FnMut(&str, u64)) -> Result<(), ObjectError> {
        let key = self.0.place.key(folder);
        let mut found = self.0.store.list(Some(&key));
        loop {
            match found.try_next().await {
                Ok(Some(object)) => {
                    if let Some(path) = self.0.place.path_of(&object.location) {
                        each(&path, object.size);
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.error("list", folder, &error)),
            }
        }
    }

    /// Whether an object is there, and has this length. One of another length was not stored by us, and is left alone.
    async fn is_there(&self, path: &str, bytes: u64) -> Result<bool, ObjectError> {
        match self.length(path).await? {
            None => Ok(false),
            Some(there) if there == bytes => Ok(true),
            Some(there) => Err(ObjectError::of_file(
                "store",
                self.0.place.url(path),
                format!(
                    "an object of this name is there, of {there} bytes where the file has {bytes}; it is left alone"
                ),
            )),
        }
    }

    /// Creates an object. Beside "it is there", a server may say "somebody is at it" (409, ConditionalRequestConflict), and
    /// the library does not tell them apart; nor does it try again what had no answer, because that may have been done. Where
    /// nothing is there it is for us to try again.
    async fn create_again(&self, path: &str, payload: PutPayload) -> Result<(), Failed> {
        let mut tries = 1;
        loop {
            let error = match self.create(path, payload.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let may_pass = is_refusal(&error) || got_no_answer(&error);
            let is_open = may_pass && tries < TRIES && matches!(self.length(path).await, Ok(None));
            if !is_open {
                return Err(Failed::Store(error));
            }
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn create(&self, path: &str, payload: PutPayload) -> Result<(), Error> {
        self.put(path, payload, PutMode::Create).await
    }

    async fn put(&self, path: &str, payload: PutPayload, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.0.store.put_opts(&self.0.place.key(path), payload, options).await.map(drop)
    }

    /// A record, and by what it can be replaced; `None`: there is none. Of one that is too long the beginning.
    async fn read(&self, path: &str) -> Result<Option<(Vec<u8>, UpdateVersion)>, ObjectError> {
        let options = GetOptions { range: Some((0..MOST_RECORD).into()), ..GetOptions::default() };
        let found = match self.0.store.get_opts(&self.0.place.key(path), options).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error("read", path, &error)),
        };
        let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        match found.bytes().await {
            Ok(bytes) => Ok(Some((bytes.to_vec(), version))),
            Err(error) => Err(self.error("read", path, &error)),
        }
    }

    fn error(&self, what: &'static str, path: &str, error: &Error) -> ObjectError {
        ObjectError::of(what, self.0.place.url(path), self.0.place.service(), error)
    }
}

/// The condition does not hold: there is an object of this name, or another than we knew.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use sha2::{Digest, Sha256};

    use super::*;

    const PART: u64 = 16;

    fn objects() -> Objects {
        Objects::in_memory("s3://papers/oa".parse().unwrap(), PART)
    }

    fn file(content: &[u8]) -> (File, u64, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        (file.reopen().unwrap(), content.len() as u64, hex::encode(Sha256::digest(content)))
    }

    async fn listed(objects: &Objects, folder: &str) -> Vec<(String, u64)> {
        let mut listed = Vec::new();
        objects.list(folder, |path, bytes| listed.push((path.to_owned(), bytes))).await.unwrap();
        listed
    }

    async fn put(objects: &Objects, path: &str, content: &[u8]) -> Result<Put, ObjectError> {
        let (file, bytes, sha256) = file(content);
        objects.put_file(path, file, bytes, &sha256).await
    }

    #[tokio::test]
    async fn a_file_is_stored_once_however_long_it_is() {
        let objects = objects();
        for content in [b"short".as_slice(), &[b'p'; 16], &[b'x'; 17], &[b'l'; 100]] {
            let path = format!("files/{}.pdf", content.len());
            assert_eq!(objects.length(&path).await.unwrap(), None);
            assert_eq!(put(&objects, &path, content).await.unwrap(), Put::Created);
            assert_eq!(put(&objects, &path, content).await.unwrap(), Put::Existed);
            let (there, _) = objects.read(&path).await.unwrap().unwrap();
            assert_eq!(there, content);
        }
        let mut listed = listed(&objects, "files").await;
        listed.sort();
        let of = |length: u64| (format!("files/{length}.pdf"), length);
        assert_eq!(listed, [of(100), of(16), of(17), of(5)]);
    }

    #[tokio::test]
    async fn what_is_not_the_proven_file_is_not_stored() {
        let objects = objects();
        for content in [b"short".as_slice(), &[b'l'; 100]] {
            let (_, bytes, sha256) = file(content);
            let mut other = content.to_vec();
            other[0] ^= 1;
            for changed in [other, content[1..].to_vec(), [content, b"more".as_slice()].concat()] {
                let (changed, ..) = file(&changed);
                let error = objects.put_file("files/a.pdf", changed, bytes, &sha256).await.unwrap_err();
                assert!(error.to_string().contains("not the one that was proven"), "{error}");
            }
        }
        assert_eq!(listed(&objects, "files").await, []);
    }

    #[tokio::test]
    async fn an_object_of_another_length_is_left_alone() {
        let objects = objects();
        for content in [b"short".as_slice(), &[b'l'; 100]] {
            let path = format!("files/{}.pdf", content.len());
            objects.create(&path, PutPayload::from_static(b"torn")).await.unwrap();
            let error = put(&objects, &path, content).await.unwrap_err();
            assert!(error.to_string().contains("of 4 bytes"), "{error}");
            assert_eq!(objects.length(&path).await.unwrap(), Some(4));
        }
    }

    #[tokio::test]
    async fn a_record_is_written_once_replaced_by_its_owner_and_never_by_others() {
        let objects = objects();
        let whose = |there: &[u8]| match there {
            b"mine, new" => Theirs::Same,
            b"mine" => Theirs::Older,
            _ => Theirs::Other,
        };
        let write =
            async |record: &[u8]| objects.put_record("works/a.json", record.to_vec(), whose).await.unwrap();
        let read = async || objects.read("works/a.json").await.unwrap().unwrap().0;
        assert!(write(b"mine").await);
        assert!(write(b"mine, new").await);
        assert_eq!(read().await, b"mine, new");
        assert!(write(b"mine, new").await);
        objects.put("works/a.json", PutPayload::from_static(b"theirs"), PutMode::Overwrite).await.unwrap();
        assert!(!write(b"mine").await);
        assert_eq!(read().await, b"theirs");
    }

    #[tokio::test]
    async fn a_store_is_marked_by_the_first_and_found_by_everybody_after() {
        let objects = objects();
        objects.check().await.unwrap();
        objects.check().await.unwrap();
        assert_eq!(listed(&objects, "").await.len(), 1);
    }
}
