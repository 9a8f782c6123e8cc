//! Every verdict is earned by an answer or a file.

use std::collections::BTreeSet;

use super::pdf::{Flaw, Style};
use super::remote::Reply;
use super::*;
use serde_json::Value;
use tierfall_http::{Denial, FetchError, SaidBy};

const STYLES: [Style; 12] = [
    Style::Plain,
    Style::BrokenTitle,
    Style::Ligatures,
    Style::NamedGlyphs,
    Style::DoiInMetadata,
    Style::Xmp,
    Style::CoverPage,
    Style::Scan,
    Style::ObjectStreams,
    Style::Linearised,
    Style::JunkBefore,
    Style::PrintingForbidden,
];

async fn verdict_on(reply: Reply) -> (Verdict, String) {
    let fixture = Fixture::new(Remote::always(reply));
    let acquisition = fixture.fetch().await;
    let stored = fixture.files("files").len();
    assert_eq!(stored, usize::from(matches!(acquisition.verdict, Verdict::Accepted(_))), "{acquisition:?}");
    (acquisition.verdict, acquisition.acquisition.detail)
}

#[tokio::test]
async fn good_papers_are_accepted_however_odd_they_are() {
    for style in STYLES {
        let (verdict, detail) = verdict_on(Reply::ok(paper().pdf(style))).await;
        let identity = if style == Style::Scan { Identity::Unproven } else { Identity::Proven };
        assert_eq!(verdict, Verdict::Accepted(identity), "{style:?}: {detail}");
    }
}

#[tokio::test]
async fn good_papers_are_accepted_however_oddly_they_are_served() {
    let file = paper().pdf(Style::Plain);
    for reply in [
        Reply::ok(file.clone()).header("content-type", "text/html"),
        Reply::ok(file.clone()).header("content-type", "application/octet-stream"),
        Reply { body: file.clone(), ..Reply::status(200) },
        Reply { body: file.clone(), ..Reply::status(203) },
        Reply::ok(file.clone()).header("content-disposition", "attachment; filename=\"x.html\""),
    ] {
        let (verdict, detail) = verdict_on(reply.clone()).await;
        assert_eq!(verdict, Verdict::Accepted(Identity::Proven), "{:?}: {detail}", reply.headers);
    }
}

