//! Content codings (RFC 9110, 8.4), removed here and not by the HTTP library: a recording keeps the bytes
//! as they came and is read by the same code, and decompression bombs are stopped while they expand.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::error::FetchError;
use super::headers::header_text;
use super::transport::RawBody;

/// The value of `Accept-Encoding` for pages and APIs.
pub const ACCEPTED: &str = "gzip, br, zstd";

/// A body that expands to more than `BOMB_RATIO` times its size, once it is larger than `BOMB_FROM`, is an
/// attack: text compresses to a tenth, the most repetitive tables to a hundredth.
const BOMB_RATIO: u64 = 250;
const BOMB_FROM: u64 = 16 << 20;

/// RFC 9659: a zstd window beyond 8 MiB (2^23) must not be needed to read a content coding.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The largest decoded piece, and so the memory for one.
const PIECE: usize = 64 * 1024;

/// How often a body may be packed. Other clients unpack up to five times; honest servers pack twice at most, where a
/// cache packs what came packed.
const MOST_LAYERS: usize = 3;

/// The codings of a body, the first one innermost; none is a body as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codings(Vec<Coding>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Codings {
    /// Reads the `Content-Encoding` headers. What is no coding (`UTF-8`, `binary`, `none`) says nothing, as to other
    /// clients. One that is named twice may be meant once: where its data can be told by how it begins, that is found
    /// out when it is unpacked.
    pub fn of(headers: &HeaderMap) -> Result<Self, FetchError> {
        let given: Vec<_> =
            headers.get_all(CONTENT_ENCODING).iter().map(|value| header_text(value.as_bytes())).collect();
        let mut found: Vec<Coding> = Vec::new();
        for name in given.iter().flat_map(|value| value.split(',')) {
            let coding = match name.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                _ => continue,
            };
            if !coding.has_magic() && found.contains(&coding) {
                continue;
            }
            if found.len() == MOST_LAYERS {
                let text = format!("the body is packed more than {MOST_LAYERS} times");
                return Err(FetchError::Malformed(text));
            }
            found.push(coding);
        }
        Ok(Self(found))
    }

    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }
}

impl Coding {
    /// Whether its data begins in a way that nothing else does.
    fn has_magic(self) -> bool {
        matches!(self, Self::Gzip | Self::Zstd)
    }

    /// Whether a body in this coding can begin so. Some servers declare a coding and send the file as it is;
    /// where the coding has a magic number, that is noticed and accepted.
    fn fits(self, start: &[u8]) -> bool {
        match self {
            Self::Gzip => start.first().is_none_or(|byte| *byte == 0x1f),
            Self::Zstd => start.first().is_none_or(|byte| matches!(byte, 0x28 | 0x50..=0x5f)),
            // They have none, but what is asked for most often has.
            Self::Deflate => !start.starts_with(b"%PDF-") && !start.starts_with(b"<"),
            Self::Brotli => !start.starts_with(b"%PDF-"),
        }
    }
}

/// A body's decoded pieces, at most `limit` bytes of them.
pub struct Decoded {
    state: State,
    compressed: Arc<AtomicU64>,
    decompressed: u64,
    limit: u64,
}

enum State {
    /// Nothing read yet: the first bytes tell whether the declared codings are there at all.
    Unread(Codings, RawBody),
    Plain(RawBody),
    Coded(Box<dyn AsyncRead + Send + Unpin>),
    Done,
}

impl Decoded {
    pub fn new(codings: Codings, body: RawBody, limit: u64) -> Self {
        Self { state: State::Unread(codings, body), compressed: Arc::default(), decompressed: 0, limit }
    }

    /// The next piece, never empty; `None` at the end. After an error the body is over.
    pub async fn next(&mut self) -> Option<Result<Bytes, FetchError>> {
        if let State::Unread(codings, body) = &mut self.state {
            let (codings, body) = (std::mem::take(codings), std::mem::replace(body, RawBody::empty()));
            self.state = begin(codings, body, &self.compressed).await;
        }
        let piece = match &mut self.state {
            State::Unread(..) | State::Done => None,
            State::Plain(body) => loop {
                match body.next().await {
                    Some(Ok(piece)) if piece.is_empty() => {}
                    piece => break piece,
                }
            },
            State::Coded(reader) => {
                let mut piece = BytesMut::with_capacity(PIECE);
                match reader.read_buf(&mut piece).await {
                    Ok(0) => None,
                    Ok(_) => Some(Ok(piece.freeze())),
                    // Other clients stop where the packed data stops, whatever stands behind it.
                    Err(error) if self.decompressed > 0 && is_behind_gzip(&error) => None,
                    Err(error) => Some(Err(decoding_error(error))),
                }
            }
        };
        let piece = piece.map(|piece| piece.and_then(|piece| self.admit(piece)));
        if !matches!(piece, Some(Ok(_))) {
            self.state = State::Done;
        }
        piece
    }

