//! A body as it arrives, after its head.

use std::fmt;

use bytes::Bytes;

use super::decode::Decoded;
use super::error::FetchError;
use super::pace::Permit;
use super::request::Head;

/// An answer whose body has not been read yet. Dropping it cancels the request.
pub struct Body {
    pub head: Head,
    pieces: Decoded,
    encoded: bool,
    declared: Option<u64>,
    /// The host counts this request as open for as long as its body is.
    _permit: Option<Permit>,
}

impl Body {
    pub(super) fn new(
        head: Head,
        pieces: Decoded,
        encoded: bool,
        declared: Option<u64>,
        permit: Option<Permit>,
    ) -> Self {
        Self { head, pieces, encoded, declared, _permit: permit }
    }

    /// The next decoded piece, never empty, at most 64 KiB of a coded body; `None` at the end.
    /// A body that ends before its declared end is `Incomplete`; one that comes too slowly `Stalled`;
    /// one beyond the limit `TooLarge`. After an error nothing follows.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        self.pieces.next().await.transpose()
    }

    /// A content coding was removed: lengths and ranges speak of other bytes than these.
    pub fn encoded(&self) -> bool {
        self.encoded
    }

    /// The length that the head declares for these bytes, if it does.
    pub fn declared_length(&self) -> Option<u64> {
        self.declared
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("head", &self.head).finish_non_exhaustive()
    }
}
