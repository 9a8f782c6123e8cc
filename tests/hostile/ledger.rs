//! Ledgers that mean harm: servers that want the password, and rows that somebody else has written.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::run::pages_only;
use crate::support::article::Article;
use crate::support::program::Home;
use crate::support::web::Web;

/// What a client begins with that wants TLS (PostgreSQL, 55.7: `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

#[test]
fn a_database_server_that_declines_tls_does_not_get_the_password() {
    for options in ["", "&sslmode=require", "&sslmode=verify-ca", "&sslmode=verify-full"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback is free");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the program comes");
            let mut heard = vec![0; SSL_REQUEST.len()];
            stream.read_exact(&mut heard).expect("it asks");
            stream.write_all(b"N").expect("it listens");
            let mut rest = [0; 1024];
            let read = stream.read(&mut rest).unwrap_or(0);
            heard.extend_from_slice(&rest[..read]);
            heard
        });
        let home = Home::new();
        // Its name is that of another machine; its address keeps the test on this one.
        let place = format!(
            "postgres://me:hush-mumble@db.example.org:{port}/x?hostaddr=127.0.0.1&password=hush-mumble{options}"
        );
        let ended = home.tierfall(["ledger", "status", "--ledger", &place, "-vvv"]).run().expect(5);
        assert_eq!(server.join().expect("the server ends"), SSL_REQUEST, "{options}");
        assert!(ended.err.contains("does not support TLS") && ended.err.contains("sslmode"), "{}", ended.err);
        assert!(!format!("{ended:?}").contains("hush-mumble"), "{}", ended.err);
    }
}

#[test]
fn a_password_is_masked_in_every_spelling_and_place() {
    for place in [
        "postgres://me:hush-mumble@127.0.0.1:9/x",
        "postgres://127.0.0.1:9/x?user=me&password=hush-mumble",
        "postgres://127.0.0.1:9/x?user=me&%70assword=hush-mumble",
        "postgres://me:hush-mumble@127.0.0.1:9,127.0.0.1:9/x",
        "postgres://me:hush@mumble@127.0.0.1:9/x",
        "postgres://me:hush/mumble@127.0.0.1:9/x",
        "postgres://me:hush-mumble@127.0.0.1:port/x",
        "postgres://me:hush-mumble@127.0.0.1:9/x?sslmode=wrong",
        "postgres://me:hush-mumble@127.0.0.1:9/x?sslrootcert=/nowhere&sslmode=verify-ca",
        "host=127.0.0.1 port=9 user=me password=hush-mumble",
    ] {
        for words in [
            ["ledger", "status"].as_slice(),
            &["ledger", "status", "--json"],
            &["config", "show"],
            &["config", "show", "--json"],
            &["plan"],
            &["run", "10.5555/x", "--fallback-tier", "direct_oa:sources=arxiv", "--enable-idempotency"],
        ] {
            let ended = Home::new().tierfall(words).args(["--ledger", place, "-vvv"]).run();
            let said = format!("{}{}", ended.out, ended.err);
            assert!(!said.contains("mumble") && !said.contains("hush"), "{place} {words:?}: {said}");
        }
    }
}

#[test]
fn one_row_that_cannot_be_read_ends_no_worker_and_is_named() {
    let (home, web) = (Home::new(), Web::start());
    let articles: Vec<Article> = (0..5).map(|number| Article::on(&web, &format!("row{number}"))).collect();
    let pages: Vec<&str> = articles.iter().map(|article| article.page.as_str()).collect();
    pages_only(&home, &web, &pages).args(["--plan-only"]).run().expect(0);
    let database = rusqlite::Connection::open(home.path("papers/ledger.sqlite")).expect("it is there");
    database
        .execute_batch(
            "UPDATE jobs SET work = 'no JSON' WHERE id = 1;
             UPDATE jobs SET role = 'cover' WHERE id = 2;
             UPDATE jobs SET work = (SELECT work FROM jobs WHERE id = 5) WHERE id = 3;
             UPDATE jobs SET attempts = -1, reason = CAST(x'ff' AS TEXT) WHERE id = 4;",
        )
        .expect("rows can be changed");
    drop(database);
    let worker =
        || home.tierfall(["worker", "--fallback-tier", "landing_scrape", "--out", "papers"]).through(&web);
    let ended = worker().run();
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:#?}");
    assert!(ended.err.contains("set aside"), "{}", ended.err);
    let manifest = home.manifest("papers");
    let stored: Vec<&Value> = manifest.iter().filter(|line| line["status"] == "stored").collect();
    assert_eq!(stored.len(), 1, "{manifest:#?}");
    assert_eq!(stored[0]["sha256"], articles[4].sha256.as_str());
    for article in &articles[..4] {
        assert!(web.requests_for(&article.file).is_empty(), "{} was asked for", article.file);
    }

    let look =
        |words: &[&str]| home.tierfall(["ledger"]).args(words).args(["--out", "papers"]).run().expect(0);
    assert!(look(&["status"]).out.contains("set aside, because their rows cannot be read: 3"));
    let list = look(&["list"]).out;
    assert_eq!(list.matches("unreadable").count(), 3, "{list}");
    assert!(
        list.contains("what was planned cannot"),
        "the third could be read, and was not believed: {list}"
    );
    assert_eq!(look(&["list", "--json"]).out.matches("\"unreadable\":").count(), 3);
    assert_eq!(look(&["export"]).out.lines().count(), 5);
    // A second worker is not told again, and ends.
    let again = worker().run();
    assert!(!again.err.contains("set aside"), "{}", again.err);
    // Who asks for such a work is told why it is not fetched.
    let asked = pages_only(&home, &web, &pages[..2]).args(["--enable-idempotency", "--json"]).run().expect(4);
    assert_eq!(asked.out.matches("\"reason\":\"set_aside\"").count(), 2, "{}", asked.out);
}
