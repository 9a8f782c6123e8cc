//! Pages that have answered within a work: the next source that may ask their hosts gets them from here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use tierfall_http::{HeaderMap, HopPolicy, Request, Response, Role};

/// Pages kept of one work; few works have as many.
const MOST_PAGES: usize = 24;
/// Bytes kept of one work. A page beyond is fetched again.
const MOST_BYTES: usize = 6 << 20;

/// The pages that have answered for one work. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct AnsweredPages(Arc<Mutex<Vec<Page>>>);

/// How a page is asked for, as far as its answer may depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    pub url: Url,
    pub headers: HeaderMap,
    /// The most of the body that is wanted.
    pub cap: u64,
}

#[derive(Debug)]
struct Page {
    request: PageRequest,
    /// The URLs that led to the answer, itself included.
    hops: Vec<Url>,
    /// Whether robots.txt was asked on the way.
    robots: bool,
    response: Response,
}

impl PageRequest {
    pub(crate) fn of(request: &Request, cap: u64) -> Self {
        let mut url = request.url.clone();
        url.set_fragment(None);
        Self { url, headers: request.headers.clone(), cap }
    }
}

impl AnsweredPages {
    /// The answer to a request, if it came before and `hops` lets this caller go the whole way to it.
    pub(crate) fn answer(&self, request: &PageRequest, hops: &dyn HopPolicy) -> Option<Response> {
        let pages = self.lock();
        let page = pages.iter().find(|page| page.answers(request) && (page.robots || !hops.robots()))?;
        let roles = (0..).zip(&page.hops).map(|(hop, url)| hops.admit(url, hop));
        // Whoever may go the whole way to it as to a page may have it.
        let last = roles.collect::<Result<Vec<_>, _>>().ok()?.pop();
        (last == Some(Role::Page)).then(|| page.response.clone())
    }

    /// Keeps a page for the work's other sources, also under the URL that it was found at.
    pub(crate) fn keep(&self, request: PageRequest, hops: Vec<Url>, robots: bool, response: &Response) {
        let mut pages = self.lock();
        let kept: usize = pages.iter().map(|page| page.response.body.len()).sum();
        if !is_final(response.head.status)
            || pages.len() + 2 > MOST_PAGES
            || kept + response.body.len() > MOST_BYTES
        {
            return;
        }
        let found = response.head.url.clone();
        if found != request.url {
            let request = PageRequest { url: found.clone(), ..request.clone() };
            pages.push(Page { request, hops: vec![found], robots, response: response.clone() });
        }
        pages.push(Page { request, hops, robots, response: response.clone() });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// What was cut off is no answer to who wants more.
    fn answers(&self, request: &PageRequest) -> bool {
        self.request.url == request.url
            && self.request.headers == request.headers
            && (!self.response.truncated || request.cap <= self.request.cap)
            && self.response.body.len() as u64 <= request.cap
    }
}

/// Whether asking again a moment later would bring nothing else: a page, or a refusal that does not pass by itself.
fn is_final(status: u16) -> bool {
    matches!(status, 200..300 | 401 | 403 | 404 | 410 | 451)
}

/// A policy that remembers which URLs it has admitted, in which role.
pub(crate) struct Remembering<'a> {
    pub hops: &'a dyn HopPolicy,
    admitted: Mutex<Vec<(Url, Role)>>,
}

impl<'a> Remembering<'a> {
    pub(crate) fn new(hops: &'a dyn HopPolicy) -> Self {
        Self { hops, admitted: Mutex::default() }
    }

    /// The URLs of a request that ended at a page.
    pub(crate) fn page(self) -> Option<Vec<Url>> {
        let admitted = self.admitted.into_inner().unwrap_or_else(PoisonError::into_inner);
        let page = admitted.last().is_some_and(|(_, role)| *role == Role::Page);
        page.then(|| admitted.into_iter().map(|(url, _)| url).collect())
    }
}

