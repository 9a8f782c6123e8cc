//! Which requests go through a proxy. Their names are resolved by the proxy, so this must be known before
//! a request is checked and sent.

use std::ffi::OsString;

use reqwest::ClientBuilder;
use url::Url;

use super::error::HttpError;
use super::no_proxy::Exceptions;
use super::settings::ProxyChoice;

/// The rules by which a proxy is chosen for a URL.
#[derive(Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// What is asked directly all the same.
    except: Exceptions,
}

/// One proxy; its URL may hold a password.
#[derive(Clone)]
struct Proxy {
    url: Url,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place())
    }
}

impl Proxies {
    pub fn new(choice: &ProxyChoice) -> Result<Self, HttpError> {
        match choice {
            ProxyChoice::Direct => Ok(Self::default()),
            ProxyChoice::Environment => Self::of_environment(&|name| std::env::var_os(name)),
            ProxyChoice::Url(given) => {
                let proxy = Some(Proxy::parse("", given)?);
                Ok(Self { http: proxy.clone(), https: proxy, except: Exceptions::default() })
            }
        }
    }

    /// By the variables that everybody reads. One that is set to nothing is as good as not set; one that cannot be
    /// used is an error, because the requests would go out directly, which is what it was to prevent.
    fn of_environment(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, HttpError> {
        // Under CGI the first of them would be a header that a stranger sends.
        if variable("REQUEST_METHOD").is_some() {
            return Ok(Self::default());
        }
        let read = |names: [&'static str; 2]| -> Result<Option<(&'static str, String)>, HttpError> {
            let found = names.into_iter().find_map(|name| Some((name, variable(name)?)));
            let Some((name, value)) = found.filter(|(_, value)| !value.is_empty()) else { return Ok(None) };
            match value.into_string() {
                Ok(value) => Ok(Some((name, value))),
                Err(odd) => Err(HttpError::Proxy {
                    given: format!("{name}={}", odd.to_string_lossy().rsplit('@').next().unwrap_or_default()),
                    reason: "it is not UTF-8".into(),
                }),
            }
        };
        let proxy = |names| -> Result<Option<Proxy>, HttpError> {
            read(names)?.map(|(name, value)| Proxy::parse(name, &value)).transpose()
        };
        let all = proxy(["ALL_PROXY", "all_proxy"])?;
        let except = match read(["NO_PROXY", "no_proxy"])? {
            Some((name, list)) => Exceptions::parse(&list)
                .map_err(|(entry, reason)| HttpError::Proxy { given: format!("{name}={entry}"), reason })?,
            None => Exceptions::default(),
        };
        Ok(Self {
            http: proxy(["HTTP_PROXY", "http_proxy"])?.or_else(|| all.clone()),
            https: proxy(["HTTPS_PROXY", "https_proxy"])?.or(all),
            except,
        })
    }

    /// Host and port of the proxy of this URL, if it goes through one.
    pub fn place(&self, url: &Url) -> Option<String> {
        self.of(url).map(Proxy::place)
    }

    /// The hosts of the proxies themselves, which may well be on the local network.
    pub fn hosts(&self) -> Vec<String> {
        [&self.http, &self.https].into_iter().flatten().filter_map(Proxy::host).collect()
    }

    /// Configures the HTTP library for requests that go through a proxy; which ones do, is decided here.
    pub fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, HttpError> {
        let mut builder = builder.no_proxy();
        if let Some(proxy) = &self.http {
            builder = builder.proxy(reqwest::Proxy::http(proxy.url.clone())?);
        }
        if let Some(proxy) = &self.https {
            builder = builder.proxy(reqwest::Proxy::https(proxy.url.clone())?);
        }
        Ok(builder)
    }

    fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        };
        proxy.filter(|_| !self.except.hold(url))
    }
}

/// The hosts of the proxies that requests go through, each once; none where they go directly.
pub fn proxy_hosts(choice: &ProxyChoice) -> Result<Vec<String>, HttpError> {
    let mut hosts = Proxies::new(choice)?.hosts();
    hosts.dedup();
    Ok(hosts)
}

