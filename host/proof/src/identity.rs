//! Whether a document is the work. Its own title decides, its own identifier supports that, its authors help.
//! Titles and identifiers that it only cites do not count.

use crate::authors::{self, Authors};
use crate::companion;
use crate::document::Document;
use crate::enciphered::{self, Enciphered};
use crate::evidence::{Evidence, Known};
use crate::ids::{OwnId, own_id};
use crate::title::{Agreement, Found, Title};
use crate::variants::is_typed;
use crate::verdict::Identity;
use tierfall_settings::Harmless;
use tierfall_work::{Basis, Work};

/// When a file counts as the work (`[proof]` in the configuration).
#[derive(Clone, Debug, serde::Deserialize)]
pub struct ProofSettings {
    /// How much evidence is required.
    pub identity: IdentityPolicy,
    /// The most pages whose text is read.
    #[serde(deserialize_with = "tierfall_settings::number::<_, _, 1, 100>")]
    pub first_pages: u32,
}

impl ProofSettings {
    /// See [`Harmless`].
    pub const HARMLESS: &[Harmless] =
        &[Harmless { key: "identity", value: |policy| policy != "off" }, Harmless::key("first_pages")];
}

/// How much evidence is required before a file is accepted as the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityPolicy {
    /// Only proven files.
    Strict,
    /// Files that cannot be compared are accepted where a registry, the work's own page or a rule proposed them,
    /// and not where only a link on a page did.
    Normal,
    /// Any complete PDF.
    Off,
}

/// The result of the comparison; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Is(Identity, String),
    IsNot(String),
    /// Nothing can be compared, and the policy or the candidate's basis does not allow accepting it unproven.
    CannotTell(String),
}

/// Compares a document with what is known of the work.
pub fn judge(
    document: &Document<'_>,
    title: Option<(&Title, &Found)>,
    work: &Work,
    basis: Basis,
    policy: IdentityPolicy,
) -> (Judgement, Evidence) {
    let own = own_id(document, work);
    let id = own.id;
    let (authors, counted) = authors::count(document, work);
    let known_title = work.known.title.as_ref().map_or("", |said| said.value.as_str());
    let pages = work.known.pages.as_ref().map(|said| said.value);
    // Without an identifier the verdict is as strict as if title and text could be compared.
    let is_apart = |title: &Title, found: &Found| {
        matches!(id, OwnId::Declared | OwnId::Printed)
            && !own.is_disputed
            && title.is_apart_from(document, found)
            && !companion::says_so_in_its_script(document)
    };
    let comparable = title.filter(|(title, found)| !title.is_foreign_to(document) && !is_apart(title, found));
    let judged = match comparable {
        Some((title, found)) => {
            // A cover or a blank page more does not make it another work.
            let same_length = pages.is_some_and(|known| (known..=known + 2).contains(&document.report.pages));
            let evidence = Beside { id, authors, basis, same_length, typed: is_typed(known_title) };
            match found.page {
                Some(_) => by_title(title, found, &evidence),
                None => without_title(title, found, &evidence),
            }
        }
        None => match id {
            OwnId::Declared | OwnId::Printed => Some(true),
            OwnId::Other => Some(false),
            OwnId::None => (authors == Authors::Missing).then_some(false),
        },
    };
    let readable = document.is_readable();
    let enciphered = match judged {
        _ if !readable => enciphered::find(known_title, document),
        // Its authors can be read, so they must be there.
        Some(false) | None
            if id != OwnId::Other
                && authors == Authors::Named
                && enciphered::in_readable(known_title, document) =>
        {
            Enciphered::Here
        }
        _ => Enciphered::No,
    };
    let judgement = match judged {
        _ if enciphered == Enciphered::Here => {
            Judgement::Is(Identity::Proven, "the letters of its text are not named, but at its head they repeat as in the work's title".into())
        }
        _ if enciphered == Enciphered::NotHere => Judgement::CannotTell(
            "the letters of its text are not named, and nowhere at its head do they repeat as in the work's title".into(),
        ),
        Some(true) => {
            Judgement::Is(Identity::Proven, accepted_because(comparable.map(|(_, found)| found), id))
        }
        Some(false) if readable || id == OwnId::Other => Judgement::IsNot(rejected_because(document, id)),
        // Text that cannot be read is no evidence for or against.
        _ => {
            let why = if !readable {
                "it has no text that can be read"
            } else if title.is_none() {
                "neither a title nor an identifier is known to compare it with"
            } else if comparable.is_none() {
                "the work's title is in a script that it does not have"
            } else {
                "its title agrees too little, stands in the metadata alone, or is one that many works have"
            };
            match policy {
                IdentityPolicy::Strict => Judgement::CannotTell(why.into()),
                _ if basis == Basis::Link => {
                    Judgement::CannotTell(format!("{why}, and only a link led to it"))
                }
                _ if !readable && pages.is_some_and(|known| !is_of_length(document.report.pages, known)) => {
                    Judgement::CannotTell(format!("{why}, and the work has another number of pages"))
                }
                _ if !readable && pages.is_none() && document.report.pages <= COVER_PAGES => {
                    let short = "it is so short that it may be a cover or a preview of the work, whose length is not known";
                    Judgement::CannotTell(format!("{why}, and {short}"))
                }
                // A scan can never be compared, so a rule is enough. A readable text could be, but nothing is known
                // of the work, so a rule's URL is a guess.
                _ if readable && basis == Basis::Rule => {
                    Judgement::CannotTell(format!("{why}, and a rule led to it"))
                }
                _ => {
                    let by = match basis {
                        Basis::Registry => "a registry",
                        Basis::Metadata => "the work's own page",
                        Basis::Rule => "a rule",
                        Basis::Link => "a link",
                    };
                    let length = if pages.is_some() { "is possible" } else { "is not known" };
                    let believed =
                        format!("{why}; it is believed because {by} led to it, and its length {length}");
                    Judgement::Is(Identity::Unproven, believed)
                }
            }
        }
    };
    let known = Known { title: title.is_some(), pages };
    let found = title.map(|(_, found)| found);
    (judgement, Evidence::of(document, found, &own, counted, enciphered == Enciphered::Here, known))
}