    fn admit(&mut self, piece: Bytes) -> Result<Bytes, FetchError> {
        self.decompressed += piece.len() as u64;
        if self.decompressed > self.limit {
            return Err(FetchError::TooLarge(self.limit));
        }
        if matches!(self.state, State::Coded(_)) && is_bomb(self.decompressed, &self.compressed) {
            return Err(bomb());
        }
        Ok(piece)
    }
}

fn is_bomb(decompressed: u64, compressed: &AtomicU64) -> bool {
    decompressed > BOMB_FROM && decompressed / BOMB_RATIO > compressed.load(Ordering::Relaxed)
}

fn bomb() -> FetchError {
    FetchError::Malformed(format!("a body that unpacks to more than {BOMB_RATIO} times its size"))
}

/// Takes the layers off from the outside. Each is measured by what came over the wire.
async fn begin(codings: Codings, body: RawBody, compressed: &Arc<AtomicU64>) -> State {
    let Codings(mut layers) = codings;
    let Some(outermost) = layers.pop() else { return State::Plain(body) };
    let mut state = layer(outermost, body, compressed).await;
    while let Some(coding) = layers.pop() {
        let body = match state {
            State::Coded(reader) => between(reader, Arc::clone(compressed)),
            State::Plain(body) => body,
            State::Unread(..) | State::Done => return State::Done,
        };
        state = layer(coding, body, &Arc::default()).await;
    }
    state
}

/// What is unpacked of one layer, as the body of the next.
fn between(reader: Box<dyn AsyncRead + Send + Unpin>, compressed: Arc<AtomicU64>) -> RawBody {
    RawBody::new(stream::unfold((Some(reader), 0), move |(reader, decompressed)| {
        let compressed = Arc::clone(&compressed);
        async move {
            let mut reader = reader?;
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = match reader.read_buf(&mut piece).await {
                Ok(0) => return None,
                Ok(read) => read as u64,
                Err(error) if decompressed > 0 && is_behind_gzip(&error) => return None,
                Err(error) => return Some((Err(decoding_error(error)), (None, decompressed))),
            };
            let decompressed = decompressed + read;
            if is_bomb(decompressed, &compressed) {
                return Some((Err(bomb()), (None, decompressed)));
            }
            Some((Ok(piece.freeze()), (Some(reader), decompressed)))
        }
    }))
}

async fn layer(coding: Coding, mut body: RawBody, compressed: &Arc<AtomicU64>) -> State {
    let first = loop {
        match body.next().await {
            // Some servers declare a coding of an empty body.
            None => return State::Done,
            Some(Ok(piece)) if piece.is_empty() => {}
            Some(first) => break first,
        }
    };
    let fits = first.as_ref().is_ok_and(|start| coding.fits(start));
    let bare = coding == Coding::Deflate && first.as_ref().is_ok_and(|start| !has_zlib_head(start));
    let whole = stream::once(async { first }).chain(body.into_stream());
    if !fits {
        return State::Plain(RawBody::new(whole));
    }
    let count = Arc::clone(compressed);
    let pieces: BoxStream<'static, io::Result<Bytes>> = whole
        .map(move |piece| {
            let piece = piece.map_err(io::Error::other)?;
            count.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok(piece)
        })
        .boxed();
    let pieces = StreamReader::new(pieces);
    // RFC 9110, 8.4.1.2: some servers send the deflate data without its zlib format.
    State::Coded(if bare { Box::new(DeflateDecoder::new(pieces)) } else { decoder(coding, pieces) })
}

/// RFC 1950, 2.2: the method is deflate, and the first two bytes are a multiple of 31.
fn has_zlib_head(start: &[u8]) -> bool {
    match start {
        [method, flags, ..] => method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0,
        // One byte came: it is what servers are meant to send.
        _ => true,
    }
}

fn decoder(
    coding: Coding,
    compressed: impl AsyncBufRead + Send + Unpin + 'static,
) -> Box<dyn AsyncRead + Send + Unpin> {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(compressed);
            // RFC 1952, 2.2: a file may have several members, and all are its content.
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Coding::Deflate => Box::new(ZlibDecoder::new(compressed)),
        Coding::Brotli => Box::new(BrotliDecoder::new(compressed)),
        Coding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
            Box::new(ZstdDecoder::with_params(compressed, &window))
        }
    }
}

/// What follows a gzip member is none. Within one the decoder complains otherwise.
fn is_behind_gzip(error: &io::Error) -> bool {
    error.to_string() == "Invalid gzip header"
}

/// An error of the body comes through the decoder unchanged; any other is the decoder's own.
fn decoding_error(error: io::Error) -> FetchError {
    match error.downcast::<FetchError>() {
        Ok(fetch) => fetch,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            FetchError::Incomplete("the packed body ends too early".into())
        }
        Err(error) => FetchError::Malformed(format!("the body cannot be unpacked: {error}")),
    }
}
