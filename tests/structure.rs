//! What a newcomer may rely on when reading the code: no file needs to be understood together with one that needs
//! it, and the words of the field are the ones in use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The contracts that others have built plugins against. What must change goes into a new folder beside them.
const FROZEN: [(&str, &str); 2] = [
    ("wit/source-0.1.0/source.wit", "71f5acf1bad04e51c243715d0beec7c7dfef4f619132c8fa45efd75682ede00a"),
    ("wit/source-0.2.0/source.wit", "5e0e38bf6e9266ece4a8b883258ac41e6f7a0729ec56ab90d728e524304b727a"),
];

#[test]
fn contracts_that_plugins_were_built_against_stay_as_they_are() {
    for (contract, sha256) in FROZEN {
        // Some checkouts have other line ends.
        let text = fs::read_to_string(root().join(contract)).expect(contract).replace("\r\n", "\n");
        assert_eq!(hex::encode(Sha256::digest(text)), sha256, "{contract} was changed");
    }
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for library in crates() {
        let files = SourceFile::all_of(&library);
        let imports: Vec<BTreeSet<usize>> =
            (0..files.len()).map(|index| SourceFile::imports(&files, index)).collect();
        for circle in circles_in(&imports) {
            let members: Vec<String> = circle
                .iter()
                .map(|&index| {
                    let needed: Vec<_> = imports[index]
                        .intersection(&circle)
                        .map(|&other| shown(&files[other].path))
                        .collect();
                    format!("    {} imports {}", shown(&files[index].path), needed.join(", "))
                })
                .collect();
            circles.push(format!("  in {}:\n{}", shown(&library), members.join("\n")));
        }
    }
    assert!(circles.is_empty(), "these files import each other in circles:\n{}", circles.join("\n"));
}

/// Names that this project once had for things that have a name in the field (see ARCHITECTURE.md). No type, module
/// or function has one of them.
const PRIVATE_NAMES: [&str; 44] = [
    "allowance",
    "asked",
    "book",
    "chain",
    "desk",
    "door",
    "duty",
    "enter",
    "filed",
    "gate",
    "grip",
    "hands",
    "hard",
    "heard",
    "hearsay",
    "histories",
    "how",
    "keeper",
    "lane",
    "last",
    "lay",
    "leave",
    "letters",
    "marks",
    "may_pass",
    "passing",
    "patience",
    "per_origin",
    "proven",
    "purse",
    "question",
    "receipt",
    "shelf",
    "signals",
    "spread",
    "standing",
    "story",
    "taken",
    "tally",
    "teller",
    "until",
    "upkeep",
    "walk",
    "word",
];

/// Of these, those that have no everyday meaning in a program like this: they are no part of a longer name either.
const PRIVATE_WORDS: [&str; 10] =
    ["desk", "gate", "grip", "hearsay", "purse", "shelf", "story", "tally", "teller", "upkeep"];

#[test]
fn no_type_module_or_function_has_a_private_word_as_its_name() {
    let mut found = Vec::new();
    for folder in ["host", "plugins", "tests"] {
        for file in rust_files(&root().join(folder)) {
            for name in names_defined(&Code::read(&file).text) {
                let snake = snake_case(&name);
                let is_part = |word: &&str| snake.split('_').any(|part| part == *word);
                if PRIVATE_NAMES.contains(&snake.as_str()) || PRIVATE_WORDS.iter().any(is_part) {
                    found.push(format!("  {}: {name}", shown(&file)));
                }
            }
        }
    }
    assert!(found.is_empty(), "these names are private words:\n{}", found.join("\n"));
}

/// One file of a crate, as a module.
struct SourceFile {
    path: PathBuf,
    parent: Option<usize>,
    /// Modules below it that have files of their own, by name.
    children: BTreeMap<String, usize>,
    uses: Vec<Import>,
    /// The code without its tests, comments, texts and `use` items.
    body: String,
}

/// One name that a `use` item brings in.
struct Import {
    path: Vec<String>,
    name: String,
    /// It is passed on: what the file shows is not yet what it needs.
    public: bool,
}

impl SourceFile {
    /// The crate's root first, without modules that are only built for tests.
    fn all_of(library: &Path) -> Vec<Self> {
        let start = ["src/lib.rs", "src/main.rs"].map(|name| library.join(name));
        let start = start.iter().find(|path| path.is_file()).expect("a crate has a root");
        let mut files = Vec::new();
        Self::gather(start, start.parent().expect("it is in a folder"), None, &mut files);
        files
    }

    fn gather(path: &Path, folder: &Path, parent: Option<usize>, files: &mut Vec<Self>) -> usize {
        let code = Code::read(path).without_tests();
        let (uses, body) = code.split_uses();
        let index = files.len();
        files.push(Self {
            path: path.to_owned(),
            parent,
            children: BTreeMap::new(),
            uses,
            body: body.clone(),
        });
        for name in definitions(&body, &["mod"], ";") {
            let flat = folder.join(format!("{name}.rs"));
            let nested = folder.join(&name).join("mod.rs");
            let child = if flat.is_file() { flat } else { nested };
            if child.is_file() {
                let child = Self::gather(&child, &folder.join(&name), Some(index), files);
                files[index].children.insert(name, child);
            }
        }
        index
    }