/// Scanned covers, first pages and order forms have no more pages.
const COVER_PAGES: u32 = 2;

/// Whether a scan of `pages` images may be a work of `known` pages: with a cover, as a typescript, two pages to an
/// image. Fewer are a part of it or a notice about it; very many are the volume that contains it.
fn is_of_length(pages: u32, known: u32) -> bool {
    (known..=known.saturating_mul(4).saturating_add(10)).contains(&pages)
        || (known > 2 && (known.div_ceil(2)..=known / 2 + 1).contains(&pages))
}

/// The evidence other than the title.
struct Beside {
    id: OwnId,
    authors: Authors,
    basis: Basis,
    /// The file has as many pages as the work.
    same_length: bool,
    /// The title was typed, as for a search or a file.
    typed: bool,
}

/// Whether the document is the work; `None` where that cannot be told.
fn by_title(title: &Title, found: &Found, beside: &Beside) -> Option<bool> {
    use Agreement as A;
    use OwnId as Id;

    let named = beside.authors == Authors::Named;
    let not_missing = beside.authors != Authors::Missing;
    let trusted = beside.basis != Basis::Link;
    if !title.is_distinctive() {
        return match (found.agreement, beside.id) {
            (_, Id::Other) => Some(false),
            (A::Exact | A::Close | A::Part, Id::Declared | Id::Printed) => Some(true),
            (_, Id::Declared) => Some(named),
            (_, Id::Printed) => Some(named && beside.same_length),
            (A::Exact, Id::None) if named => Some(true),
            (A::Exact, Id::None) if not_missing => None,
            (_, Id::None) => Some(false),
        };
    }
    Some(match (found.agreement, beside.id) {
        (A::Exact | A::Close | A::Part, Id::Declared | Id::Printed) => true,
        // Another version of the work has another identifier, but the same title and authors.
        (A::Exact, Id::Other) => named || (not_missing && title.is_long()),
        (A::Exact, Id::None) => not_missing || title.is_long() || trusted,
        (A::Close, Id::Other) => named && trusted,
        (A::Close, Id::None) => not_missing,
        (A::Part, Id::None) => not_missing && trusted,
        (A::Words, Id::Declared | Id::Printed) => not_missing,
        // A title that changed before publication, or the authors' next paper.
        (A::Words, Id::None) if named && beside.basis == Basis::Registry && found.share >= 0.85 => {
            return None;
        }
        // Whoever types a title leaves words out.
        (A::Words, Id::None) if beside.typed && not_missing && beside.basis == Basis::Registry => {
            return None;
        }
        (A::Mentioned | A::None, Id::Declared) => named,
        // Translated, or with characters that are mapped wrongly.
        (A::None, Id::Printed) => named && beside.same_length,
        (A::Part | A::Words, Id::Other | Id::None) | (A::Mentioned | A::None, _) => false,
    })
}

/// Whether a document is the work whose title stands in no place of it where titles stand. Metadata is left over from
/// templates and earlier articles, and filled in by whoever handles the file: it supports what is printed, and proves
/// nothing by itself.
fn without_title(title: &Title, found: &Found, beside: &Beside) -> Option<bool> {
    let named = beside.authors == Authors::Named;
    match beside.id {
        OwnId::Other => Some(false),
        OwnId::Printed if found.agreement < Agreement::Mentioned => Some(beside.authors != Authors::Missing),
        OwnId::Declared | OwnId::Printed => {
            let supported = named && (beside.same_length || found.agreement < Agreement::Mentioned);
            Some(supported || (named && beside.id == OwnId::Declared && title.is_distinctive()))
        }
        // It may be the work under a title that is drawn, or set in pieces.
        OwnId::None if found.agreement == Agreement::Exact && title.is_distinctive() => {
            if beside.authors == Authors::Missing || beside.basis == Basis::Link { Some(false) } else { None }
        }
        OwnId::None => Some(false),
    }
}

fn accepted_because(found: Option<&Found>, id: OwnId) -> String {
    let title = match found.map(|found| found.agreement) {
        Some(Agreement::Exact) => "its title is the work's",
        Some(Agreement::Close) => "its title is the work's but for a few letters",
        Some(Agreement::Part) => "its title agrees with the work's in part",
        Some(Agreement::Words) => "most words of the work's title head it",
        Some(Agreement::Mentioned | Agreement::None) | None => "",
    };
    let id = match id {
        OwnId::Declared => "its metadata names the work's identifier",
        OwnId::Printed => "it bears the work's identifier",
        OwnId::Other | OwnId::None => "",
    };
    [title, id].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn rejected_because(document: &Document<'_>, id: OwnId) -> String {
    let mut why = match document.heading() {
        Some(heading) => format!("it is headed \"{heading}\""),
        None => "the work's title does not head it".to_owned(),
    };
    if id == OwnId::Other {
        why.push_str(" and bears another identifier");
    }
    why
}
