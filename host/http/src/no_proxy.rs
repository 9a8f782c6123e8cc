//! `NO_PROXY`: what is asked directly although there is a proxy. There is no standard; this reads what curl, wget, Go
//! and Python read, and what people mean by what these do not.

use std::net::IpAddr;

use url::{Host, Url};

/// The entries of the list.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<Exception>);

#[derive(Debug, PartialEq, Eq)]
struct Exception {
    place: Place,
    /// Every port, unless one is named.
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Everything,
    /// This name, and those below it.
    Name(String),
    /// A name or an address in which each `*` stands for anything.
    Pattern(String),
    Network(IpAddr, u8),
}

impl Exceptions {
    /// Reads a list; an entry that cannot be meant is given back, with why not.
    pub fn parse(list: &str) -> Result<Self, (String, String)> {
        let entries = list.split([',', ';']).flat_map(str::split_whitespace);
        entries.map(Exception::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this URL is asked directly.
    pub fn hold(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let port = url.port_or_known_default();
        self.0.iter().any(|one| one.port.is_none_or(|only| port == Some(only)) && one.place.is(&host))
    }
}

impl Exception {
    fn parse(given: &str) -> Result<Self, (String, String)> {
        let wrong = |reason: &str| (given.to_owned(), reason.to_owned());
        let text = given.split_once("://").map_or(given, |(_, rest)| rest).trim_end_matches('/');
        if let Some((address, length)) = text.split_once('/') {
            let address = literal(address).ok_or_else(|| wrong("before the / is to be an address"))?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let length = length.parse().ok().filter(|length| *length <= most);
            let length =
                length.ok_or_else(|| wrong("behind the / is to be the number of bits of a network"))?;
            return Ok(Self { place: Place::Network(address, length), port: None });
        }
        if let Some(address) = literal(text) {
            return Ok(Self { place: network_of_one(address), port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => {
                (name, Some(port.parse().map_err(|_| wrong("behind the : is to be a port"))?))
            }
            None => (text, None),
        };
        if let Some(address) = literal(name) {
            return Ok(Self { place: network_of_one(address), port });
        }
        let name = name.trim_end_matches('.').to_lowercase();
        let below = name.strip_prefix("*.").or(name.strip_prefix('.')).unwrap_or(&name);
        let place = match below {
            "*" => Place::Everything,
            "" => return Err(wrong("it names no host")),
            pattern if pattern.contains('*') => Place::Pattern(pattern.to_owned()),
            name => Place::Name(Host::parse(name).map_or(name.to_owned(), |host| host.to_string())),
        };
        Ok(Self { place, port })
    }
}

impl Place {
    fn is(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        };
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Name(name), Host::Domain(host)) => {
                let host = host.trim_end_matches('.');
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Pattern(pattern), Host::Domain(host)) => fits(pattern, host.trim_end_matches('.')),
            (Self::Pattern(pattern), host) => fits(pattern, &host.to_string()),
            (Self::Network(network, length), _) => {
                address.is_some_and(|address| lies_in(address, *network, *length))
            }
            (Self::Name(_), _) => false,
        }
    }
}

fn network_of_one(address: IpAddr) -> Place {
    Place::Network(address, if address.is_ipv4() { 32 } else { 128 })
}

/// An address; one of IPv6 with or without its brackets.
fn literal(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse().ok()
}

fn lies_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let same = |a: u128, b: u128, bits: u32| {
        let shift = bits.saturating_sub(u32::from(length));
        a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

/// Whether the text is what the pattern says, each `*` of which is any text. Linear: what stands between two of them
/// is looked for from the left.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(list: &str, url: &str) -> bool {
        Exceptions::parse(list).unwrap().hold(&url.parse().unwrap())
    }

    #[test]
    fn a_star_is_everything_addresses_too() {
        for url in ["http://a.example/", "https://192.0.2.1/", "http://[2001:db8::1]:8080/"] {
            assert!(hold("*", url) && hold("localhost, *", url) && hold("*:80,*", url), "{url}");
        }
    }

    #[test]
    fn a_name_is_itself_and_what_is_below_it_however_it_is_written() {
        for list in
            ["example.org", ".example.org", "*.example.org", "EXAMPLE.org.", " a.example ,example.org"]
        {
            assert!(hold(list, "http://www.example.org/") && hold(list, "http://example.org./"), "{list}");
            assert!(
                !hold(list, "http://notexample.org/") && !hold(list, "http://example.org.evil.test/"),
                "{list}"
            );
        }
        assert!(hold("bücher.example", "http://www.bücher.example/"));
        assert!(hold("http://intern.example/", "https://intern.example/x"));
    }

    #[test]
    fn addresses_networks_ports_and_patterns_are_read() {
        assert!(
            hold("127.0.0.1 localhost", "http://127.0.0.1:9/")
                && hold("127.0.0.1;localhost", "http://localhost/")
        );
        assert!(hold("10.0.0.0/8", "http://10.200.3.4/") && !hold("10.0.0.0/8", "http://11.0.0.1/"));
        assert!(hold("[2001:db8::]/32", "http://[2001:db8:1::7]/") && hold("::1", "http://[::1]/"));
        assert!(hold("0.0.0.0/0", "http://192.0.2.1/") && !hold("0.0.0.0/0", "http://[::1]/"));
        assert!(
            hold("a.example:8080", "http://a.example:8080/") && !hold("a.example:8080", "http://a.example/")
        );
        assert!(hold("[::1]:80", "http://[::1]/") && !hold("[::1]:81", "http://[::1]/"));
        assert!(hold("192.168.*", "http://192.168.7.9/") && !hold("192.168.*", "http://192.169.7.9/"));
        assert!(hold("repo*.example.org", "http://repo7.example.org/") && !hold("a*b*c", "http://acb/"));
        assert!(!hold("", "http://a.example/") && !hold(" , ", "http://a.example/"));
    }

    #[test]
    fn what_cannot_be_meant_is_given_back() {
        for list in ["10.0.0.0/33", "a.example/24", "a.example:http", ".", "::1/x"] {
            assert!(Exceptions::parse(list).is_err(), "{list}");
        }
    }
}