#[tokio::test]
async fn every_reason_is_given_for_what_it_says() {
    let good = paper().pdf(Style::Plain);
    let flawed = |flaw| Reply::ok(paper().flawed(flaw));
    let html = |body: &str| Reply::ok(format!("<html><body>{body}</body></html>"));
    let denied = |reason| Reply::fail(FetchError::Denied { reason, detail: "a test".into() });
    let mut met = BTreeSet::new();
    for (reply, expected) in [
        (html("<p>A page about the paper.</p>"), Reason::HtmlInstead),
        (html("Verify you are human"), Reason::BotCheck),
        (html("<form><input type=\"password\"></form>"), Reason::LoginWall),
        (html("<h1>Page not found</h1>"), Reason::NothingThere),
        (Reply::status(403).body("<title>Just a moment...</title>"), Reason::BotCheck),
        (Reply::status(503).header("cf-mitigated", "challenge"), Reason::BotCheck),
        (Reply::status(403).body("Purchase access to this article"), Reason::LoginWall),
        (Reply::status(401), Reason::LoginWall),
        (Reply::status(403), Reason::HttpStatus),
        (Reply::status(404).body("<input type=\"password\">"), Reason::HttpStatus),
        (Reply::status(503), Reason::Unavailable),
        (Reply::status(429), Reason::Unavailable),
        (Reply { status: 404, ..Reply::ok(good.clone()) }, Reason::HttpStatus),
        (Reply::ok(""), Reason::Empty),
        (Reply::status(204), Reason::Empty),
        (Reply::ok("PK\x03\x04"), Reason::Proof(tierfall_proof::Reason::NotPdf)),
        (Reply::ok("<?xml version=\"1.0\"?><article/>"), Reason::Proof(tierfall_proof::Reason::NotPdf)),
        (flawed(Flaw::Truncated), Reason::Proof(tierfall_proof::Reason::Truncated)),
        (flawed(Flaw::NoEnd), Reason::Proof(tierfall_proof::Reason::Truncated)),
        (Reply::ok(good.clone()).cut(3000), Reason::Proof(tierfall_proof::Reason::Truncated)),
        (
            Reply::ok(good.clone()).header("content-length", "999999"),
            Reason::Proof(tierfall_proof::Reason::Truncated),
        ),
        (
            Reply::ok("%PDF-1.4\n1 0 obj\nstartxref\n9\n%%EOF\n"),
            Reason::Proof(tierfall_proof::Reason::Damaged),
        ),
        (Reply::ok(vec![b'x'; 5 << 20]).header("content-length", "5242880"), Reason::TooLarge),
        (Reply { body: [&good, &vec![b' '; 5 << 20][..]].concat(), ..Reply::status(200) }, Reason::TooLarge),
        (flawed(Flaw::Encrypted), Reason::Proof(tierfall_proof::Reason::Encrypted)),
        (flawed(Flaw::Placeholder), Reason::Proof(tierfall_proof::Reason::Placeholder)),
        (flawed(Flaw::Preview), Reason::Proof(tierfall_proof::Reason::Preview)),
        (flawed(Flaw::AbstractOnly), Reason::Proof(tierfall_proof::Reason::AbstractOnly)),
        (flawed(Flaw::Supplement), Reason::Proof(tierfall_proof::Reason::Supplement)),
        (flawed(Flaw::Erratum), Reason::Proof(tierfall_proof::Reason::Notice)),
        (flawed(Flaw::WrongArticle), Reason::Proof(tierfall_proof::Reason::WrongWork)),
        (flawed(Flaw::WrongArticleCiting), Reason::Proof(tierfall_proof::Reason::WrongWork)),
        (denied(Denial::Robots), Reason::Robots),
        (denied(Denial::RobotsUnreachable), Reason::RobotsUnreachable),
        (denied(Denial::PrivateAddress), Reason::PrivateAddress),
        (denied(Denial::DnsPrivate), Reason::DnsPrivate),
        (denied(Denial::Scheme), Reason::Refused),
        (denied(Denial::Breaker), Reason::Breaker),
        (Reply::fail(FetchError::Redirects("a loop".into())), Reason::RedirectLoop),
        (Reply::fail(FetchError::Timeout), Reason::Timeout),
        (Reply::fail(FetchError::Busy("a queue".into())), Reason::Busy),
        (Reply::fail(FetchError::Stalled("slow".into())), Reason::Stalled),
        (Reply::fail(FetchError::Transport("no route".into())), Reason::Unreachable),
        (Reply::fail(FetchError::Certificate("expired".into())), Reason::Certificate),
        (Reply::fail(FetchError::Malformed("two lengths".into())), Reason::Malformed),
        (Reply::fail(FetchError::NotRecorded("it".into())), Reason::NotRecorded),
    ] {
        let shown = String::from_utf8_lossy(&reply.body[..reply.body.len().min(80)]).into_owned();
        let (verdict, detail) = verdict_on(reply).await;
        assert_eq!(verdict, Verdict::Rejected(expected), "{shown}: {detail}");
        met.insert(expected);
    }
    // The rest has a test of its own.
    met.extend([
        Reason::BadUrl,
        Reason::OtherDigest,
        Reason::Spent,
        Reason::Proof(tierfall_proof::Reason::NotJats),
        Reason::Proof(tierfall_proof::Reason::Unexamined),
        Reason::Proof(tierfall_proof::Reason::Unproven),
        Reason::Reserved,
        Reason::PolicyVersion,
        Reason::PolicyLicense,
        Reason::Storage,
    ]);
    assert_eq!(met, Reason::all().collect());
}

#[tokio::test]
async fn a_url_that_is_none_is_rejected_without_a_request() {
    let fixture = Fixture::new(Remote::always(Reply::status(200)));
    let acquisition = fixture.acquire(&work_of(&paper(), DOI), &candidate("http://[", Basis::Registry)).await;
    assert_eq!(acquisition.verdict, Verdict::Rejected(Reason::BadUrl));
    assert!(fixture.remote.ranges().is_empty());
}

