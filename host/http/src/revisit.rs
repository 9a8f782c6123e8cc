//! Which payload a `revisit` record (ISO 28500, 6.7) refers to. Writers say it in different ways: by the record's id, by
//! URL and date, by the payload's digest, or not at all; and the record may come later in the file.

use std::collections::HashMap;

use url::Url;

/// What a revisit says about the record that it refers to.
#[derive(Debug, Default)]
pub struct Reference {
    /// `WARC-Refers-To`, without angle brackets.
    pub id: Option<String>,
    /// `WARC-Refers-To-Target-URI`.
    pub url: Option<Url>,
    /// `WARC-Refers-To-Date`.
    pub date_ms: Option<u64>,
}

/// A record that can be referred to. `at` is its number among the found.
#[derive(Clone, Copy, Debug)]
pub struct Original<'a> {
    pub at: usize,
    pub id: &'a str,
    pub url: &'a Url,
    pub digest: Option<&'a str>,
    pub date_ms: Option<u64>,
}

/// The revisits of a recording.
#[derive(Debug, Default)]
pub struct Revisits(Vec<Revisit>);

#[derive(Debug)]
struct Revisit {
    at: usize,
    reference: Reference,
    digest: Option<Digest>,
    url: Url,
}

/// An algorithm and a value, in one form: writers differ in case, and in how they write the algorithm's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Digest(String);

impl Reference {
    /// About how much memory its texts take.
    pub fn size(&self) -> usize {
        self.id.as_ref().map_or(0, String::len) + self.url.as_ref().map_or(0, |url| url.as_str().len())
    }
}

impl Digest {
    fn of(text: &str) -> Self {
        Self(text.chars().filter(|c| *c != '-' && *c != '=').map(|c| c.to_ascii_lowercase()).collect())
    }
}

impl Revisits {
    /// The record number `at` is a revisit of `url`.
    pub fn expect(&mut self, at: usize, reference: Reference, digest: Option<&str>, url: &Url) {
        self.0.push(Revisit { at, reference, digest: digest.map(Digest::of), url: url.clone() });
    }

    /// The numbers of the revisits, each with that of its original. Where both have a digest and these differ, it is
    /// another payload, whatever else is said.
    pub fn resolve<'a>(self, originals: impl Iterator<Item = Original<'a>>) -> Vec<(usize, usize)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let originals: Vec<(Original<'a>, Option<Digest>)> =
            originals.map(|original| (original, original.digest.map(Digest::of))).collect();
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        let mut by_digest: HashMap<&Digest, usize> = HashMap::new();
        let mut by_url: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, (original, digest)) in originals.iter().enumerate() {
            by_id.entry(original.id).or_insert(number);
            if let Some(digest) = digest {
                by_digest.entry(digest).or_insert(number);
            }
            by_url.entry(original.url.as_str()).or_default().push(number);
        }
        let find = |revisit: &Revisit| {
            let fits = |number: &usize| match (&revisit.digest, originals.get(*number)) {
                (_, None) => false,
                (Some(wanted), Some((_, Some(digest)))) => wanted == digest,
                (_, Some(_)) => true,
            };
            let same = |number: &usize| {
                originals
                    .get(*number)
                    .is_some_and(|(original, _)| original.date_ms == revisit.reference.date_ms)
            };
            let of_url = |url: &Url| by_url.get(url.as_str()).map(Vec::as_slice).unwrap_or_default();
            let by_reference =
                revisit.reference.id.as_deref().and_then(|id| by_id.get(id)).filter(|at| fits(at));
            let referred = revisit.reference.url.as_ref().map(of_url).unwrap_or_default();
            let dated = referred.iter().find(|number| same(number) && fits(number));
            let digest = revisit.digest.as_ref().and_then(|digest| by_digest.get(digest));
            // Without a digest, what is most like it: another answer of the URL.
            let undated = || referred.iter().chain(of_url(&revisit.url)).find(|number| fits(number));
            let found = by_reference.or(dated).or(digest).or_else(undated)?;
            Some((revisit.at, originals.get(*found)?.0.at))
        };
        self.0.iter().filter_map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("http://a.example/{path}")).unwrap()
    }

    #[test]
    fn an_original_is_found_by_whatever_its_revisit_says() {
        let (one, two) = (url("1"), url("2"));
        let original = |at, id, url, digest, date| Original { at, id, url, digest, date_ms: Some(date) };
        let originals = [
            original(0, "urn:a", &one, Some("sha1:ABC"), 1),
            original(1, "urn:b", &two, Some("sha256:123="), 2),
            original(2, "urn:c", &two, None, 3),
        ];
        let find = |reference, digest| {
            let mut revisits = Revisits::default();
            revisits.expect(7, reference, digest, &url("3"));
            revisits.resolve(originals.iter().copied()).first().map(|(_, original)| *original)
        };
        let by_id = |id: &str| Reference { id: Some(id.into()), ..Reference::default() };
        let by_url =
            |url: &Url, date_ms| Reference { url: Some(url.clone()), date_ms, ..Reference::default() };
        assert_eq!(find(by_id("urn:b"), None), Some(1));
        assert_eq!(find(by_id("urn:gone"), Some("SHA-1:abc")), Some(0));
        assert_eq!(find(by_id("urn:b"), Some("sha1:abc")), Some(0), "the digest says which payload");
        assert_eq!(find(by_url(&two, Some(3)), None), Some(2));
        assert_eq!(find(by_url(&two, None), None), Some(1));
        assert_eq!(find(Reference::default(), Some("sha256:123")), Some(1));
        assert_eq!(find(Reference::default(), Some("sha1:other")), None);
        assert_eq!(find(by_url(&one, Some(1)), Some("sha1:other")), None);
    }

    #[test]
    fn a_revisit_that_says_nothing_is_of_its_own_url() {
        let one = url("1");
        let original = Original { at: 3, id: "urn:a", url: &one, digest: None, date_ms: None };
        let mut revisits = Revisits::default();
        revisits.expect(1, Reference::default(), None, &one);
        revisits.expect(2, Reference::default(), None, &url("2"));
        assert_eq!(revisits.resolve([original].into_iter()), [(1, 3)]);
    }
}
