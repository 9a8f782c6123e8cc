//! One copy of the bytes, a name for every work, and nothing of anyone's overwritten.

use std::fs;

use super::super::naming::{NameFacts, NameTemplate};
use super::super::store::FileOf;
use super::pdf::Style;
use super::remote::Reply;
use super::*;

#[tokio::test]
async fn the_file_is_stored_by_its_hash_as_it_was_served() {
    let file = paper().pdf(Style::JunkBefore);
    let fixture = Fixture::new(Remote::always(Reply::ok(file.clone())));
    let artifact = fixture.fetch().await.artifact.expect("stored");
    let hash = sha256(&file);
    assert_eq!(artifact.sha256, hash);
    assert_eq!(artifact.path, Path::new("files/sha256").join(&hash[..2]).join(format!("{hash}.pdf")));
    assert_eq!(artifact.link, Path::new("works/10.5555_tides.4.pdf"));
    assert_eq!((artifact.bytes, artifact.pages), (file.len() as u64, paper().pages));
    assert_eq!(fixture.read(&artifact.path), file);
    assert_eq!(fixture.read(&artifact.link), file);
}

#[tokio::test]
async fn links_are_relative_so_that_the_folder_can_be_moved() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().pdf(Style::Plain))));
    let link = fixture.fetch().await.artifact.expect("stored").link;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let moved = elsewhere.path().join("papers");
    fs::rename(fixture.out.path(), &moved).expect("moved");
    assert_eq!(fs::read(moved.join(link)).expect("still there"), paper().pdf(Style::Plain));
    fs::create_dir(fixture.out.path()).expect("for its owner to remove");
}

#[tokio::test]
async fn the_same_bytes_are_stored_once_for_two_works() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().pdf(Style::Plain))));
    let first = fixture.fetch().await.artifact.expect("stored");
    let other = work_of(&paper(), "pmid:123");
    let second = fixture.acquire(&other, &candidate("http://other.example/1", Basis::Registry)).await;
    let second = second.artifact.expect("stored");
    assert_eq!(first.path, second.path);
    assert_eq!(fixture.files("files").len(), 1);
    assert_eq!(fixture.files("works"), ["10.5555_tides.4.pdf", "pmid_123.pdf"]);
    assert!(fixture.files("partial").is_empty());
}

#[tokio::test]
async fn works_whose_names_look_alike_keep_a_file_each() {
    let fixture = Fixture::new(Remote::new(|request, _| {
        let pages = if request.url.path().contains("one") { 8 } else { 9 };
        Reply::ok(paper().with_pages(pages).pdf(Style::DoiInMetadata))
    }));
    let mut links = Vec::new();
    for (id, url) in
        [("10.5555/a:b", "http://a.example/one.pdf"), ("10.5555/a;b", "http://a.example/two.pdf")]
    {
        let work = work_of(&paper(), id);
        links.push(fixture.acquire(&work, &candidate(url, Basis::Registry)).await.artifact.expect("stored"));
    }
    assert_ne!(links[0].link, links[1].link);
    for artifact in links {
        assert_eq!(sha256(&fixture.read(&artifact.link)), artifact.sha256);
    }
}

#[tokio::test]
async fn a_newer_file_of_the_same_work_takes_over_its_name_and_keeps_the_older_file() {
    let fixture = Fixture::new(Remote::new(|_, number| {
        Reply::ok(paper().with_pages(8 + number as u32).pdf(Style::Plain))
    }));
    let first = fixture.fetch().await.artifact.expect("stored");
    let second = fixture.fetch().await.artifact.expect("stored");
    assert_eq!(first.link, second.link);
    assert_eq!(sha256(&fixture.read(&second.link)), second.sha256);
    assert_eq!(sha256(&fixture.read(&first.path)), first.sha256);
}

#[tokio::test]
async fn a_file_of_the_users_own_is_never_overwritten() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().pdf(Style::Plain))));
    fixture.acquirer();
    let own = fixture.out.path().join("works/10.5555_tides.4.pdf");
    fs::write(&own, "my notes").expect("written");
    let artifact = fixture.fetch().await.artifact.expect("stored");
    assert_eq!(artifact.link, Path::new("works/10.5555_tides.4~2.pdf"));
    assert_eq!(fs::read(own).expect("there"), b"my notes");
    assert_eq!(sha256(&fixture.read(&artifact.link)), artifact.sha256);
}

