//! Phrases of documents that are not the paper. Adding one needs no change of code. They were collected from the
//! files of publishers and repositories.
//!
//! They are written as normalized text: lower case, letters and digits only, without spaces or accents.

/// A short document with one of these is a placeholder for an article.
pub const PLACEHOLDER: &[&str] = &[
    "donthavethisarticle",
    "donothavethisarticle",
    "articleisnotavailable",
    "articlenotavailable",
    "contentisnotavailable",
    "contentnotavailable",
    "contentisunavailable",
    "documentisnotavailable",
    "documentnotavailable",
    "fileisnotavailable",
    "filenotavailable",
    "pdfisnotavailable",
    "pdfnotavailable",
    "notavailableinpdf",
    "notavailableaspdf",
    "isnotavailableonline",
    "notcurrentlyavailable",
    "temporarilyunavailable",
    "nolongeravailable",
    "hasbeenremoved",
    "wasnotfound",
    "couldnotbefound",
    "filenotfound",
    "pagenotfound",
    "accessdenied",
    "donothaveaccess",
    "donthaveaccess",
    "isunderembargo",
    "isembargoed",
    "embargoeduntil",
    "embargoperiod",
    "isrestricted",
    "accesstothisitemisrestricted",
    "requestacopy",
    "contacttherepository",
    "pleasevisitthearticlepage",
    "intentionallyleftblank",
    "placeholder",
    "comingsoon",
];

/// A document of one or two pages with one of these is an abstract, even if the work has no more pages.
pub const ABSTRACT_ONLY: &[&str] = &[
    "onlytheabstractcan",
    "onlytheabstractis",
    "onlyanabstractis",
    "fulltextofthisarticleisnotavailable",
    "fulltextofthisarticleisavailable",
    "fulltextofthispaperisnotavailable",
    "fulltextofthisdocumentisnotavailable",
    "fulltextisavailabletosubscribers",
    "availabletosubscribersonly",
    "toreadthefulltextofthis",
    "toviewthefulltextofthis",
    "fullarticleisnotavailable",
    "fullarticleisavailabletosubscribers",
    "fullpaperisnotavailable",
    "fullpapernotavailable",
    "letextecompletnestpasdisponible",
    "textocompletonoestadisponible",
    "volltextistnichtverfugbar",
    "volltextnichtverfugbar",
];

/// The same, only if the document has fewer pages than the work.
pub const ABSTRACT_OF_MORE: &[&str] = &[
    "onlytheabstract",
    "abstractonly",
    "onlyanabstract",
    "fulltextisnotavailable",
    "fulltextnotavailable",
    "availabletosubscribers",
    "toreadthefulltext",
    "toviewthefulltext",
    "accessthefulltext",
    "nofulltext",
];

/// A document of a few pages with one of these is a preview, even if the work has no more pages.
pub const PREVIEW: &[&str] = &[
    "previewofthefirst",
    "firstpagepreview",
    "thisisapreviewof",
    "thisisafreepreview",
    "endofthispreview",
    "endofpreview",
    "buythisarticle",
    "purchasethisarticle",
    "buythefullarticle",
    "purchasethefullarticle",
    "buythispaper",
    "purchasethispaper",
    "rentthisarticle",
];

/// The same, only if the document has fewer pages than the work.
pub const PREVIEW_OF_MORE: &[&str] = &[
    "thisisapreview",
    "previewonly",
    "pagepreview",
    "purchaseaccess",
    "tocontinuereading",
    "continuereading",
    "readthefullarticle",
    "samplepages",
];

/// A line that begins with one of these, before or in place of a title, is the heading of supplementary material.
pub const SUPPLEMENT: &[&str] = &[
    "supportinginformation",
    "supportingonlinematerial",
    "supportingmaterial",
    "supportingdata",
    "supportingtext",
    "supplementaryinformation",
    "supplementarymaterial",
    "supplementarydata",
    "supplementaryappendix",
    "supplementarymethods",
    "supplementaryfile",
    "supplementarytext",
    "supplementarynote",
    "supplementaryfigure",
    "supplementarytable",
    "supplementaryonline",
    "supplementalinformation",
    "supplementalmaterial",
    "supplementaldata",
    "supplementalappendix",
    "supplementalmethods",
    "supplementalfile",
    "supplementalfigure",
    "supplementaltable",
    "supplementaldigitalcontent",
    "electronicsupplementary",
    "onlinesupplement",
    "onlineappendix",
    "onlineresource",
    "onlinedatasupplement",
    "datasupplement",
    "webappendix",
    "webextra",
    "additionalfile",
    "supplementto",
    "supplementfor",
    "supplementalresults",
    "supplementaryresults",
    "supplementarydocument",
    "supplementaryinformations",
    "supportinginfo",
    "informationssupplementaires",
    "materielsupplementaire",
    "materialsuplementario",
    "materialsuplementar",
    "informacionsuplementaria",
    "materialesupplementare",
    "zusatzmaterial",
    "onlineanhang",
    "appendixs1",
    "s1appendix",
    "s1file",
    "s1text",
    "appendixto",
    "appendixfor",
];

