//! Pages that have answered within a work: the next source that may ask their hosts gets them from here.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use url::Url;

use tierfall_http::{HeaderMap, HopPolicy, Request, Response, Role};

/// Pages kept of one work; few works have as many.
const MOST_PAGES: usize = 24;
/// Bytes kept of one work. A page beyond is fetched again.
const MOST_BYTES: usize = 6 << 20;
/// Bytes kept in this process, of all works in hand: thousands may be parked. What was not used for the longest time goes
/// first, and is fetched again by the source that needs it.
const MOST_OF_ALL: usize = 64 << 20;
/// What a page takes besides its body.
const PAGE_HEAD: usize = 1 << 10;

/// The pages that have answered for one work. Clones share them; the last one that is dropped drops them.
#[derive(Clone, Debug)]
pub struct AnsweredPages(Arc<OfWork>);

#[derive(Debug)]
struct OfWork {
    work: u64,
    cache: Arc<PageCache>,
}

/// The pages of all works in hand.
#[derive(Debug)]
struct PageCache {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    works: HashMap<u64, Vec<Page>>,
    /// The work of a page, by when the page was used last.
    by_use: BTreeMap<u64, u64>,
    bytes: usize,
    /// Numbers works and uses.
    count: u64,
}

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
    /// The number of its last use.
    used: u64,
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

impl Default for AnsweredPages {
    fn default() -> Self {
        static CACHE: LazyLock<Arc<PageCache>> = LazyLock::new(|| PageCache::of(MOST_OF_ALL));
        Self::on(&CACHE)
    }
}

impl AnsweredPages {
    fn on(cache: &Arc<PageCache>) -> Self {
        let work = cache.lock().next();
        Self(Arc::new(OfWork { work, cache: Arc::clone(cache) }))
    }

    /// The answer to a request, if it came before and `hops` lets this caller go the whole way to it.
    pub(crate) fn answer(&self, request: &PageRequest, hops: &dyn HopPolicy) -> Option<Response> {
        let (way, response) = self.0.cache.lock().find(self.0.work, request, hops.robots())?;
        let roles = (0..).zip(&way).map(|(hop, url)| hops.admit(url, hop));
        // Whoever may go the whole way to it as to a page may have it.
        let last = roles.collect::<Result<Vec<_>, _>>().ok()?.pop();
        (last == Some(Role::Page)).then_some(response)
    }

    /// Keeps a page for the work's other sources, also under the URL that it was found at.
    pub(crate) fn keep(&self, request: PageRequest, hops: Vec<Url>, robots: bool, response: &Response) {
        let OfWork { work, cache } = &*self.0;
        let mut kept = cache.lock();
        let pages = kept.works.get(work).map_or(&[][..], Vec::as_slice);
        let bytes: usize = pages.iter().map(|page| page.response.body.len()).sum();
        if !is_final(response.head.status)
            || pages.len() + 2 > MOST_PAGES
            || bytes + response.body.len() > MOST_BYTES
        {
            return;
        }
        let found = response.head.url.clone();
        if found != request.url {
            let request = PageRequest { url: found.clone(), ..request.clone() };
            let (used, hops) = (kept.next(), vec![found]);
            kept.add(*work, Page { used, request, hops, robots, response: response.clone() });
        }
        let used = kept.next();
        kept.add(*work, Page { used, request, hops, robots, response: response.clone() });
        kept.shrink(cache.most);
    }
}

impl Drop for OfWork {
    fn drop(&mut self) {
        self.cache.lock().forget(self.work);
    }
}

impl PageCache {
    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, kept: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A page of a work, and the way to it.
    fn find(&mut self, work: u64, request: &PageRequest, robots: bool) -> Option<(Vec<Url>, Response)> {
        let now = self.next();
        let pages = self.works.get_mut(&work)?;
        let page = pages.iter_mut().find(|page| page.answers(request) && (page.robots || !robots))?;
        self.by_use.remove(&std::mem::replace(&mut page.used, now));
        self.by_use.insert(now, work);
        Some((page.hops.clone(), page.response.clone()))
    }

    fn add(&mut self, work: u64, page: Page) {
        self.bytes += page.weight();
        self.by_use.insert(page.used, work);
        self.works.entry(work).or_default().push(page);
    }

    /// Drops what was not used for the longest time, until no more than `most` bytes are left.
    fn shrink(&mut self, most: usize) {
        while self.bytes > most
            && let Some((used, work)) = self.by_use.pop_first()
        {
            let Some(pages) = self.works.get_mut(&work) else { continue };
            if let Some(at) = pages.iter().position(|page| page.used == used) {
                self.bytes = self.bytes.saturating_sub(pages.swap_remove(at).weight());
            }
        }
    }

    /// The work has ended.
    fn forget(&mut self, work: u64) {
        for page in self.works.remove(&work).unwrap_or_default() {
            self.by_use.remove(&page.used);
            self.bytes = self.bytes.saturating_sub(page.weight());
        }
    }
}

impl Page {
    fn weight(&self) -> usize {
        self.response.body.len() + PAGE_HEAD
    }

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
        assert!(pages.0.cache.lock().works[&pages.0.work].len() <= MOST_PAGES);
    }

    #[test]
    fn what_is_kept_of_all_works_is_bounded_and_what_was_not_used_for_the_longest_time_goes_first() {
        const BODY: usize = 100 << 10;
        let cache = PageCache::of(10 * (BODY + PAGE_HEAD));
        let at = "https://b.example/1";
        let page = Response { body: vec![b'x'; BODY].into(), ..answered(at, 200, "", false) };
        let request = PageRequest { cap: 1 << 20, ..page_request(at) };
        let has = |pages: &AnsweredPages| pages.answer(&request, &all()).is_some();
        let work = || {
            let pages = AnsweredPages::on(&cache);
            pages.keep(request.clone(), vec![url(at)], true, &page);
            pages
        };
        let first = work();
        let mut works: Vec<AnsweredPages> = (0..9).map(|_| work()).collect();
        assert!(has(&first), "all of them fit, and this one is used");
        works.extend((0..200).map(|_| work()));
        assert!(works.iter().rev().take(10).all(has) && !has(&first) && !has(&works[0]));
        assert!(cache.lock().bytes <= cache.most);
        // One that is used all the time stays.
        let used = work();
        works.extend((0..200).map(|_| {
            assert!(has(&used));
            work()
        }));
        let clone = used.clone();
        drop((first, works, used));
        assert!(has(&clone));
        drop(clone);
        let kept = cache.lock();
        assert_eq!(
            (kept.bytes, kept.works.len(), kept.by_use.len()),
            (0, 0, 0),
            "who has ended keeps nothing"
        );
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