#[tokio::test]
async fn a_stored_file_that_was_cut_is_replaced() {
    let file = paper().pdf(Style::Plain);
    let fixture = Fixture::new(Remote::always(Reply::ok(file.clone())));
    let artifact = fixture.fetch().await.artifact.expect("stored");
    fs::write(fixture.out.path().join(&artifact.path), &file[..100]).expect("cut");
    fixture.fetch().await;
    assert_eq!(fixture.read(&artifact.path), file);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_said_to_be_the_reason() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().pdf(Style::Plain))));
    let acquirer = fixture.acquirer();
    // Root may write anywhere, so permissions would not do.
    fs::remove_dir(fixture.out.path().join("partial")).expect("removed");
    let acquisition = acquire(&acquirer, work_of(&paper(), DOI), &candidate(URL, Basis::Registry)).await;
    assert_eq!(acquisition.verdict, Verdict::Rejected(Reason::Storage), "{acquisition:?}");
    assert!(fixture.files("files").is_empty());
}

#[tokio::test]
async fn many_at_once_into_one_store_lose_nothing() {
    let fixture = Fixture::new(Remote::new(|request, _| {
        let number: u32 = request.url.path().trim_start_matches('/').parse().unwrap_or(0);
        Reply::ok(paper().with_pages(8 + number % 5).pdf(Style::DoiInMetadata))
    }));
    let acquirer = fixture.acquirer();
    let acquisitions = (0..40).map(|number| {
        let acquirer = acquirer.clone();
        tokio::spawn(async move {
            let work = work_of(&paper(), &format!("pmid:{}", number + 1));
            let candidate = candidate(&format!("http://a.example/{number}"), Basis::Registry);
            acquire(&acquirer, work, &candidate).await
        })
    });
    for acquisition in futures_util::future::join_all(acquisitions).await {
        let artifact = acquisition.expect("no panic").artifact.expect("stored");
        assert_eq!(sha256(&fixture.read(&artifact.link)), artifact.sha256);
    }
    assert_eq!((fixture.files("files").len(), fixture.files("works").len()), (5, 40));
    let hashes = Store::open(fixture.out.path()).map(|store| store.hashes().expect("readable"));
    assert_eq!(hashes.expect("a store").len(), 5);
    assert!(fixture.files("partial").is_empty());
}

#[tokio::test]
async fn works_whose_template_gives_one_name_keep_a_name_each_also_in_another_run() {
    let fixture = Fixture::new(Remote::always(Reply::status(404)));
    let store = || {
        let template = NameTemplate::parse("{author}{year}-{title}").expect("a template");
        Store::open_named(fixture.out.path(), template).expect("a store")
    };
    let put = |store: &Store, key: &str, title: &str, number: u8| {
        let sha256 = format!("{number:02x}").repeat(32);
        let mut arrived = store.partials().open(key, "https://a.example/", false).expect("a partial file");
        arrived.append(&[number]).expect("written");
        let facts = NameFacts {
            authors: vec!["Smith, A.".into()],
            year: Some(2007),
            title: Some(title.into()),
            ..NameFacts::default()
        };
        let of = FileOf { work_key: key, facts: &facts };
        let stored = store.adopt(&arrived, ArtifactFormat::Pdf, &sha256, 1, of).expect("stored");
        arrived.settle().expect("settled");
        stored.link
    };
    let first = store();
    let one = put(&first, "doi:10.1/one", "On Mars", 1);
    assert_eq!(one, Path::new("works/Smith2007-On_Mars.pdf"));
    let two = put(&first, "doi:10.1/two", "on mars", 2);
    let two_name = two.to_string_lossy().into_owned();
    assert!(two_name.starts_with("works/Smith2007-on_mars-") && two_name.len() == 38, "{two_name}");

    // In another order, and with newer files.
    let second = store();
    assert_eq!(put(&second, "doi:10.1/two", "on mars", 3), two);
    assert_eq!(put(&second, "doi:10.1/one", "On Mars", 4), one);
    assert_eq!((fixture.read(&one), fixture.read(&two)), (vec![4], vec![3]));

    // What is there and is nobody's that is known: another work's of before, or the user's own.
    fs::remove_dir_all(fixture.out.path().join("names")).expect("removed");
    let third = store();
    let other = put(&third, "doi:10.1/three", "On Mars", 5);
    assert_ne!(other, one);
    assert_eq!(fixture.read(&one), vec![4]);
    fs::write(fixture.out.path().join("works/Smith2007-Notes.pdf"), "my notes").expect("written");
    let noted = put(&third, "doi:10.1/four", "Notes", 6);
    assert_eq!(fixture.read("works/Smith2007-Notes.pdf"), b"my notes");
    assert_eq!(fixture.read(&noted), vec![6]);
}
