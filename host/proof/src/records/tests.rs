use super::*;
use tierfall_work::{Facts, Match, RecordKind, Work};

const TITLE: &str = "A better grip on the calmodulin of vertebrates";

fn work(title: &str, authors: &[&str], year: Option<u16>) -> Work {
    let authors = authors.iter().map(|name| (*name).to_owned()).collect();
    let facts = Facts { title: Some(title.into()), authors, year, ..Facts::default() };
    Work::titled(&facts, "input").expect("a title")
}

fn sought() -> Work {
    work(TITLE, &["J. F. Head", "Stone"], Some(1992))
}

fn record(by: &str, id: &str, title: &str, authors: &[&str], year: u16) -> Record {
    Record {
        by: by.into(),
        record: Match {
            ids: id.split(' ').map(|id| id.parse().expect(id)).collect(),
            title: title.into(),
            authors: authors.iter().map(|name| (*name).to_owned()).collect(),
            year: Some(year),
            ..Match::default()
        },
    }
}

fn right(by: &str, id: &str) -> Record {
    record(by, id, TITLE, &["Head", "Stone"], 1992)
}

fn of_kind(kind: RecordKind, record: Record) -> Record {
    Record { record: Match { kind: Some(kind), ..record.record }, ..record }
}

/// The identifier that it was resolved to, or why it was not.
fn decided(work: &Work, records: &[Record]) -> Result<String, String> {
    match decide(work, records) {
        Decision::Is(Resolved { ids, .. }) => Ok(ids[0].key()),
        Decision::Open(Open { nearest, .. }) => Err(nearest.map(|(_, why)| why).unwrap_or_default()),
    }
}

#[test]
fn a_resolved_work_says_whether_a_registry_has_it_and_whether_it_may_be_a_draft_of_another() {
    let resolved = |records: &[Record]| match decide(&sought(), records) {
        Decision::Is(resolved) => (resolved.registered, resolved.draft, resolved.record),
        Decision::Open(open) => panic!("{open:?}"),
    };
    let index = right("semantic_scholar", "10.5555/1 arXiv:2101.00001");
    assert_eq!(resolved(std::slice::from_ref(&index)), (false, false, 0));
    let registry = right("openalex", "10.5555/1 PMID:7");
    assert_eq!(resolved(&[index.clone(), registry]), (true, false, 1), "its words count");
    let unlike =
        record("openalex", "10.5555/1", "Another title of many other words", &["Head", "Stone"], 1992);
    assert!(matches!(decide(&sought(), &[index, unlike]), Decision::Open(_)), "it denies that");
    assert_eq!(resolved(&[right("semantic_scholar", "10.48550/arxiv.2101.00001")]), (false, true, 0));
    let preprint = of_kind(RecordKind::Preprint, right("crossref", "10.5555/p"));
    assert_eq!(resolved(std::slice::from_ref(&preprint)), (true, true, 0));
    assert_eq!(resolved(&[preprint, right("crossref", "10.5555/1")]), (true, false, 1));
}

#[test]
fn the_record_whose_title_authors_and_year_agree_is_the_work() {
    let records = [
        record(
            "crossref",
            "10.5555/2",
            "Comment on: A better grip on the calmodulin of vertebrates",
            &["Miller"],
            1993,
        ),
        right("crossref", "10.5555/1"),
        record("crossref", "10.5555/3", "A worse grip on the calmodulin of plants", &["Head"], 1992),
    ];
    let Decision::Is(resolved) = decide(&sought(), &records) else { panic!("not resolved") };
    assert_eq!((resolved.ids[0].key().as_str(), resolved.record, resolved.sure), ("doi:10.5555/1", 1, true));
    assert_eq!(resolved.evidence, "the same title, the same authors, the same year");
}

#[test]
fn a_work_by_others_or_of_another_year_is_another_work_whatever_its_title() {
    for (authors, year, why) in [
        (&["Miller", "Brown"], 1992, "its authors are others"),
        (&["Head", "Stone"], 1998, "its year is 1998"),
    ] {
        let other = record("crossref", "10.5555/1", TITLE, authors, year);
        assert_eq!(decided(&sought(), &[other]), Err(why.into()));
    }
}

