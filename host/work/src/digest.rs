//! Digests that sources publish of their files.

/// How a digest was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// Finds files that changed or broke, not forgers.
    Md5,
    /// As little against forgers.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// A digest that was published of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    hex: String,
}

impl Digest {
    /// Reads the digits, in either case. `None`: they are no digest of this kind.
    pub fn read(algorithm: DigestAlgorithm, hex: &str) -> Option<Self> {
        let hex = hex.trim();
        let is_one = hex.len() == algorithm.digits() && hex.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then(|| Self { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// How it was made.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// In lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl DigestAlgorithm {
    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Of the digest, in hexadecimal.
    fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_the_digits_of_its_kind_and_no_others() {
        let read = |hex: &str| Digest::read(DigestAlgorithm::Md5, hex);
        let one = read(" 900150983CD24FB0D6963F7D28E17F72").expect("a digest");
        assert_eq!(one.hex(), "900150983cd24fb0d6963f7d28e17f72");
        for hex in ["", "00", "zz0150983cd24fb0d6963f7d28e17f72", "900150983cd24fb0d6963f7d28e17f7200"] {
            assert_eq!(read(hex), None, "{hex}");
        }
        assert_eq!(Digest::read(DigestAlgorithm::Sha256, one.hex()), None);
    }
}