impl Proxy {
    /// Reads a proxy as an operator gives it; a bare `host:port` is an HTTP proxy. `variable` is where it was given.
    fn parse(variable: &str, given: &str) -> Result<Self, HttpError> {
        // The password, if any, stays out of the message.
        let shown = given.rsplit_once('@').map_or(given.to_owned(), |(_, host)| format!("…@{host}"));
        let given_by = if variable.is_empty() { shown } else { format!("{variable}={shown}") };
        let wrong = |reason: String| HttpError::Proxy { given: given_by.clone(), reason };
        let given = given.trim();
        let full = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let url = Url::parse(&full).map_err(|error| wrong(error.to_string()))?;
        match url.scheme() {
            "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => {}
            scheme => return Err(wrong(format!("{scheme} is not a scheme of proxies"))),
        }
        let proxy = Self { url };
        match proxy.host() {
            Some(host) if !host.is_empty() => Ok(proxy),
            _ => Err(wrong("it names no host".into())),
        }
    }

    /// As it is resolved: an IPv6 address without its brackets.
    fn host(&self) -> Option<String> {
        let host = self.url.host_str()?;
        Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
    }

    fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port_or_known_default().map_or(host.to_owned(), |port| format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Result<Proxies, HttpError> {
        let find = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Proxies::of_environment(&find)
    }

    fn covers(proxies: &Proxies, url: &str) -> bool {
        proxies.place(&url.parse().unwrap()).is_some()
    }

    #[test]
    fn a_proxy_that_is_none_is_a_clear_error_without_the_password() {
        let choice = ProxyChoice::Url("ftp://user:geheim@proxy:21".into());
        let error = Proxies::new(&choice).unwrap_err().to_string();
        assert!(error.contains("ftp") && error.contains("proxy:21"), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }

    #[test]
    fn a_given_proxy_covers_every_host() {
        let proxies = Proxies::new(&ProxyChoice::Url("127.0.0.1:3128".into())).unwrap();
        assert!(covers(&proxies, "https://a.example/"));
        assert!(covers(&proxies, "http://[2001:db8::1]/"));
        assert_eq!(proxies.hosts(), ["127.0.0.1", "127.0.0.1"]);
        assert_eq!(proxies.place(&"http://a.example/".parse().unwrap()).as_deref(), Some("127.0.0.1:3128"));
        assert!(!covers(&Proxies::new(&ProxyChoice::Direct).unwrap(), "http://a.example/"));
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_an_error_with_its_name_and_without_its_password() {
        for (name, value) in [
            ("HTTP_PROXY", "ftp://me:geheim@proxy:21"),
            ("https_proxy", "http://me:geheim@proxy:port"),
            ("ALL_PROXY", "http://"),
            ("HTTP_PROXY", "http://me:geheim@[::1"),
            ("NO_PROXY", "10.0.0.0/99"),
        ] {
            let error = environment(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("geheim"), "{error}");
        }
        assert!(!covers(&environment(&[("HTTP_PROXY", "")]).unwrap(), "http://a.example/"));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_an_error_with_its_name() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd =
            |name: &str| (name == "HTTPS_PROXY").then(|| OsString::from_vec(b"http://pr\xff:1".to_vec()));
        let error = Proxies::of_environment(&odd).unwrap_err().to_string();
        assert!(error.contains("HTTPS_PROXY") && error.contains("UTF-8"), "{error}");
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_proxy_stands_in_for_both() {
        let both = environment(&[("HTTP_PROXY", "one:1"), ("all_proxy", "socks5h://two:2")]).unwrap();
        let place = |url: &str| both.place(&url.parse().unwrap());
        assert_eq!(place("http://a.example/").as_deref(), Some("one:1"));
        assert_eq!(place("https://a.example/").as_deref(), Some("two:2"));
        // What a stranger's request can set.
        let cgi = environment(&[("HTTP_PROXY", "one:1"), ("REQUEST_METHOD", "GET")]).unwrap();
        assert!(!covers(&cgi, "http://a.example/"));
    }

    #[test]
    fn what_no_proxy_names_is_asked_directly() {
        let some =
            environment(&[("HTTP_PROXY", "one:1"), ("no_proxy", "*.example.org,192.0.2.0/24")]).unwrap();
        assert!(!covers(&some, "http://www.example.org/") && !covers(&some, "http://192.0.2.9/"));
        assert!(covers(&some, "http://a.example/") && covers(&some, "http://192.0.3.9/"));
    }
}
