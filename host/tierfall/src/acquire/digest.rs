//! Files whose source published a digest: they are held to it. Nothing is believed of a file for agreeing.

use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

use super::transfer::Rejection;
use super::verdict::Reason;
use tierfall_work::{Digest, DigestAlgorithm};

/// Compares a file with the digest that was published of it.
pub fn check(published: &Digest, bytes: &[u8]) -> Result<(), Rejection> {
    let own = match published.algorithm() {
        DigestAlgorithm::Md5 => hex::encode(Md5::digest(bytes)),
        DigestAlgorithm::Sha1 => hex::encode(Sha1::digest(bytes)),
        DigestAlgorithm::Sha256 => hex::encode(Sha256::digest(bytes)),
    };
    if own == published.hex() {
        return Ok(());
    }
    let name = published.algorithm().label();
    let detail = format!("its {name} is {own}, and {} was published", published.hex());
    Err(Rejection { reason: Reason::OtherDigest, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_to_each_kind_of_digest() {
        for (algorithm, hex) in [
            (DigestAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (DigestAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (DigestAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            let published = Digest::read(algorithm, hex).expect("a digest");
            assert!(check(&published, b"abc").is_ok());
            let wrong = check(&published, b"abd").expect_err("another file");
            assert_eq!(wrong.reason.code(), "other_digest");
            assert!(wrong.detail.contains(hex), "{}", wrong.detail);
        }
    }
}
