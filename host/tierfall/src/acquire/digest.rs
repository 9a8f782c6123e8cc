//! Files whose source published a digest: they are checked against it.
//!
//! It stands behind the URL, as package indexes write it (PEP 503): `…/x.pdf#md5=900150983cd24fb0d6963f7d28e17f72`.
//! A fragment never reaches the server. MD5 is what PMC publishes; it finds files that changed or broke, not forgers,
//! and nothing is believed of a file for agreeing.

use md5::{Digest, Md5};
use url::Url;

use super::transfer::Rejection;
use super::verdict::Reason;

/// The digest that was published of the file at a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published([u8; 16]);

impl Published {
    pub fn of(url: &Url) -> Option<Self> {
        let mut digest = [0; 16];
        hex::decode_to_slice(url.fragment()?.strip_prefix("md5=")?, &mut digest).ok()?;
        Some(Self(digest))
    }

    pub fn check(self, bytes: &[u8]) -> Result<(), Rejection> {
        let own: [u8; 16] = Md5::digest(bytes).into();
        if own == self.0 {
            return Ok(());
        }
        let detail = format!("its MD5 is {}, and {} was published", hex::encode(own), hex::encode(self.0));
        Err(Rejection { reason: Reason::OtherDigest, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_checked_against_the_digest_behind_its_url_and_only_against_one() {
        let at = |url: &str| Published::of(&Url::parse(url).expect(url));
        let published = at("https://b.example/x.pdf#md5=900150983cd24fb0d6963f7d28e17f72").expect("a digest");
        assert!(published.check(b"abc").is_ok());
        let wrong = published.check(b"abd").expect_err("another digest");
        assert_eq!(wrong.reason.code(), "other_digest");
        for url in ["x.pdf", "x.pdf#page=2", "x.pdf#md5=00", "x.pdf#md5=zz0150983cd24fb0d6963f7d28e17f72"] {
            assert_eq!(at(&format!("https://b.example/{url}")), None, "{url}");
        }
    }
}