#[tokio::test]
async fn a_scan_is_believed_from_those_who_know_and_not_from_a_link() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().pdf(Style::Scan))));
    let work = work_of(&paper(), DOI);
    for (basis, verdict) in [
        (Basis::Link, Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::Unproven))),
        (Basis::Rule, Verdict::Accepted(Identity::Unproven)),
        (Basis::Metadata, Verdict::Accepted(Identity::Unproven)),
        (Basis::Registry, Verdict::Accepted(Identity::Unproven)),
    ] {
        assert_eq!(fixture.acquire(&work, &candidate(URL, basis)).await.verdict, verdict, "{basis:?}");
    }
}

#[tokio::test]
async fn the_policy_decides_how_much_proof_is_asked_for() {
    let scan = || Remote::always(Reply::ok(paper().pdf(Style::Scan)));
    let another = || Remote::always(Reply::ok(paper().flawed(Flaw::WrongArticle)));
    for (policy, remote, verdict) in [
        (IdentityPolicy::Strict, scan(), Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::Unproven))),
        (
            IdentityPolicy::Strict,
            another(),
            Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::WrongWork)),
        ),
        (IdentityPolicy::Off, scan(), Verdict::Accepted(Identity::Unchecked)),
        (IdentityPolicy::Off, another(), Verdict::Accepted(Identity::Unchecked)),
    ] {
        let mut fixture = Fixture::new(remote);
        fixture.settings.proof.identity = policy;
        let acquisition = fixture.fetch().await;
        assert_eq!(acquisition.verdict, verdict, "{policy:?}: {}", acquisition.detail);
    }
    let mut fixture = Fixture::new(Remote::always(Reply::ok(paper().flawed(Flaw::Encrypted))));
    fixture.settings.proof.identity = IdentityPolicy::Off;
    assert_eq!(
        fixture.fetch().await.verdict,
        Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::Encrypted)),
        "what nobody can read is no copy"
    );
}