    /// The files that define what this one uses.
    fn imports(files: &[Self], index: usize) -> BTreeSet<usize> {
        let file = &files[index];
        // What is passed on is needed here too if the rest of the file names the type or calls the function.
        let needed: BTreeSet<&str> = words(&file.body)
            .into_iter()
            .filter(|(start, word)| {
                let after = &file.body[start + word.len()..];
                word.starts_with(char::is_uppercase)
                    || ["(", "::", "!"].iter().any(|next| after.starts_with(next))
            })
            .map(|(_, word)| word)
            .collect();
        let used = file.uses.iter().filter(|import| !import.public || needed.contains(import.name.as_str()));
        used.map(|import| import.path.clone())
            .chain(paths(&file.body))
            .filter_map(|path| Self::resolve(files, index, &path, 0))
            .filter(|target| *target != index)
            .collect()
    }

    /// The file in which `path`, as written in the file `from`, ends; nothing where it leads to another crate.
    fn resolve(files: &[Self], from: usize, path: &[String], depth: usize) -> Option<usize> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (0, &path[1..]),
            "self" | "super" => (from, path),
            head if files[from].children.contains_key(head) => (from, path),
            _ => return None,
        };
        while let Some(segment) = rest.first() {
            at = match segment.as_str() {
                "self" => at,
                "super" => files[at].parent?,
                name => match files[at].children.get(name) {
                    Some(child) => *child,
                    None => break,
                },
            };
            rest = &rest[1..];
        }
        // A name that is only passed on is followed to where it is defined.
        let passed_on =
            rest.first().and_then(|name| files[at].uses.iter().find(|import| import.name == *name));
        match passed_on {
            Some(import) if depth < 8 => {
                let further: Vec<String> = import.path.iter().chain(&rest[1..]).cloned().collect();
                Self::resolve(files, at, &further, depth + 1)
            }
            _ => Some(at),
        }
    }
}

/// Rust code in which comments and texts are blank.
struct Code {
    text: String,
}

impl Code {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { text: blank_comments_and_texts(&text) }
    }

    /// Without items under `#[cfg(test)]`.
    fn without_tests(mut self) -> Self {
        const TEST: &str = "#[cfg(test)]";
        while let Some(start) = self.text.find(TEST) {
            let after = start + TEST.len();
            let end = item_end(&self.text, after);
            self.text.replace_range(start..end, "");
        }
        self
    }

    /// Its imports, and what is left without them.
    fn split_uses(&self) -> (Vec<Import>, String) {
        let (mut uses, mut body, mut kept) = (Vec::new(), String::new(), 0);
        for (start, word) in words(&self.text) {
            if word != "use" || start < kept {
                continue;
            }
            let before = self.text[kept..start].rfind([';', '{', '}', ']']).map_or(kept, |at| kept + at + 1);
            let modifiers = self.text[before..start].trim();
            // `+ use<'_>` is a bound.
            if !(modifiers.is_empty() || modifiers.starts_with("pub")) {
                continue;
            }
            let Some(length) = self.text[start..].find(';') else { continue };
            let tree = &self.text[start + "use".len()..start + length];
            expand(tree, &[], modifiers.starts_with("pub"), &mut uses);
            body.push_str(&self.text[kept..before]);
            kept = start + length + 1;
        }
        body.push_str(&self.text[kept..]);
        (uses, body)
    }
}

