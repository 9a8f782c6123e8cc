//! The patterns by which web pages are known that were answered in place of a file: lists, to be added to without
//! a thought for code. They were collected from what publishers, repositories and protection services show.

use super::verdict::Reason;

/// What a page shows that describes an article: Highwire, Dublin Core and schema.org metadata.
pub const ARTICLE: &[&str] = &[
    "\"citation_title\"",
    "\"citation_doi\"",
    "\"citation_pdf_url\"",
    "'citation_title'",
    "name=\"dc.title\"",
    "name=\"dcterms.title\"",
    "\"scholarlyarticle\"",
    "og:type\" content=\"article\"",
];

/// What a web page shows that was answered in place of a file, in the order in which it is looked for.
/// Written in lower case; found anywhere in the page.
pub const PAGES: &[(Reason, &[&str])] = &[
    (
        Reason::BotCheck,
        &[
            // Cloudflare
            "<title>just a moment",
            "cf-chl-",
            "cf_chl_",
            "/cdn-cgi/challenge-platform",
            "cf-browser-verification",
            "attention required! | cloudflare",
            "checking your browser",
            "checking if the site connection is secure",
            "enable javascript and cookies to continue",
            // Akamai
            "_abck",
            "ak_bmsc",
            "sec-if-cpt-container",
            "reference&#32;&#35;",
            "errors.edgesuite.net",
            // Imperva
            "_incapsula_resource",
            "incapsula incident id",
            "/_imperva",
            // DataDome, PerimeterX, Radware, F5, Anubis, AWS
            "captcha-delivery.com",
            "datadome",
            "px-captcha",
            "perimeterx",
            "perfdrive.com",
            "radware bot manager",
            "the requested url was rejected. please consult with your administrator",
            "anubis_challenge",
            "making sure you&#39;re not a bot",
            "making sure you're not a bot",
            "awswaf",
            // Anyone
            "g-recaptcha",
            "h-captcha",
            "hcaptcha.com",
            "recaptcha/api.js",
            "cf-turnstile",
            "are you a robot",
            "are you human",
            "verify you are human",
            "verify that you are not a robot",
            "not a robot",
            "unusual traffic",
            "automated access",
            "security check to access",
            "ddos protection by",
            "validate user</title>",
            "<title>validateuser",
            "one moment, please",
            "please stand by, while we are checking your browser",
            "enable cookies and reload the page",
        ],
    ),
    (
        Reason::LoginWall,
        &[
            "type=\"password\"",
            "type='password'",
            "type=password",
            "<title>sign in",
            "<title>log in",
            "<title>login",
            "access through your institution",
            "access through your organization",
            "institutional login",
            "institutional sign in",
            "shibboleth",
            "openathens",
            "purchase this article",
            "purchase access",
            "purchase pdf",
            "buy this article",
            "buy article",
            "buy now",
            "rent this article",
            "get access to the full",
            "subscribe to read",
            "subscription required",
            "you do not have access",
            "you don't have access",
            "to read the full-text of this",
            "pay per view",
            "pay-per-view",
            "samlrequest",
        ],
    ),
    (
        Reason::NothingThere,
        &[
            "page not found",
            "not found</title>",
            "404 not found",
            "error 404",
            "404 error",
            "could not be found",
            "cannot be found",
            "can't be found",
            "was not found",
            "does not exist",
            "doesn't exist",
            "no longer available",
            "page not available",
            "document not found",
            "file not found",
            "we are sorry",
            "we're sorry",
        ],
    ),
];

/// Response headers that only a bot check sends: a name, and what its value contains.
pub const BOT_CHECK_HEADERS: &[(&str, &str)] = &[
    ("cf-mitigated", "challenge"),
    ("x-datadome", ""),
    ("x-amzn-waf-action", ""),
    ("x-px-block", ""),
    ("server", "datadome"),
];