#[test]
fn notices_parts_volumes_reviews_and_data_with_the_title_are_not_the_work() {
    for kind in
        [RecordKind::Notice, RecordKind::Part, RecordKind::Container, RecordKind::Review, RecordKind::Dataset]
    {
        assert!(decided(&sought(), &[of_kind(kind, right("crossref", "10.5555/1"))]).is_err(), "{kind:?}");
    }
    let reply = "Reply to the comments on calmodulin";
    let notice = of_kind(RecordKind::Notice, record("crossref", "10.5555/1", reply, &["Head"], 1992));
    assert!(decided(&work(reply, &["Head"], Some(1992)), &[notice]).is_ok(), "a reply may be what is sought");
}

#[test]
fn a_preprint_and_its_article_are_both_right_and_the_nearer_year_decides() {
    let preprint = |year| {
        of_kind(RecordKind::Preprint, record("crossref", "10.1101/1", TITLE, &["Head", "Stone"], year))
    };
    let both = [preprint(1992), right("crossref", "10.5555/1")];
    assert_eq!(decided(&sought(), &both), Ok("doi:10.5555/1".into()));
    let earlier = [preprint(1991), right("crossref", "10.5555/1")];
    assert_eq!(decided(&sought(), &earlier), Ok("doi:10.5555/1".into()));
    let later = [preprint(1992), record("crossref", "10.5555/1", TITLE, &["Head", "Stone"], 1993)];
    assert_eq!(decided(&sought(), &later), Ok("doi:10.1101/1".into()));
}

#[test]
fn of_two_published_works_the_year_tells_or_none_is_taken() {
    let second = |year| record("crossref", "10.5555/2", TITLE, &["Head", "Stone"], year);
    let first = right("crossref", "10.5555/1");
    assert_eq!(decided(&sought(), &[second(1993), first.clone()]), Ok("doi:10.5555/1".into()));
    assert!(
        decided(&sought(), &[second(1992), first.clone()]).is_err_and(|why| why.contains("fits as well"))
    );
    let undated = work(TITLE, &["Head", "Stone"], None);
    assert!(decided(&undated, &[second(1993), first.clone()]).is_err_and(|why| why.contains("fits as well")));
    assert_eq!(decided(&undated, &[first]), Ok("doi:10.5555/1".into()));
    let between = work(TITLE, &["Head", "Stone"], Some(1993));
    assert!(decided(&between, &[second(1994), right("crossref", "10.5555/1")]).is_err());
}

#[test]
fn two_subtitles_of_one_main_title_leave_it_open() {
    let main = work("A better grip on the calmodulin of vertebrates", &["Head", "Stone"], Some(1992));
    let part =
        |id: &str, sub: &str| record("crossref", id, &format!("{TITLE}: {sub}"), &["Head", "Stone"], 1992);
    assert_eq!(decided(&main, &[part("10.5555/1", "I. Rats")]), Ok("doi:10.5555/1".into()));
    assert!(decided(&main, &[part("10.5555/1", "I. Rats"), part("10.5555/2", "II. Mice")]).is_err());
    assert_eq!(
        decided(&main, &[part("10.5555/1", "I. Rats"), right("crossref", "10.5555/2")]),
        Ok("doi:10.5555/2".into())
    );
}

#[test]
fn titles_that_many_works_have_are_left_open() {
    for title in ["Introduction", "Editorial", "Letter to the editor"] {
        let one = record("crossref", "10.5555/1", title, &["Head"], 1992);
        assert_eq!(
            decided(&work(title, &["Head"], Some(1992)), &[one]),
            Err("many works have this title".into())
        );
    }
    let short = record("crossref", "10.5555/1", "Deep learning", &["LeCun", "Bengio"], 2015);
    assert!(
        decided(&work("Deep learning", &["LeCun", "Bengio"], Some(2015)), std::slice::from_ref(&short))
            .is_ok()
    );
    assert!(decided(&work("Deep learning", &["LeCun", "Bengio"], Some(2016)), &[short]).is_err());
}

