//! Whether compressed data is what was compressed: zlib streams end with a checksum, which readers of PDFs ignore.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// What became of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inflated {
    /// It unpacks, and its checksum, if it has one, is right.
    Whole,
    /// It does not unpack to its end, or to something else than was packed.
    Broken,
    /// It unpacks to more than may be unpacked.
    Unchecked,
}

/// DEFLATE refers back this far.
const WINDOW: usize = 32 * 1024;

/// Unpacks zlib data and keeps nothing of it; `budget` is what may be unpacked yet.
pub fn check(data: &[u8], budget: &mut usize) -> Inflated {
    match unpack(data, TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32, budget) {
        TINFLStatus::Done => Inflated::Whole,
        TINFLStatus::HasMoreOutput => Inflated::Unchecked,
        TINFLStatus::Adler32Mismatch => Inflated::Broken,
        // Some producers leave out the checksum, others the header; the data itself may be whole.
        _ => {
            let bare = data.get(2..).unwrap_or_default();
            let whole = [bare, data].into_iter().any(|data| unpack(data, 0, budget) == TINFLStatus::Done);
            if whole { Inflated::Whole } else { Inflated::Broken }
        }
    }
}

fn unpack(data: &[u8], flags: u32, budget: &mut usize) -> TINFLStatus {
    let mut state = DecompressorOxide::new();
    let mut window = vec![0; WINDOW];
    let (mut read, mut written) = (0, 0);
    loop {
        let rest = data.get(read..).unwrap_or_default();
        let (status, taken, made) = decompress(&mut state, rest, &mut window, written, flags);
        read += taken;
        written = (written + made) % WINDOW;
        *budget = budget.saturating_sub(made);
        if status != TINFLStatus::HasMoreOutput || *budget == 0 {
            return status;
        }
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec_zlib;

    use super::*;

    fn checked(data: &[u8]) -> Inflated {
        check(data, &mut (1 << 24))
    }

    #[test]
    fn a_flipped_bit_is_seen_anywhere() {
        let text: Vec<u8> = (0..100_000u64).map(|n| (n * n % 251) as u8).collect();
        let packed = compress_to_vec_zlib(&text, 6);
        assert_eq!(checked(&packed), Inflated::Whole);
        for at in (2..packed.len()).step_by(packed.len() / 40) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            assert_eq!(checked(&damaged), Inflated::Broken, "byte {at} of {}", packed.len());
        }
    }

    #[test]
    fn what_producers_leave_out_is_not_missed() {
        let packed = compress_to_vec_zlib(&[b'x'; 100_000], 6);
        assert_eq!(checked(&packed[..packed.len() - 4]), Inflated::Whole, "the checksum");
        assert_eq!(checked(&packed[2..packed.len() - 4]), Inflated::Whole, "the header");
        assert_eq!(checked(&[&packed[..], b"\r\n"].concat()), Inflated::Whole, "a line end behind it");
        assert_eq!(checked(&packed[..packed.len() / 2]), Inflated::Broken);
        assert_eq!(checked(b""), Inflated::Broken);
    }

    #[test]
    fn a_bomb_costs_its_budget() {
        let packed = compress_to_vec_zlib(&vec![0; 10 << 20], 6);
        assert_eq!(check(&packed, &mut (1 << 20)), Inflated::Unchecked);
    }
}
