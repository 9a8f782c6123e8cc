//! Which of the records that registries gave is the work, if any is.

use std::cmp::Ordering;

use super::people;
use super::titles::{self, Title};
use tierfall_ids::{IdKind, WorkId};
use tierfall_work::{Match, RecordKind, Work, is_registry, is_vouched_for};

/// A record, and the source that gave it.
#[derive(Clone, Debug)]
pub struct Record {
    /// As whom the source speaks.
    pub by: String,
    /// What it gave.
    pub record: Match,
}

/// Whether one of some records is the work.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// One is.
    Is(Resolved),
    /// None is, or it cannot be told which.
    Open(Open),
}

/// The record that is the work.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The identifiers of the work, the one that it goes on under first. Somebody vouches for each.
    pub ids: Vec<WorkId>,
    /// The place of the record among those that were given.
    pub record: usize,
    /// Title, authors and year all agree, so that nobody else needs to be asked.
    pub sure: bool,
    /// A registry has a record of it.
    pub registered: bool,
    /// It is a preprint or a deposit: another record may be of the published version.
    pub draft: bool,
    /// How it agrees, for people.
    pub evidence: String,
}

/// Why no record is the work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    /// Several may be it.
    pub ambiguous: bool,
    /// The place of the record that comes nearest, and why it is not the work.
    pub nearest: Option<(usize, String)>,
    /// Identifiers of records that would be the work, if somebody vouched for them.
    pub unvouched: Vec<WorkId>,
}

/// How a record agrees; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    title: titles::Likeness,
    people: people::Likeness,
    year: Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Year {
    Same,
    /// One side names none.
    Unknown,
    /// The year before or after: of a first publication online, or mistaken.
    Near,
    Far(u16),
}

/// A record that was looked at.
struct Seen<'a> {
    at: usize,
    record: &'a Record,
    score: Score,
    /// Why it is not the work, whatever the others are.
    against: Option<String>,
    common: f64,
}

/// Records of one work, by the identifiers that they share.
struct Group<'a> {
    /// The best first.
    records: Vec<&'a Seen<'a>>,
}

/// Decides by title, authors and year together which of some records is a work that is known by its title, and by how
/// far it is better than the next.
pub fn decide(work: &Work, records: &[Record]) -> Decision {
    let known = &work.known;
    let Some(sought) = known.title.as_ref().map(|said| Title::new(&said.value)) else {
        return Decision::Open(Open::default());
    };
    let authors: &[String] = known.authors.as_ref().map(|said| said.value.as_slice()).unwrap_or_default();
    let year = known.year.as_ref().map(|said| said.value);
    let seen: Vec<Seen<'_>> =
        records.iter().enumerate().map(|(at, record)| look(at, record, &sought, authors, year)).collect();
    let mut groups = grouped(&seen);
    groups.sort_by(|a, b| a.compare(b));
    let open = |ambiguous: bool, nearest: Option<(usize, String)>| {
        let fitting = seen.iter().filter(|seen| seen.against.is_none() && !is_vouched_for(&seen.record.by));
        let unvouched = fitting.filter_map(|seen| best_id(seen.record.record.ids.iter())).collect();
        Decision::Open(Open { ambiguous, nearest, unvouched })
    };
    let mut fitting = groups.iter().filter(|group| group.fits());
    let Some(best) = fitting.next() else {
        let nearest = seen.iter().filter(|seen| seen.common >= NEAR).max_by(|a, b| nearness(a, b));
        return open(false, nearest.map(|seen| (seen.at, seen.why())));
    };
    let rival = fitting.find(|other| !best.is_clearly_better(other));
    if let Some(rival) = rival {
        let (one, other) = (best.first(), rival.first());
        let other = best_id(other.record.record.ids.iter()).map_or_else(String::new, |id| id.key());
        return open(true, Some((one.at, format!("{other} fits as well"))));
    }
    best.resolved()
}

/// A record with a smaller share of the words is not worth showing.
const NEAR: f64 = 0.5;

