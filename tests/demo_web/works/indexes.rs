//! Works whose copy a service of the first tier names, often after a bad one.

use super::Told;
use crate::demo_web::apis::unpaywall;
use crate::demo_web::apis::{Apis, Location, archives, crossref, openalex, pubmed, semantic_scholar};
use crate::demo_web::pages;
use crate::demo_web::record::Record;
use crate::demo_web::recording::{Recording, Reply};
use crate::pdf::{Flaw, Style};

pub const STORIES: &[fn(&mut Recording) -> Told] = &[
    tides,
    parentheses,
    fog,
    mirrors,
    shadows,
    bees,
    moss,
    greek,
    sici,
    junk,
    comment,
    preview,
    locked,
    placeholder,
    retryable,
    again,
];

fn tides(web: &mut Recording) -> Told {
    let record = Record {
        title: "Tidal Memory in Imaginary Estuaries",
        doi: Some("10.5555/tides.2018.001"),
        landing: "https://press.example/tides/2018/001",
        ..Record::ARTICLE
    };
    let pdf = "https://press.example/tides/2018/001.pdf";
    let known = [Location::publisher(pdf, record.landing)];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(pdf, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told { input: "10.5555/tides.2018.001", tells: "a bare DOI; OpenAlex knows the publisher's PDF" }
}

fn parentheses(web: &mut Recording) -> Told {
    let record = Record {
        title: "Parenthetical Structures in Unwritten Languages",
        doi: Some("10.5555/S0042-9999(19)00042-X"),
        landing: "https://elsewhere.example/pii/S0042999919000042X",
        ..Record::ARTICLE
    };
    let pdf = "https://repository.example/bitstream/42/parenthetical.pdf";
    let location = Location::repository(pdf, "https://repository.example/handle/42").licensed("cc-by");
    let openalex = openalex::work(&record, &[location]);
    let unpaywall = unpaywall::unknown(&record);
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(pdf, Reply::pdf(record.manuscript().pdf(Style::ObjectStreams)));
    Told {
        input: "https://doi.org/10.5555/S0042-9999(19)00042-X",
        tells: "a DOI's URL with parentheses and capitals; only OpenAlex knows a copy",
    }
}

fn fog(web: &mut Recording) -> Told {
    let record = Record {
        title: "Efficient Difference Schemes for Official Fog",
        arxiv: Some("9912.00017v2"),
        landing: "https://arxiv.org/abs/9912.00017",
        ..Record::ARTICLE
    };
    let arxiv = pubmed::feed(&record, "9912.00017v2");
    let datacite = archives::datacite(&record, &[]);
    Apis { arxiv, datacite, ..Apis::unknown(&record) }.record(&record, web);
    let paper = record.preprint("arXiv:9912.00017v2 [physics.pop-ph] 3 Dec 2099");
    web.get("https://arxiv.org/pdf/9912.00017v2", Reply::pdf(paper.pdf(Style::Ligatures)));
    Told {
        input: "arXiv:9912.00017v2",
        tells: "a new arXiv id with its version; its PDF is where arXiv's rules say",
    }
}

fn mirrors(web: &mut Recording) -> Told {
    let record = Record {
        title: "Mirror Symmetry of Imaginary Soap Bubbles",
        authors: &[("Erik", "Fabricated")],
        year: 1999,
        arxiv: Some("hep-th/9912999"),
        landing: "https://arxiv.org/abs/hep-th/9912999",
        ..Record::ARTICLE
    };
    let arxiv = pubmed::feed(&record, "hep-th/9912999v1");
    let datacite = archives::datacite(&record, &[]);
    Apis { arxiv, datacite, ..Apis::unknown(&record) }.record(&record, web);
    let paper = record.preprint("arXiv:hep-th/9912999v1 31 Dec 1999");
    web.get("https://arxiv.org/pdf/hep-th/9912999", Reply::pdf(paper.pdf(Style::Linearised)));
    Told { input: "hep-th/9912999", tells: "an old arXiv id; the PDF is linearised" }
}

fn shadows(web: &mut Recording) -> Told {
    let record = Record {
        title: "Learning to Sort Shadows Without Light",
        arxiv: Some("9912.00042"),
        openalex: Some("W9900000042"),
        landing: "https://arxiv.org/abs/9912.00042",
        ..Record::ARTICLE
    };
    let pdf = "https://arxiv.org/pdf/9912.00042";
    let location = Location { version: "submittedVersion", ..Location::repository(pdf, record.landing) };
    let openalex = openalex::work(&record, &[location.licensed("cc-by")]);
    let arxiv = pubmed::feed(&record, "9912.00042v1");
    let datacite = archives::datacite(&record, &[]);
    Apis { openalex, arxiv, datacite, ..Apis::unknown(&record) }.record(&record, web);
    let paper = record.preprint("arXiv:9912.00042v1 [cs.LG] 7 Dec 2099");
    web.get(pdf, Reply::pdf(paper.pdf(Style::BrokenTitle)));
    Told {
        input: "https://doi.org/10.48550/arXiv.9912.00042",
        tells: "arXiv's own DOI; the title is broken over two lines",
    }
}

fn bees(web: &mut Recording) -> Told {
    let record = Record {
        title: "Waggle Dances of Hypothetical Bees in Zero Gravity",
        pmid: Some("99000101"),
        landing: "https://press.example/bees/zero-gravity",
        ..Record::ARTICLE
    };
    let pdf = "https://europepmc.org/articles/PMC99000101?pdf=render";
    let europe_pmc = pubmed::europe_pmc(&record, Some(pdf));
    Apis { europe_pmc, ..Apis::unknown(&record) }.record(&record, web);
    web.get(pdf, Reply::pdf(record.paper().pdf(Style::Xmp)));
    Told { input: "pmid:99000101", tells: "a PubMed id; Europe PMC lists an open PDF" }
}

fn moss(web: &mut Recording) -> Told {
    let record = Record {
        title: "Clinical Outcomes of Reading Poetry to Moss",
        authors: &[("Farid", "Apocryphal"), ("Greta", "Supposed")],
        doi: Some("10.5555/moss.poetry.3"),
        pmid: Some("99000102"),
        pmcid: Some("PMC99000102"),
        landing: "https://press.example/moss/poetry/3",
        ..Record::ARTICLE
    };
    let pmc = "https://pmc.ncbi.nlm.nih.gov/articles/PMC99000102/pdf/";
    let render = "https://europepmc.org/articles/PMC99000102?pdf=render";
    Apis {
        id_converter: pubmed::in_pmc(&record),
        bucket: (pubmed::in_bucket(&record), pubmed::versions(&record, 1)),
        europe_pmc: pubmed::europe_pmc(&record, Some(render)),
        ..Apis::closed(&record)
    }
    .record(&record, web);
    web.get(pmc, Reply::html(&pages::bot_check()));
    web.get(render, Reply::pdf(record.paper().pdf(Style::DoiInMetadata)));
    Told { input: "PMC99000102", tells: "a PMC id; PMC wants to see a browser first, Europe PMC does not" }
}

fn greek(web: &mut Recording) -> Told {
    let record = Record {
        title: "The α-β Transition of Señor Über's Fictitious Cheese",
        authors: &[("José", "Inventado"), ("Zoë", "Erfunden")],
        doi: Some("10.5555/cheese.2020.77"),
        openalex: Some("W9900000109"),
        landing: "https://press.example/cheese/77",
        ..Record::ARTICLE
    };
    let pdf = "https://repository.example/bitstream/77/kaese.pdf";
    let location = Location::repository(pdf, "https://repository.example/handle/77").licensed("cc-by-nc");
    Apis { openalex: openalex::work(&record, &[location]), ..Apis::closed(&record) }.record(&record, web);
    web.get(pdf, Reply::pdf(record.manuscript().pdf(Style::NamedGlyphs)));
    Told { input: "W9900000109", tells: "an OpenAlex id; Greek letters and accents in the title" }
}

fn sici(web: &mut Recording) -> Told {
    let record = Record {
        title: "Serial Items and Contributions to a Journal Nobody Printed",
        year: 1999,
        first_page: 17,
        pages: 6,
        doi: Some("10.5555/(SICI)0042-9999(199912)42:1<17::AID-INV3>3.0.CO;2-X"),
        landing: "https://oldpress.example/sici/17",
        ..Record::ARTICLE
    };
    let (cut, whole) = ("https://mirror.example/inv3.pdf", "https://oldpress.example/sici/17/fulltext.pdf");
    let known = [Location::repository(cut, record.landing)];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    let crossref = crossref::work(&record, &[(whole, "syndication")]);
    Apis { unpaywall, openalex, crossref, ..Apis::closed(&record) }.record(&record, web);
    web.get(cut, Reply::pdf(record.paper().flawed(Flaw::Truncated)));
    web.get(whole, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/(SICI)0042-9999(199912)42:1<17::AID-INV3>3.0.CO;2-X",
        tells: "an old DOI with brackets and semicolons; one copy is cut short, Crossref links a whole one",
    }
}

fn junk(web: &mut Recording) -> Told {
    let record = Record {
        title: "Gateways That Speak Before Their Documents",
        doi: Some("10.5555/INVENTED.Gateways.9"),
        landing: "https://small.example/gateways/9",
        ..Record::ARTICLE
    };
    let pdf = "https://small.example/download/9";
    Apis { doaj: archives::doaj(&record, pdf), ..Apis::closed(&record) }.record(&record, web);
    web.get(pdf, Reply::typed(200, "application/octet-stream", record.paper().pdf(Style::JunkBefore)));
    Told {
        input: "10.5555/INVENTED.Gateways.9.",
        tells: "a DOI with a trailing dot; DOAJ links a PDF with junk before it and no type, which is good all the same",
    }
}

fn comment(web: &mut Recording) -> Told {
    let record = Record {
        title: "Whistling Through Closed Doors: a Long-Term Study",
        doi: Some("10.5555/whistling.12"),
        landing: "https://press.example/whistling/12",
        ..Record::ARTICLE
    };
    let (wrong, right) =
        ("https://aggregator.example/whistling.pdf", "https://press.example/whistling/12.pdf");
    let page = "https://aggregator.example/whistling";
    let unpaywall = unpaywall::work(&record, &[Location::repository(wrong, page)]);
    let openalex = openalex::work(
        &record,
        &[Location::repository(wrong, page), Location::publisher(right, record.landing)],
    );
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(wrong, Reply::pdf(record.paper().flawed(Flaw::WrongArticleCiting)));
    web.get(right, Reply::pdf(record.paper().pdf(Style::Plain)));
    Told {
        input: "10.5555/whistling.12",
        tells: "one copy is another article that cites this one; OpenAlex knows a second place",
    }
}

fn preview(web: &mut Recording) -> Told {
    let record = Record {
        title: "An Abridged History of Unfinished Bridges",
        pages: 14,
        doi: Some("10.5555/bridges.1"),
        landing: "https://press.example/bridges/1",
        ..Record::ARTICLE
    };
    let (preview, whole) =
        ("https://press.example/bridges/1/preview.pdf", "https://author.example/bridges.pdf");
    let known = [Location::publisher(preview, record.landing)];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    let semantic_scholar = semantic_scholar(&record, Some(whole));
    Apis { unpaywall, openalex, semantic_scholar, ..Apis::closed(&record) }.record(&record, web);
    web.get(preview, Reply::pdf(record.paper().flawed(Flaw::Preview)));
    web.get(whole, Reply::pdf(record.manuscript().pdf(Style::Plain)));
    Told {
        input: "10.5555/bridges.1",
        tells: "the publisher's PDF is one page of fourteen; Semantic Scholar links the author's copy",
    }
}

fn locked(web: &mut Recording) -> Told {
    let record = Record {
        title: "Lost Keys and the Topology of Pockets",
        doi: Some("10.5555/keys.88"),
        landing: "https://press.example/keys/88",
        ..Record::ARTICLE
    };
    let locked = "https://press.example/keys/88.pdf";
    let (empty, good) =
        ("https://repository.example/bitstream/88/keys.pdf", "https://second.example/keys.pdf");
    let known = [
        Location::publisher(locked, record.landing),
        Location::repository(empty, "https://repository.example/handle/88"),
        Location::repository(good, "https://second.example/keys"),
    ];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(locked, Reply::pdf(record.paper().flawed(Flaw::Encrypted)));
    web.get(empty, Reply::pdf(Vec::new()));
    web.get(good, Reply::pdf(record.manuscript().pdf(Style::PrintingForbidden)));
    Told {
        input: "10.5555/keys.88",
        tells: "the first copy needs a password, the second is empty, the third may be read but not printed",
    }
}

fn placeholder(web: &mut Recording) -> Told {
    let record = Record {
        title: "Sorry Seems to Be the Easiest Word: Apologies in Notices",
        doi: Some("10.5555/sorry.5"),
        landing: "https://press.example/sorry/5",
        ..Record::ARTICLE
    };
    let notice = "https://press.example/sorry/5.pdf";
    let (archive, good) =
        ("https://repository.example/bitstream/5/all.pdf", "https://second.example/sorry.pdf");
    let openalex = openalex::work(
        &record,
        &[
            Location::publisher(notice, record.landing),
            Location::repository(archive, "https://repository.example/handle/5"),
            Location::repository(good, "https://second.example/sorry"),
        ],
    );
    Apis { openalex, ..Apis::closed(&record) }.record(&record, web);
    web.get(notice, Reply::pdf(record.paper().flawed(Flaw::Placeholder)));
    // The empty ZIP archive: only its end of central directory.
    web.get(archive, Reply::pdf([b"PK\x05\x06".as_slice(), &[0; 18]].concat()));
    web.get(good, Reply::pdf(record.manuscript().pdf(Style::Plain)));
    Told {
        input: "10.5555/sorry.5",
        tells: "a notice in the place of the paper, then a ZIP file; the third copy is right",
    }
}

fn retryable(web: &mut Recording) -> Told {
    let record = Record {
        title: "Servers That Recover When Asked Twice",
        doi: Some("10.5555/twice.2"),
        landing: "https://press.example/twice/2",
        ..Record::ARTICLE
    };
    let pdf = "https://press.example/twice/2.pdf";
    let known = [Location::publisher(pdf, record.landing)];
    let (unpaywall, openalex) = (unpaywall::work(&record, &known), openalex::work(&record, &known));
    Apis { unpaywall, openalex, ..Apis::closed(&record) }.record(&record, web);
    web.then(pdf, Reply::typed(503, "text/html", pages::not_found()));
    web.then(pdf, Reply::pdf(record.paper().pdf(Style::Scan)));
    Told {
        input: "10.5555/twice.2",
        tells: "the server fails once and is asked again; the paper is a scan without text, accepted as unproven",
    }
}

fn again(_web: &mut Recording) -> Told {
    Told {
        input: "https://dx.doi.org/10.5555/TIDES.2018.001",
        tells: "the first work again, written differently: one work, asked once",
    }
}