#[test]
fn without_authors_a_long_title_of_the_same_year_is_enough_and_nothing_less() {
    let year = |year| work(TITLE, &[], Some(year));
    assert!(decided(&year(1992), &[right("crossref", "10.5555/1")]).is_ok());
    assert!(decided(&year(1993), &[right("crossref", "10.5555/1")]).is_err());
}

#[test]
fn records_of_one_work_from_several_registries_are_no_rivals_and_give_all_its_identifiers() {
    let records = [
        right("crossref", "10.5555/1"),
        right("openalex", "10.5555/1 PMID:7 W9"),
        right("europe_pmc", "PMID:7 PMC8"),
    ];
    let Decision::Is(resolved) = decide(&sought(), &records) else { panic!("not resolved") };
    let ids: Vec<String> = resolved.ids.iter().map(tierfall_ids::WorkId::key).collect();
    assert_eq!(ids, ["doi:10.5555/1", "pmid:7", "pmcid:PMC8", "openalex:W9"]);
    let unlinked = [right("crossref", "10.5555/1"), right("europe_pmc", "PMID:7")];
    assert_eq!(decided(&sought(), &unlinked), Ok("doi:10.5555/1".into()));
}

#[test]
fn a_second_record_that_has_no_identifier_of_others_is_no_rival() {
    let undated = work(TITLE, &["Head", "Stone"], None);
    let second = record("openalex", "W7", TITLE, &["Head", "Stone"], 1990);
    assert_eq!(decided(&undated, &[second, right("crossref", "10.5555/1")]), Ok("doi:10.5555/1".into()));
}

#[test]
fn a_copy_in_a_repository_is_no_rival_of_what_was_published() {
    let deposit = record("datacite", "10.5281/zenodo.1", TITLE, &["Head", "Stone"], 1992);
    assert_eq!(
        decided(&sought(), &[deposit.clone(), right("crossref", "10.5555/1")]),
        Ok("doi:10.5555/1".into())
    );
    assert_eq!(decided(&sought(), &[deposit]), Ok("doi:10.5281/zenodo.1".into()));
}

#[test]
fn a_strangers_record_counts_only_with_a_registrys() {
    let stranger = right("theirs/search", "10.5555/9");
    let Decision::Open(open) = decide(&sought(), std::slice::from_ref(&stranger)) else { panic!("resolved") };
    assert_eq!(open.unvouched.iter().map(tierfall_ids::WorkId::key).collect::<Vec<_>>(), ["doi:10.5555/9"]);
    assert_eq!(open.nearest.map(|(_, why)| why).as_deref(), Some("no registry says the same"));
    assert_eq!(
        decided(&sought(), &[stranger.clone(), right("crossref", "10.5555/9")]),
        Ok("doi:10.5555/9".into())
    );
    // Neither can it keep the right one from being taken.
    assert_eq!(decided(&sought(), &[stranger, right("crossref", "10.5555/1")]), Ok("doi:10.5555/1".into()));
}

#[test]
fn a_record_that_a_registry_has_otherwise_is_not_believed() {
    let records = [
        right("semantic_scholar", "10.5555/1"),
        record("crossref", "10.5555/1", "Quite another matter of plants", &["Miller"], 1970),
    ];
    assert_eq!(decided(&sought(), &records), Err("a registry has another record of it".into()));
}

#[test]
fn a_translated_title_is_one_of_its_titles() {
    let mut german =
        record("crossref", "10.5555/1", "Ein besserer Griff nach dem Calmodulin", &["Head", "Stone"], 1992);
    german.record.other_titles.push(TITLE.into());
    assert_eq!(decided(&sought(), &[german]), Ok("doi:10.5555/1".into()));
}

#[test]
fn without_anything_near_nothing_is_said() {
    let far = record("crossref", "10.5555/1", "On the breeding of horses in Mongolia", &["Stone"], 1992);
    assert_eq!(decided(&sought(), &[far]), Err(String::new()));
    assert_eq!(decided(&sought(), &[]), Err(String::new()));
}
