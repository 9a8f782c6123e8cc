//! From the bytes of a file to text: gzip unpacked, wide characters decoded, line ends of one kind.

use std::io::{self, BufReader, Cursor, Read};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;

/// How many bytes tell what a file is.
const MAGIC: usize = 8;

/// How much longer than its packed form an input may be; lists come to thirty times at most.
const MOST_GROWTH: u64 = 100;

/// In bytes; what is not longer may have grown as it likes.
const NEVER_TOO_LONG: u64 = 16 << 20;

/// Bytes without gzip, and the first of them, which tell whether they are text at all.
pub(crate) struct Unpacked {
    pub bytes: Box<dyn Read + Send>,
    pub magic: Vec<u8>,
}

/// Undoes gzip, which is known by its first bytes. No more is read than tells what follows: somebody may be typing.
pub(crate) fn unpacked(source: impl Read + Send + 'static) -> io::Result<Unpacked> {
    let mut source = BufReader::new(source);
    let first = first(&mut source, Vec::new(), 2)?;
    let gzipped = first == [0x1f, 0x8b];
    let source = Cursor::new(first.clone()).chain(source);
    if !gzipped {
        let mut source = source;
        let magic = told(&mut source)?;
        return Ok(Unpacked { bytes: Box::new(Cursor::new(magic.clone()).chain(source)), magic });
    }
    let mut plain =
        Unpacking { source: MultiGzDecoder::new(BufReader::new(Counted { source, read: 0 })), read: 0 };
    let magic = told(&mut plain)?;
    Ok(Unpacked { bytes: Box::new(Cursor::new(magic.clone()).chain(plain)), magic })
}

/// Two bytes, and more only where they may begin something that is no text.
fn told(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let two = first(source, Vec::new(), 2)?;
    let text = two.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let maybe = !text
        || [&b"%P"[..], b"PK", b"PA", b"SQ", b"BZ", b"7z", b"Ra", b"AR", b"bp"].contains(&two.as_slice());
    if maybe { first(source, two, MAGIC) } else { Ok(two) }
}

fn first(source: &mut impl Read, mut so_far: Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    let missing = length.saturating_sub(so_far.len());
    source.by_ref().take(missing as u64).read_to_end(&mut so_far)?;
    Ok(so_far)
}

/// Turns UTF-16 into UTF-8, by its byte-order mark or by the zeros between plain letters.
pub(crate) fn text(unpacked: Unpacked) -> Box<dyn Read + Send> {
    let encoding: Option<&'static Encoding> = match unpacked.magic.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => None,
        [letter, 0, ..] if letter.is_ascii() && *letter != 0 => Some(UTF_16LE),
        [0, letter, ..] if letter.is_ascii() && *letter != 0 => Some(UTF_16BE),
        _ => None,
    };
    Box::new(DecodeReaderBytesBuilder::new().encoding(encoding).strip_bom(true).build(unpacked.bytes))
}

/// Whether lines end as they did on old Macs: with carriage returns alone.
pub(crate) fn ends_in_returns(beginning: &[u8]) -> bool {
    beginning.contains(&b'\r') && !beginning.contains(&b'\n')
}

/// Ends lines with a line feed where they end with a carriage return alone.
pub(crate) struct Returns<R>(pub R);

impl<R: Read> Read for Returns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        for byte in buffer.iter_mut().take(read).filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
        Ok(read)
    }
}

/// How long a packed file of this length may become.
pub(crate) fn most_of(packed: u64) -> u64 {
    NEVER_TOO_LONG.max(packed.saturating_mul(MOST_GROWTH))
}

fn grown() -> io::Error {
    let message = format!(
        "it unpacks to more than {MOST_GROWTH} times its size, as no list does; unpack it yourself to read it all the same"
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Fails behind what may be read at most.
pub(crate) struct Limited<R> {
    pub source: R,
    pub left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(grown)?;
        Ok(read)
    }
}

/// Counts what is read.
struct Counted<R> {
    source: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Gives up a file that unpacks to far more than any list does.
struct Unpacking<R> {
    source: MultiGzDecoder<BufReader<Counted<R>>>,
    read: u64,
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read += read as u64;
        let packed = self.source.get_ref().get_ref().read;
        if self.read > most_of(packed) {
            return Err(grown());
        }
        Ok(read)
    }
}