fn nearness(a: &Seen<'_>, b: &Seen<'_>) -> Ordering {
    // Between two of one title the one by the right people is nearer.
    a.common.total_cmp(&b.common).then(b.score.people.cmp(&a.score.people)).then(b.at.cmp(&a.at))
}

fn look<'a>(
    at: usize,
    record: &'a Record,
    sought: &Title,
    authors: &[String],
    year: Option<u16>,
) -> Seen<'a> {
    let Match { title, other_titles, authors: theirs, year: their_year, kind, .. } = &record.record;
    let titles: Vec<Title> =
        std::iter::once(title).chain(other_titles).map(|title| Title::new(title)).collect();
    let title = titles.iter().map(|title| sought.compare(title)).min().unwrap_or(titles::Likeness::Other);
    let common = titles.iter().map(|title| sought.common(title)).fold(0.0, f64::max);
    let score =
        Score { title, people: people::compare(authors, theirs), year: compare_years(year, *their_year) };
    let against = against(sought, score, *kind, authors.len(), *their_year);
    Seen { at, record, score, against, common }
}

fn compare_years(sought: Option<u16>, record: Option<u16>) -> Year {
    match sought.zip(record).map(|(a, b)| a.abs_diff(b)) {
        None => Year::Unknown,
        Some(0) => Year::Same,
        Some(1) => Year::Near,
        Some(years) => Year::Far(years),
    }
}

/// Why a record cannot be the work, for people; `None` if it may.
fn against(
    sought: &Title,
    score: Score,
    kind: Option<RecordKind>,
    authors: usize,
    year: Option<u16>,
) -> Option<String> {
    use people::Likeness as People;
    use titles::Likeness as Of;
    let Score { title, people, year: years } = score;
    let says = |why: &str| Some(why.to_owned());
    if title == Of::Other {
        return says("its title has other words");
    }
    match kind {
        Some(RecordKind::Notice) if !sought.is_notice() => return says("it is a notice about a work"),
        Some(RecordKind::Review) if !sought.is_notice() => return says("it is a review of a work"),
        Some(RecordKind::Container) => return says("it is a volume or a series"),
        Some(RecordKind::Part) => return says("it is a part of a work"),
        Some(RecordKind::Dataset) => return says("it is data"),
        _ => {}
    }
    if people == People::Other {
        return says("its authors are others");
    }
    if let (Year::Far(_), Some(year)) = (years, year) {
        return Some(format!("its year is {year}"));
    }
    if sought.is_generic() {
        return says("many works have this title");
    }
    let whole = matches!(title, Of::Same | Of::Misspelt);
    let enough = match (people, years) {
        // A short title is that of many; everything else has to agree.
        _ if !sought.is_specific() => whole && people == People::Same && years == Year::Same,
        (People::Same, Year::Same) if title == Of::Longer => authors > 1 || sought.words().len() > 8,
        (People::Same, _) if title == Of::Longer => false,
        (People::Same, Year::Unknown) => whole,
        (People::Same, _) => true,
        (People::Some, Year::Same) => title == Of::Same && sought.words().len() >= 5,
        (People::Unknown, Year::Same) => title == Of::Same && sought.words().len() >= 6,
        _ => false,
    };
    if enough {
        return None;
    }
    says(match (title, people) {
        (Of::Shorter, _) => {
            "its title goes on where the given one ends, and the rest does not agree well enough"
        }
        (Of::Longer, _) => {
            "its title ends where the given one goes on, and the rest does not agree well enough"
        }
        (_, People::Unknown) => "there are no authors to compare",
        (_, People::Some) => "some of its authors are others",
        _ => "its title is short, and not all of the rest agrees",
    })
}

impl Seen<'_> {
    fn why(&self) -> String {
        match &self.against {
            Some(why) => why.clone(),
            None if is_vouched_for(&self.record.by) => "a registry has another record of it".to_owned(),
            None => "no registry says the same".to_owned(),
        }
    }

    fn id(&self, kind: IdKind) -> Option<&WorkId> {
        self.record.record.ids.iter().find(|id| id.kind() == kind)
    }
}