#[tokio::test]
async fn what_is_said_about_use_is_recorded_and_honoured_if_asked() {
    let file = || Reply::ok(paper().pdf(Style::Plain));
    let rules = |value: u8| {
        format!(
            r#"[{{"location": "/paper*", "tdm-reservation": {value}, "tdm-policy": "https://p.example/"}}]"#
        )
    };
    for (name, reply, rules, said, reserved) in [
        ("nobody", file(), None, None, false),
        ("the file", file().header("tdm-reservation", "1"), None, Some(("1", SaidBy::Header)), true),
        ("the site", file(), Some(rules(1)), Some(("1", SaidBy::Site)), true),
        (
            "the site, of all but this",
            file().header("tdm-reservation", "0"),
            Some(rules(1)),
            Some(("0", SaidBy::Header)),
            false,
        ),
        ("the site, by a list that is none", file(), Some("<html>".into()), None, false),
        ("a robots tag", file().header("x-robots-tag", "noai"), None, None, true),
        ("a robots tag for another", file().header("x-robots-tag", "otherbot: noai"), None, None, false),
    ] {
        let mut remote = Remote::always(reply);
        if let Some(rules) = &rules {
            remote = remote.with_rules(rules);
        }
        let mut fixture = Fixture::new(remote);
        let acquisition = fixture.fetch().await;
        assert_eq!(acquisition.verdict, Verdict::Accepted(Identity::Proven), "{name}");
        let tdm = acquisition.usage_rights.tdm.as_ref().map(|said| (said.value.as_str(), said.by));
        assert_eq!(tdm, said, "{name}");
        fixture.settings.policy.tdm = TdmPolicy::Honour;
        let honoured = fixture.fetch().await;
        let refused = matches!(honoured.verdict, Verdict::Rejected(Reason::Reserved));
        assert_eq!(refused, reserved, "{name}: {honoured:?}");
        assert!(fixture.files("partial").is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_never_ends_is_given_up_in_its_time() {
    let file = paper().pdf(Style::Plain);
    let fixture = Fixture::new(Remote::always(Reply::ok(file).header("etag", "\"1\"").hanging(5000)));
    let began = Instant::now();
    let acquisition = fixture.fetch().await;
    assert_eq!(acquisition.verdict, Verdict::Rejected(Reason::Stalled));
    assert!(
        began.elapsed() <= fixture.settings.transfer.timeout + Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn facts_learned_while_the_file_came_count_in_its_proof() {
    let fixture = Fixture::new(Remote::always(Reply::ok(paper().flawed(Flaw::WrongArticle))));
    let bare = Arc::new(Work::new(DOI.parse().expect("a DOI")));
    let full = Arc::new(work_of(&paper(), DOI));
    let remote = Arc::clone(&fixture.remote);
    let work = move || Arc::clone(if remote.ranges().is_empty() { &bare } else { &full });
    let clock = Arc::new(WorkClock::new(Duration::from_secs(60)));
    let acquisition = fixture
        .acquirer()
        .acquire(&candidate(URL, Basis::Registry), unkeyed(&clock), &work, &NoJournal)
        .await;
    assert_eq!(acquisition.verdict, Verdict::Rejected(Reason::Proof(tierfall_proof::Reason::WrongWork)));
}

#[tokio::test]
async fn a_file_is_held_to_the_digest_that_its_source_published() {
    use md5::{Digest as _, Md5};
    let pdf = paper().pdf(Style::Plain);
    let published = hex::encode(Md5::digest(&pdf));
    for (digest, expected) in [
        (published.as_str(), Verdict::Accepted(Identity::Proven)),
        ("00000000000000000000000000000000", Verdict::Rejected(Reason::OtherDigest)),
    ] {
        let fixture = Fixture::new(Remote::always(Reply::ok(pdf.clone())));
        let digest = tierfall_work::Digest::read(tierfall_work::DigestAlgorithm::Md5, digest);
        let candidate = Candidate { digest, ..candidate(URL, Basis::Registry) };
        let done = fixture.acquire(&work_of(&paper(), DOI), &candidate).await;
        assert_eq!(done.verdict, expected, "{}", done.detail);
        assert!(fixture.files("partial").is_empty(), "nothing is left of what is not taken");
    }
}

#[tokio::test]
async fn a_file_that_needs_a_key_gets_it_as_often_as_a_day_allows() {
    let pdf = paper().pdf(Style::Plain);
    let remote = Remote::new(move |request, _| match request.secret_headers.get("authorization") {
        Some(key) if key == "Bearer k" => Reply::ok(pdf.clone()),
        _ => Reply::status(401),
    });
    let fixture = Fixture::new(remote);
    let allowance =
        DailyLimit { folder: Some(fixture.out.path().join("state")), name: "x".into(), per_day: 1 };
    let headers = tierfall_http::header_map([("authorization", "Bearer k")]).expect("a header");
    let key =
        FileKey { headers, secrets: tierfall_http::Secrets(vec!["k".into()]), allowance: Some(allowance) };
    let candidate = candidate("https://content.example/1.pdf", Basis::Registry);
    let work = Arc::new(work_of(&paper(), DOI));
    let accepted = Verdict::Accepted(Identity::Proven);
    let (counts, cannot) = (Counting(Some(Ok(true))), Counting(Some(Err("it does not answer".to_owned()))));
    let steps: [(&dyn Journal, Verdict); 4] = [
        (&NoJournal, accepted),
        (&NoJournal, Verdict::Rejected(Reason::Spent)),
        // Where the journal counts, nobody else does.
        (&counts, accepted),
        (&cannot, Verdict::Rejected(Reason::Spent)),
    ];
    for (journal, expected) in steps {
        let (acquirer, work) = (fixture.acquirer(), Arc::clone(&work));
        let clock = Arc::new(WorkClock::new(Duration::from_secs(60)));
        let got = move || Arc::clone(&work);
        let done = acquirer
            .acquire(
                &candidate,
                FetchContext {
                    plugin: "plugin",
                    vouched: true,
                    format: ArtifactFormat::Pdf,
                    key: Some(&key),
                    clock: &clock,
                },
                &got,
                journal,
            )
            .await;
        assert_eq!(done.verdict, expected, "{}", done.detail);
    }
}

/// A journal that counts what a day has, or says that it cannot.
struct Counting(Option<Result<bool, String>>);

impl Journal for Counting {
    fn begin<'a>(&'a self, _: FetchStep, _: &'a str) -> BoxFuture<'a, Option<Value>> {
        Box::pin(std::future::ready(None))
    }

    fn done(&self, _: FetchStep, _: &str, _: Value) {}

    fn failed(&self, _: FetchStep, _: &str, _: &str) {}

    fn resumed(&self) {}

    fn take_of_day<'a>(&'a self, name: &'a str, most: u64) -> BoxFuture<'a, Option<Result<bool, String>>> {
        assert_eq!((name, most), ("x", 1));
        Box::pin(std::future::ready(self.0.clone()))
    }
}