/// Every name of the tree `a::{b, c::{self, d as e}}`.
fn expand(tree: &str, prefix: &[String], public: bool, uses: &mut Vec<Import>) {
    let tree = tree.trim().trim_start_matches("::");
    let mut path = prefix.to_vec();
    if let Some((head, inner)) = tree.split_once('{') {
        path.extend(head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
        let (mut depth, mut start) = (0, 0);
        for (at, character) in inner.char_indices().chain([(inner.len(), ',')]) {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !inner[start..at].trim().is_empty() {
                        expand(&inner[start..at], &path, public, uses);
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (written, alias) = match tree.split_once(" as ") {
        Some((written, alias)) => (written, Some(alias.trim().to_owned())),
        None => (tree, None),
    };
    path.extend(written.split("::").map(|part| part.trim().to_owned()));
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
    uses.push(Import { path, name, public });
}

/// Paths such as `crate::error::Failure` in code that is no import.
fn paths(body: &str) -> Vec<Vec<String>> {
    let words = words(body);
    let mut paths: Vec<Vec<String>> = Vec::new();
    let mut end = None;
    for (start, word) in words {
        let continues = end.is_some_and(|end: usize| &body[end..start] == "::");
        match paths.last_mut() {
            Some(path) if continues => path.push(word.to_owned()),
            _ if body[..start].ends_with("::") => {}
            _ => paths.push(vec![word.to_owned()]),
        }
        end = Some(start + word.len());
    }
    paths.retain(|path| path.len() > 1);
    paths
}

/// Identifiers and keywords with where they begin; a lifetime is none.
fn words(code: &str) -> Vec<(usize, &str)> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut words = Vec::new();
    let mut rest = 0;
    while let Some(start) = code[rest..].find(is_part).map(|at| rest + at) {
        let end = code[start..].find(|character| !is_part(character)).map_or(code.len(), |at| start + at);
        if !code[start..].starts_with(|first: char| first.is_ascii_digit()) && !code[..start].ends_with('\'')
        {
            words.push((start, &code[start..end]));
        }
        rest = end;
    }
    words
}

/// Types, modules and functions that the code defines.
fn names_defined(code: &str) -> Vec<String> {
    definitions(code, &["struct", "enum", "union", "trait", "type", "mod", "fn"], "")
}

/// Names behind one of these keywords, if `then` follows.
fn definitions(code: &str, keywords: &[&str], then: &str) -> Vec<String> {
    let words = words(code);
    words
        .windows(2)
        .filter(|pair| keywords.contains(&pair[0].1))
        // `r#type` is a name, and so is `(mod)` in `pub(mod)`.
        .filter(|pair| code[pair[0].0 + pair[0].1.len()..pair[1].0].trim().is_empty())
        .filter(|pair| code[pair[1].0 + pair[1].1.len()..].trim_start().starts_with(then))
        .map(|pair| pair[1].1.to_owned())
        .collect()
}

/// Where the item that begins at `start` ends: behind its `;` or its block.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[start..].char_indices() {
        match character {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && character == '}' {
                    return start + at + 1;
                }
            }
            ';' | ',' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The same code with spaces in place of comments and of what is between quotation marks.
fn blank_comments_and_texts(code: &str) -> String {
    let mut blank = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let previous = blank.chars().next_back().unwrap_or(' ');
        let raw =
            rest.strip_prefix('r').filter(|_| !previous.is_alphanumeric() || previous == 'b').map(|text| {
                let hashes = text.len() - text.trim_start_matches('#').len();
                (hashes, text[hashes..].starts_with('"'))
            });
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((hashes, true)) = raw {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'')) {
            quoted(rest, '\'')
        } else {
            blank.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        blank.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    blank
}

/// The length of the text that `code` begins with.
fn quoted(code: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, character) in code.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == mark => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The length of the comment that `code` begins with; such comments nest.
fn block_comment(code: &str) -> usize {
    let mut depth = 0;
    for (at, _) in code.char_indices() {
        if code[at..].starts_with("/*") {
            depth += 1;
        } else if code[..at].ends_with("*/") && at > 3 {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    code.len()
}

/// Sets of more than one that all reach each other.
fn circles_in(imports: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..imports.len())
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(at) = open.pop() {
                open.extend(imports[at].iter().filter(|next| seen.insert(**next)));
            }
            seen
        })
        .collect();
    let mut circles: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    for (index, reachable) in
        reached.iter().enumerate().filter(|(index, reachable)| reachable.contains(index))
    {
        let circle: BTreeSet<usize> =
            reachable.iter().copied().filter(|other| reached[*other].contains(&index)).collect();
        circles.insert(*circle.first().expect("it holds at least this one"), circle);
    }
    circles.into_values().collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the program is a crate under host/")
}

/// The folders of our crates.
fn crates() -> Vec<PathBuf> {
    let mut crates: Vec<PathBuf> = ["host", "plugins"]
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).expect("it is there").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .collect();
    crates.sort();
    assert!(crates.len() > 10, "{crates:?}");
    crates
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn the_reader_of_imports_understands_what_rustfmt_writes() {
    let code = r##"
        use std::io;
        use super::a::{B, c::{self, D as E}};
        pub use crate::x::*;
        #[cfg(test)]
        mod tests { use super::z; }
        // use crate::in_a_comment;
        fn f<'a>(c: char) -> &'a str { let _ = ('"', c); super::g::h(r#"use crate::text; "#) }
    "##;
    let code = Code { text: blank_comments_and_texts(code) }.without_tests();
    let (uses, body) = code.split_uses();
    let mut read: Vec<String> = uses.iter().map(|import| import.path.join("::")).collect();
    read.extend(paths(&body).iter().map(|path| path.join("::")));
    assert_eq!(
        read,
        ["std::io", "super::a::B", "super::a::c", "super::a::c::D", "crate::x::*", "super::g::h"]
    );
    assert_eq!(uses[3].name, "E");
    assert_eq!(circles_in(&[[1].into(), [2].into(), [1].into()]), [BTreeSet::from([1, 2])]);
    assert_eq!(snake_case("LeaseHandle"), "lease_handle");
}