impl<'a> Group<'a> {
    fn first(&self) -> &Seen<'a> {
        self.records[0]
    }

    /// Whether somebody vouches for a record of it that may be the work, and no registry has another record of it.
    fn fits(&self) -> bool {
        let may_be = |seen: &&Seen<'_>| seen.against.is_none() && is_vouched_for(&seen.record.by);
        let doi = self.first().id(IdKind::Doi);
        let denies = |seen: &&Seen<'_>| {
            is_registry(&seen.record.by)
                && seen.id(IdKind::Doi) == doi
                && (seen.score.title == titles::Likeness::Other
                    || seen.score.people == people::Likeness::Other)
        };
        self.records.first().is_some_and(may_be) && !(doi.is_some() && self.records.iter().any(denies))
    }

    fn is_preprint(&self) -> bool {
        let first = self.first();
        match first.record.record.kind {
            Some(RecordKind::Preprint) => true,
            _ => first.id(IdKind::Doi).map_or_else(
                || first.id(IdKind::Arxiv).is_some(),
                |doi| PREPRINTS.iter().any(|prefix| doi.value().starts_with(prefix)),
            ),
        }
    }

    /// Whether only repositories know it, which keep copies of what others publish.
    fn is_deposit(&self) -> bool {
        self.records.iter().all(|seen| seen.record.by == "datacite")
            || self
                .first()
                .id(IdKind::Doi)
                .is_some_and(|doi| DEPOSITS.iter().any(|prefix| doi.value().starts_with(prefix)))
    }

    /// Whether no registry but the one that gave it knows it: such records are often second ones of a work.
    fn is_bare(&self) -> bool {
        let own = |seen: &&Seen<'_>| KINDS.iter().any(|kind| seen.id(*kind).is_some());
        !self.records.iter().any(own)
    }

    /// Whether it is another version of the same work as `other`, or another record of it.
    fn is_version_of(&self, other: &Self) -> bool {
        self.is_preprint() != other.is_preprint()
            || self.is_deposit() != other.is_deposit()
            || self.is_bare() != other.is_bare()
    }

    /// The best first: between equals what was published goes before its preprint, and that before a deposit.
    fn compare(&self, other: &Self) -> Ordering {
        let key = |group: &Self| {
            let first = group.first();
            (!group.fits(), first.score, group.is_bare(), group.is_deposit(), group.is_preprint(), first.at)
        };
        key(self).cmp(&key(other))
    }

    /// Whether it is not for a small difference that it goes first.
    fn is_clearly_better(&self, other: &Self) -> bool {
        let (one, two) = (self.first().score, other.first().score);
        if self.is_version_of(other) {
            return true;
        }
        let year_tells = one.year == Year::Same && two.year == Year::Near;
        one.title < two.title && one.people <= two.people && one.year <= two.year
            || one.title <= two.title && one.people < two.people && one.year <= two.year
            || one.title <= two.title && one.people <= two.people && year_tells
    }

    fn resolved(&self) -> Decision {
        let first = self.first();
        let vouched =
            self.records.iter().filter(|seen| is_vouched_for(&seen.record.by) && seen.against.is_none());
        let mut ids: Vec<WorkId> = Vec::new();
        for id in vouched.flat_map(|seen| &seen.record.record.ids) {
            // Of one kind the best record's is right.
            if ids.iter().all(|own| own.kind() != id.kind()) {
                ids.push(id.clone());
            }
        }
        ids.sort_by_key(|id| rank(id.kind()));
        let Score { title, people, year } = first.score;
        let registry =
            self.records.iter().find(|seen| seen.against.is_none() && is_registry(&seen.record.by));
        let (registered, draft) = (registry.is_some(), self.is_preprint() || self.is_deposit());
        let sure = title <= titles::Likeness::Misspelt
            && people == people::Likeness::Same
            && matches!(year, Year::Same | Year::Near);
        let title = match title {
            titles::Likeness::Same => "the same title",
            titles::Likeness::Misspelt => "the same title but for its spelling",
            titles::Likeness::Shorter => "the same title with a subtitle",
            titles::Likeness::Longer | titles::Likeness::Other => "the same title without its subtitle",
        };
        let people = match people {
            people::Likeness::Same => "the same authors",
            people::Likeness::Some => "some of the authors",
            people::Likeness::Unknown | people::Likeness::Other => "no authors to compare",
        };
        let year = match year {
            Year::Same => "the same year",
            Year::Unknown => "no year to compare",
            Year::Near | Year::Far(_) => "a year beside it",
        };
        let record = registry.map_or(first.at, |seen| seen.at);
        let evidence = format!("{title}, {people}, {year}");
        Decision::Is(Resolved { ids, record, sure, registered, draft, evidence })
    }
}

