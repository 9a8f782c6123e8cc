//! The key of a work that is known by its title.

use sha2::{Digest, Sha256};
use tierfall_ids::text::{folded, without_markup};

/// How much of the digest the key has: half of it, as many digits as tell a billion works apart.
const DIGITS: usize = 32;

/// `title:` and a digest of what is left of title, first author and year however they are written. It names jobs in
/// ledgers: it does not change. `None` for a title without a letter.
pub(crate) fn of(title: &str, author: Option<&str>, year: Option<u16>) -> Option<String> {
    let title: String = folded(&without_markup(title)).into_iter().collect();
    if title.is_empty() {
        return None;
    }
    let author = author.map(longest_word).unwrap_or_default();
    let year = year.map(|year| year.to_string()).unwrap_or_default();
    let digest = hex::encode(Sha256::digest(format!("{title}\n{author}\n{year}")));
    Some(format!("title:{}", digest.get(..DIGITS).unwrap_or_default()))
}

/// The word of a name that is most likely of the family: initials and particles are short.
fn longest_word(name: &str) -> String {
    let words =
        name.split(|c: char| !c.is_alphanumeric()).map(|word| folded(word).into_iter().collect::<String>());
    words.fold(String::new(), |longest, word| if word.len() > longest.len() { word } else { longest })
}
