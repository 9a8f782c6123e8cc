//! Which requests go through a proxy. Their names are resolved by the proxy, so this must be known before
//! a request is checked and sent.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::ClientBuilder;
use url::Url;

use super::error::HttpError;
use super::settings::ProxyChoice;

/// The rules by which a proxy is chosen for a URL.
#[derive(Debug)]
pub struct Proxies {
    choice: ProxyChoice,
    matcher: Option<Matcher>,
}

impl Proxies {
    pub fn new(choice: &ProxyChoice) -> Result<Self, HttpError> {
        let matcher = match choice {
            ProxyChoice::Direct => None,
            ProxyChoice::Environment => Some(Matcher::from_env()),
            ProxyChoice::Url(given) => {
                check(given)?;
                Some(Matcher::builder().all(given.clone()).build())
            }
        };
        Ok(Self { choice: choice.clone(), matcher })
    }

    /// Whether this URL goes through a proxy.
    pub fn covers(&self, url: &Url) -> bool {
        self.proxy_host(url.as_str()).is_some()
    }

    /// The hosts of the proxies themselves, which may well be on the local network.
    pub fn hosts(&self) -> Vec<String> {
        // Names under `invalid` (RFC 6761) are in nobody's NO_PROXY.
        ["http://name.invalid/", "https://name.invalid/"]
            .iter()
            .filter_map(|url| self.proxy_host(url))
            .collect()
    }

    /// Configures the HTTP library by the same rules.
    pub fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, HttpError> {
        match &self.choice {
            ProxyChoice::Direct => Ok(builder.no_proxy()),
            // The HTTP library reads the environment by itself, with the same matcher.
            ProxyChoice::Environment => Ok(builder),
            ProxyChoice::Url(given) => Ok(builder.proxy(reqwest::Proxy::all(given)?)),
        }
    }

    fn proxy_host(&self, url: &str) -> Option<String> {
        let intercept = self.matcher.as_ref()?.intercept(&url.parse().ok()?)?;
        Some(intercept.uri().host()?.to_owned())
    }
}

/// Checks a proxy as an operator gives it; a bare `host:port` is an HTTP proxy.
fn check(given: &str) -> Result<(), HttpError> {
    // The password, if any, stays out of the message.
    let shown = given.rsplit_once('@').map_or(given.to_owned(), |(_, host)| format!("…@{host}"));
    let wrong = |reason: String| HttpError::Proxy { given: shown.clone(), reason };
    let full = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
    let url = Url::parse(&full).map_err(|error| wrong(error.to_string()))?;
    match url.scheme() {
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => Ok(()),
        scheme => Err(wrong(format!("{scheme} is not a scheme of proxies"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(proxies.covers(&"https://a.example/".parse().unwrap()));
        assert!(proxies.covers(&"http://[2001:db8::1]/".parse().unwrap()));
        assert_eq!(proxies.hosts(), ["127.0.0.1", "127.0.0.1"]);
        assert!(!Proxies::new(&ProxyChoice::Direct).unwrap().covers(&"http://a.example/".parse().unwrap()));
    }
}