/// A line that begins with one of these, after the title of a document without abstract and introduction, is the
/// heading of supplementary material as well.
pub const APPENDIX: &[&str] = &[
    "appendix",
    "appendices",
    "anhang",
    "annexe",
    "apendice",
    "additionalmaterial",
    "additionalinformation",
    "additionalresults",
    "additionalproofs",
    "supplementary",
    "supplemental",
    "supplement",
    "technicalappendix",
    "omittedproofs",
];

/// A line before the title that is one of these and nothing else, in a document without abstract and introduction, makes
/// it supplementary material: `Supplement: Title`.
pub const SUPPLEMENT_LABEL: &[&str] = &[
    "supplement",
    "supplements",
    "supplementary",
    "supplemental",
    "appendix",
    "appendices",
    "anhang",
    "annexe",
    "annexes",
    "apendice",
    "приложение",
    "附录",
];

/// A line that ends with one of these is such a heading, too: `Conference 2013 - Supplementary Material`.
pub const SUPPLEMENT_ENDS: &[&str] = &[
    "supplementarymaterial",
    "supplementarymaterials",
    "supplementalmaterial",
    "supplementalmaterials",
    "supplementaryinformation",
    "supportinginformation",
    "supplementarydocument",
    "supplementaldocument",
    "onlineappendix",
];

/// Supplementary material introduces itself with one of these; an article speaks of its own in other words.
pub const SUPPLEMENT_SAYS: &[&str] = &[
    "inthissupplementarymaterial",
    "inthissupplementalmaterial",
    "inthissupplementarydocument",
    "inthissupplementaldocument",
    "thissupplementarymaterialprovides",
    "thissupplementarymaterialcontains",
    "thissupplementalmaterialcontains",
    "thissupplementaldocumentpresents",
    "thissupplementarydocumentcontains",
    "thissupplementcontains",
    "inthemaintextofthepaper",
];

/// Words of proofs and derivations.
pub const PROVES: &[&str] = &["proof", "lemma", "theorem", "proposition", "corollary"];

/// A line that begins with one of these opens an article.
pub const ARTICLE: &[&str] = &[
    "abstract",
    "summary",
    "introduction",
    "keywords",
    "keyword",
    "resumen",
    "resume",
    "resumo",
    "zusammenfassung",
    "einleitung",
    "introduccion",
    "riassunto",
    "摘要",
    "要旨",
    "аннотация",
];

/// A line with one of these only points to supplementary material; an article has a section of supplementary materials and methods.
pub const POINTER: &[&str] =
    &["available", "http", "www", "canbefound", "accompanies", "see", "contains", "andmethods"];

/// A line that begins with one of these, before or in place of a title, is the heading of a notice about the work.
pub const NOTICE: &[&str] = &[
    "erratum",
    "errata",
    "corrigendum",
    "corrigenda",
    "correctionto",
    "correctionof",
    "correctionfor",
    "correctionnotice",
    "correction",
    "authorcorrection",
    "publishercorrection",
    "publisherscorrection",
    "publisherserratum",
    "retractionnote",
    "retractionnotice",
    "retractionof",
    "retractionto",
    "retraction",
    "noticeofretraction",
    "expressionofconcern",
    "editorialexpressionofconcern",
    "addendum",
    "berichtigung",
    "rectificatif",
    "rectificacion",
    "fedeerratas",
    "fedeerrores",
    "withdrawalnotice",
    "withdrawn",
    "removalnotice",
];

/// A work whose title begins with one of these is such a notice itself, or was named so afterwards.
pub const NOTICE_TITLE: &[&str] = &[
    "retracted",
    "retraction",
    "withdrawn",
    "withdrawal",
    "correction",
    "corrected",
    "erratum",
    "corrigendum",
];

/// A line that begins with one of these, directly behind a title, makes the document one about the work of that title.
pub const ABOUT_BEHIND: &[&str] = &[
    "areplyto",
    "replyto",
    "areply",
    "reply",
    "authorsreply",
    "authorreply",
    "replybytheauthor",
    "responseto",
    "aresponse",
    "authorsresponse",
    "acommenton",
    "commenton",
    "commentson",
    "acomment",
    "comment",
    "commentary",
    "rejoinder",
    "arejoinder",
    "erratum",
    "corrigendum",
    "bookreview",
    "reviewof",
    "reviewedby",
    "adiscussion",
    "discussion",
    "acritique",
    "letterto",
];

/// What publishers put before the title of an article that they took back; the file may be the one from before.
pub const RETRACTED: &[&str] = &[
    "retracted article:",
    "retracted chapter:",
    "[retracted article]",
    "retracted:",
    "[retracted]",
    "withdrawn:",
    "retracted -",
];

/// A line that begins with one of these, directly before the title, is the heading of a text about the work.
pub const ABOUT: &[&str] = &[
    "commenton",
    "commentson",
    "commentaryon",
    "replyto",
    "responseto",
    "rejoinderto",
    "areplyto",
    "reviewof",
    "editorialcommenton",
    "discussionof",
    "discussionon",
    "peerreviewfile",
    "peerreviewhistory",
    "reviewerreport",
];