impl HopPolicy for Remembering<'_> {
    fn admit(&self, url: &Url, hop: u32) -> Result<Role, String> {
        let role = self.hops.admit(url, hop)?;
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if hop == 0 {
            admitted.clear();
        }
        admitted.push((url.clone(), role));
        Ok(role)
    }

    fn plugin(&self) -> &str {
        self.hops.plugin()
    }

    fn robots(&self) -> bool {
        self.hops.robots()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use tierfall_http::{Head, header_map};

    /// Admits these hosts as pages, and one as an API.
    struct Hosts(HashSet<&'static str>, bool);

    impl HopPolicy for Hosts {
        fn admit(&self, url: &Url, _: u32) -> Result<Role, String> {
            match url.host_str().unwrap_or_default() {
                "api.example" => Ok(Role::Api),
                host if self.0.contains(host) => Ok(Role::Page),
                host => Err(format!("{host} is not declared")),
            }
        }

        fn plugin(&self) -> &str {
            "mine"
        }

        fn robots(&self) -> bool {
            self.1
        }
    }

    fn url(text: &str) -> Url {
        text.parse().expect(text)
    }

    fn page_request(text: &str) -> PageRequest {
        let headers = header_map([("accept", "text/html")]).expect("headers");
        PageRequest { url: url(text), headers, cap: 1000 }
    }

    fn answered(at: &str, status: u16, body: &'static str, truncated: bool) -> Response {
        let head = Head { status, url: url(at), headers: HeaderMap::new() };
        Response { head, body: body.into(), truncated }
    }

    fn all() -> Hosts {
        Hosts(["a.example", "b.example"].into(), true)
    }

    /// After a redirect from the first to the second.
    fn kept(response: &Response) -> AnsweredPages {
        let pages = AnsweredPages::default();
        let hops = vec![url("https://api.example/1"), response.head.url.clone()];
        pages.keep(page_request("https://api.example/1"), hops, true, response);
        pages
    }

    #[test]
    fn a_page_is_answered_again_under_both_its_urls_to_whoever_may_ask_them() {
        let pages = kept(&answered("https://b.example/1", 200, "page", false));
        for at in ["https://api.example/1", "https://b.example/1"] {
            assert!(pages.answer(&page_request(at), &all()).is_some_and(|page| page.body == "page"), "{at}");
            assert!(pages.answer(&page_request(at), &Hosts(["a.example"].into(), true)).is_none(), "{at}");
        }
        assert!(pages.answer(&page_request("https://b.example/2"), &all()).is_none());
        let other = PageRequest { headers: HeaderMap::new(), ..page_request("https://b.example/1") };
        assert!(pages.answer(&other, &all()).is_none(), "another request may have another answer");
    }

    #[test]
    fn a_refusal_that_does_not_pass_by_itself_is_answered_again() {
        let at = "https://b.example/1";
        let status = |status| kept(&answered(at, status, "", false)).answer(&page_request(at), &all());
        assert!([401, 403, 404, 410, 451].into_iter().all(|code| status(code).is_some()));
        assert!([408, 425, 429, 500, 503].into_iter().all(|code| status(code).is_none()));
    }

    #[test]
    fn what_failed_or_was_cut_off_is_asked_again() {
        let at = "https://b.example/1";
        assert!(kept(&answered(at, 503, "busy", false)).answer(&page_request(at), &all()).is_none());
        let cut = kept(&answered(at, 200, "page", true));
        assert!(cut.answer(&page_request(at), &all()).is_some());
        assert!(cut.answer(&PageRequest { cap: 2000, ..page_request(at) }, &all()).is_none());
        assert!(cut.answer(&PageRequest { cap: 2, ..page_request(at) }, &all()).is_none());
    }

    #[test]
    fn who_obeys_robots_gets_no_page_that_was_fetched_without_asking() {
        let pages = AnsweredPages::default();
        let response = answered("https://b.example/1", 200, "page", false);
        pages.keep(page_request("https://b.example/1"), vec![url("https://b.example/1")], false, &response);
        assert!(pages.answer(&page_request("https://b.example/1"), &all()).is_none());
        let ignoring = Hosts(["b.example"].into(), false);
        assert!(pages.answer(&page_request("https://b.example/1"), &ignoring).is_some());
    }

    #[test]
    fn what_is_kept_of_a_work_is_bounded() {
        let pages = AnsweredPages::default();
        for n in 0..1000 {
            let at = format!("https://b.example/{n}");
            pages.keep(page_request(&at), vec![url(&at)], true, &answered(&at, 200, "page", false));
        }
        assert!(pages.lock().len() <= MOST_PAGES);
    }

    #[test]
    fn only_a_way_that_ends_at_a_page_is_remembered() {
        let policy = all();
        let walk = |urls: &[&str]| {
            let remembering = Remembering::new(&policy);
            for (hop, text) in (0..).zip(urls) {
                remembering.admit(&url(text), hop).expect("admitted");
            }
            remembering.page().map(|hops| hops.len())
        };
        assert_eq!(walk(&["https://api.example/1", "https://a.example/2"]), Some(2));
        assert_eq!(walk(&["https://a.example/1", "https://api.example/2"]), None);
        assert_eq!(walk(&[]), None);
    }
}
