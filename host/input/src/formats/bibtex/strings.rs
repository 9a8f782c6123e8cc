//! `@string` entries: abbreviations, mostly of journals, that later entries use.

use std::collections::HashMap;

/// Bytes of names and values, enough for all journals there are; those beyond it are not known.
const MOST: usize = 256 << 10;

/// In bytes; a definition made of others may double them, again and again.
const LONGEST: usize = 4 << 10;

/// What abbreviations mean.
#[derive(Default)]
pub(super) struct Strings {
    meanings: HashMap<String, String>,
    held: usize,
}

impl Strings {
    /// Takes over a definition.
    pub(super) fn define(&mut self, name: String, meaning: String) {
        let length = name.len() + meaning.len();
        if meaning.len() <= LONGEST && self.held + length <= MOST {
            self.held += length;
            self.meanings.insert(name, meaning);
        }
    }

    /// What an abbreviation stands for; a word that none defines stands for itself.
    pub(super) fn meaning<'a>(&'a self, word: &'a str) -> &'a str {
        self.meanings.get(word.to_lowercase().as_str()).map_or(word, String::as_str)
    }
}
