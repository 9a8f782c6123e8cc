//! Works that are on the web no more, and once were.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::wayback::{Capture, captures};
use crate::demo_web::apis::{Apis, Location};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::demo_web::urls;
use crate::pdf::Style;

pub const STORIES: &[fn(&mut Recording) -> Told] = &[gone, linked];

fn gone(web: &mut Recording) -> Told {
    let record = Record {
        title: "Sundials for Night Workers",
        year: 2012,
        doi: Some("10.5555/sundials.14"),
        landing: "https://closed-down.example/sundials/14",
        ..Record::ARTICLE
    };
    let pdf = "https://closed-down.example/sundials/14.pdf";
    let unpaywall = unpaywall::work(&record, &[Location::publisher(pdf, record.landing)]);
    Apis { unpaywall, ..Apis::closed(&record) }.record(&record, web);
    let gone = Reply::typed(410, "text/html", pages::not_found());
    web.get(pdf, gone.clone());
    web.get(&urls::doi("10.5555/sundials.14"), Reply::redirect(302, record.landing));
    web.get(record.landing, gone);
    let digest = "AAAAAAAAAAAAAAAAAAAAAAAAAAAA5555";
    captures(
        web,
        &record,
        pdf,
        &[Capture { timestamp: "20130405060708", mimetype: "application/pdf", digest }],
    );
    captures(web, &record, record.landing, &[]);
    web.get(&urls::capture("20130405060708", pdf), Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/sundials.14",
        tells: "the journal has closed and its server says 410; the Wayback Machine kept the PDF",
    }
}

fn linked(web: &mut Recording) -> Told {
    let record = Record {
        title: "Letters to a Lighthouse That Moved Away",
        year: 2011,
        doi: Some("10.5555/letters.15"),
        landing: "https://lost.example/letters/15",
        ..Record::ARTICLE
    };
    Apis::closed(&record).record(&record, web);
    web.get(&urls::doi("10.5555/letters.15"), Reply::redirect(302, record.landing));
    web.get(record.landing, Reply::typed(404, "text/html", pages::not_found()));
    let digest = "AAAAAAAAAAAAAAAAAAAAAAAAAAAA5556";
    captures(
        web,
        &record,
        record.landing,
        &[Capture { timestamp: "20120304050607", mimetype: "text/html", digest }],
    );
    let head = "<meta name=\"citation_pdf_url\" content=\"https://lost.example/letters/15.pdf\">";
    let page = pages::article(&record, head, "<p><a href=\"15.pdf\">PDF</a></p>");
    web.get(&urls::capture("20120304050607", record.landing), Reply::html(&page));
    let pdf = "https://lost.example/letters/15.pdf";
    web.get(&urls::capture("20120304050607", pdf), Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/letters.15",
        tells: "only the article's page was linked; its capture leads to the capture of the PDF",
    }
}