/// Records that share an identifier are of one work; so are those that agree in everything and have no identifier of
/// one kind that differs.
fn grouped<'a>(seen: &'a [Seen<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut by_rank: Vec<&Seen<'a>> = seen.iter().collect();
    by_rank
        .sort_by_key(|seen| (seen.against.is_some(), !is_vouched_for(&seen.record.by), seen.score, seen.at));
    for one in by_rank {
        let belongs = |group: &Group<'a>| group.records.iter().any(|other| are_one(one, other));
        if !is_vouched_for(&one.record.by) {
            // It ties nothing together that registries hold apart.
            match groups.iter_mut().find(|group| belongs(group)) {
                Some(group) => group.records.push(one),
                None => groups.push(Group { records: vec![one] }),
            }
            continue;
        }
        let (same, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(belongs);
        let mut records: Vec<&Seen<'a>> = same.into_iter().flat_map(|group| group.records).collect();
        records.push(one);
        groups = others;
        groups.push(Group { records });
    }
    groups
}

/// A registry's number of its own may stand for several records of one work, or one record for several works.
const KINDS: [IdKind; 4] = [IdKind::Doi, IdKind::Arxiv, IdKind::Pmid, IdKind::Pmcid];

fn are_one(a: &Seen<'_>, b: &Seen<'_>) -> bool {
    let ids = KINDS.iter().map(|kind| (a.id(*kind), b.id(*kind)));
    let mut common = ids.filter_map(|(a, b)| a.zip(b)).map(|(a, b)| a.key() == b.key());
    match common.next() {
        Some(first) => first || common.any(|same| same),
        None => {
            let agree = |seen: &Seen<'_>| {
                seen.against.is_none()
                    && seen.score.title == titles::Likeness::Same
                    && seen.score.people == people::Likeness::Same
            };
            agree(a) && agree(b) && a.record.record.year == b.record.record.year
        }
    }
}

fn best_id<'a>(ids: impl Iterator<Item = &'a WorkId>) -> Option<WorkId> {
    ids.min_by_key(|id| rank(id.kind())).cloned()
}

/// Under which identifier a work goes on.
fn rank(kind: IdKind) -> u8 {
    match kind {
        IdKind::Doi => 0,
        IdKind::Arxiv => 1,
        IdKind::Pmid => 2,
        IdKind::Pmcid => 3,
        IdKind::Openalex => 4,
        IdKind::Url => 5,
    }
}

/// Prefixes of the DOIs of preprint servers.
const PREPRINTS: [&str; 12] = [
    "10.48550/",
    "10.1101/",
    "10.21203/",
    "10.2139/",
    "10.26434/",
    "10.20944/",
    "10.31219/",
    "10.31234/",
    "10.31235/",
    "10.31223/",
    "10.22541/",
    "10.36227/",
];

/// Prefixes of the DOIs of repositories for anything.
const DEPOSITS: [&str; 4] = ["10.5281/", "10.6084/", "10.13140/", "10.17605/"];
