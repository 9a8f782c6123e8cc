//! Works of which Unpaywall knows more than those that are asked about many works at once.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::{Apis, Location};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::Style;

pub const STORIES: &[fn(&mut Recording) -> Told] = &[lanterns];

fn lanterns(web: &mut Recording) -> Told {
    let record = Record {
        title: "Paper Lanterns as Slow Computers",
        authors: &[("Clara", "Madeup"), ("Dmitri", "Nowhere"), ("Ada", "Invented")],
        doi: Some("10.5555/lanterns.204"),
        landing: "https://press.example/lanterns/204",
        ..Record::ARTICLE
    };
    let (bad, good) =
        ("https://press.example/lanterns/204/pdf", "https://repository.example/bitstream/204/am.pdf");
    let unpaywall = unpaywall::work(
        &record,
        &[
            Location::publisher(bad, record.landing).licensed("cc-by-nc"),
            Location::repository(good, "https://repository.example/handle/204"),
        ],
    );
    Apis { unpaywall, ..Apis::closed(&record) }.record(&record, web);
    web.get(&urls::doi("10.5555/lanterns.204"), Reply::redirect(302, record.landing));
    web.get(record.landing, Reply::html(&pages::paywall(&record)));
    let page = pages::article(&record, "", "<p>The PDF viewer needs a newer browser.</p>");
    web.get(bad, Reply::typed(200, "application/pdf", page));
    web.get(good, Reply::pdf(record.manuscript().pdf(Style::CoverPage)));
    Told {
        input: "doi:10.5555/lanterns.204",
        tells: "only Unpaywall knows copies: the best location sends a web page and calls it a PDF; the second holds the author's version",
    }
}
