//! Which addresses may be connected to: web servers on the public network, and what the operator named.
//!
//! A URL is checked before it is requested (scheme, user info, port, name, literal address). Every address
//! that DNS gives for its name is checked by the resolver from which the HTTP library gets its addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

use super::error::{Denial, FetchError};

/// What may be connected to.
#[derive(Debug)]
pub struct AddressPolicy {
    opened: Vec<Opening>,
}

/// A host that may be asked although it is not public: on every port, or on the one that is named. A literal address
/// opens itself, not the names that resolve to it; a name opens whatever it resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    host: Host,
    port: Option<u16>,
}

impl FromStr for Opening {
    type Err = &'static str;

    /// `HOST` or `HOST:PORT`; an IPv6 address needs brackets only where a port follows.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "give a host name or an address, HOST or HOST:PORT, without a scheme or a path";
        let text = text.trim();
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self { host: Host::Ipv6(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| digits && *port > 0);
                (host, Some(port.ok_or("the port is a number from 1 to 65535")?))
            }
            _ => (text, None),
        };
        if host.contains(['*', '@', '/']) {
            return Err(FORM);
        }
        let host = match Host::parse(host.strip_suffix('.').unwrap_or(host)).map_err(|_| FORM)? {
            Host::Domain(name) => Host::Domain(normalized(&name)),
            address => address,
        };
        Ok(Self { host, port })
    }
}

impl Opening {
    fn is_of(&self, host: &Host<&str>) -> bool {
        match (&self.host, host) {
            (Host::Domain(opened), Host::Domain(name)) => *opened == normalized(name),
            (Host::Ipv4(opened), Host::Ipv4(address)) => opened == address,
            (Host::Ipv6(opened), Host::Ipv6(address)) => opened == address,
            _ => false,
        }
    }
}

/// An address that may not be connected to, and why. The HTTP library passes it on as an error's source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} is {address}, which is {meaning}")]
pub struct Forbidden {
    pub host: String,
    pub address: IpAddr,
    pub meaning: &'static str,
}

impl AddressPolicy {
    /// Each entry is an [`Opening`]; one that is none opens nothing, and the settings have refused it before.
    pub fn new(allow_private: &[String]) -> Self {
        Self { opened: allow_private.iter().filter_map(|entry| entry.parse().ok()).collect() }
    }

    /// Whether the operator opened the host and port of this URL.
    pub fn opens(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return false };
        self.opened.iter().any(|opened| opened.is_of(&host) && opened.port.is_none_or(|own| own == port))
    }

    /// Checks what can be known of a URL without DNS.
    pub fn check_url(&self, url: &Url) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            let detail = format!("{}: is neither http nor https", url.scheme());
            return Err(FetchError::denied(Denial::Scheme, detail));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let detail = format!("a URL of {} carries a user name", url.host_str().unwrap_or_default());
            return Err(FetchError::denied(Denial::UserInfo, detail));
        }
        let Some(host) = url.host() else {
            return Err(FetchError::denied(Denial::Scheme, "the URL has no host"));
        };
        if self.opens(url) {
            return Ok(());
        }
        if let Some(port) = url.port()
            && !web_port(port)
        {
            let detail = format!("no web server listens on port {port} of {host}");
            return Err(FetchError::denied(Denial::Port, detail));
        }
        let meaning = match host {
            Host::Domain(name) => local_name(&normalized(name)),
            Host::Ipv4(address) => reserved(IpAddr::V4(address)),
            Host::Ipv6(address) => reserved(IpAddr::V6(address)),
        };
        match meaning {
            None => Ok(()),
            Some(meaning) => {
                let detail = format!("{host} is {meaning}{}", self.other_ports(&host));
                Err(FetchError::denied(Denial::PrivateAddress, detail))
            }
        }
    }

    /// What to say of a host of which other ports were opened.
    fn other_ports(&self, host: &Host<&str>) -> String {
        let ports = self.opened.iter().filter(|opened| opened.is_of(host)).filter_map(|opened| opened.port);
        let ports: Vec<String> = ports.map(|port| port.to_string()).collect();
        if ports.is_empty() {
            return String::new();
        }
        format!("; http.allow_private opens it on port {} only", ports.join(", "))
    }
}

/// Checks what DNS answered for a name that nobody opened. One private address among public ones is an attack (DNS
/// rebinding), so it refuses them all.
pub fn check_answers(name: &str, answers: &[IpAddr]) -> Result<(), Forbidden> {
    let forbidden = |address: &IpAddr| Some((*address, reserved(*address)?));
    match answers.iter().find_map(forbidden) {
        Some((address, meaning)) => Err(Forbidden { host: normalized(name), address, meaning }),
        None => Ok(()),
    }
}

/// What an address is reserved for, if it is not public.
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

/// The IANA IPv4 special-purpose registry (RFC 6890), and addresses that cloud providers use for their own
/// services.
const V4: [(Ipv4Addr, u32, &str); 18] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network (RFC 1122)"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private (RFC 1918)"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier-grade NAT (RFC 6598)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback (RFC 1122)"),
    // Among them 169.254.169.254, the metadata service of most cloud providers.
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local (RFC 3927)"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private (RFC 1918)"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments (RFC 6890)"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation (RFC 5737)"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "the 6to4 relay (RFC 7526)"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private (RFC 1918)"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking (RFC 2544)"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation (RFC 5737)"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation (RFC 5737)"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast (RFC 5771)"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast (RFC 919)"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved (RFC 1112)"),
    // A public address that Azure routes to its own services.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's own service"),
    (Ipv4Addr::new(100, 100, 100, 200), 32, "a cloud's metadata service"),
];

/// The IANA IPv6 special-purpose registry. What lies outside `2000::/3` is not global unicast
/// (RFC 4291, 2.4) and is refused whether or not it is listed.
const V6: [(Ipv6Addr, u32, &str); 18] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified (RFC 4291)"),
    (Ipv6Addr::LOCALHOST, 128, "loopback (RFC 4291)"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "IPv4-mapped (RFC 4291)"),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, "IPv4-translated (RFC 2765)"),
    (Ipv6Addr::UNSPECIFIED, 96, "IPv4-compatible (RFC 4291)"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "local NAT64 (RFC 8215)"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard-only (RFC 6666)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo (RFC 4380)"),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "benchmarking (RFC 5180)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "protocol assignments (RFC 2928)"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation (RFC 3849)"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4 (RFC 7526)"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation (RFC 9637)"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "segment routing (RFC 9602)"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "unique local (RFC 4193)"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local (RFC 4291)"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local (RFC 3879)"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast (RFC 4291)"),
];

/// On networks without IPv4, DNS64 answers with this prefix before every public IPv4 address
/// (RFC 6052), so the IPv4 address within is checked.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter()
        .find(|(network, bits, _)| (address.to_bits() ^ network.to_bits()).leading_zeros() >= *bits)
        .map(|(_, _, meaning)| *meaning)
}

fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    let within =
        |network: Ipv6Addr, bits: u32| (address.to_bits() ^ network.to_bits()).leading_zeros() >= bits;
    let [.., a, b] = address.segments();
    let tail = Ipv4Addr::from_bits((u32::from(a) << 16) | u32::from(b));
    if within(NAT64.0, NAT64.1) {
        return reserved_v4(tail);
    }
    if let Some((_, _, meaning)) = V6.iter().find(|(network, bits, _)| within(*network, *bits)) {
        return Some(meaning);
    }
    if !within(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1) {
        return Some("not global unicast (RFC 4291)");
    }
    // ISATAP (RFC 5214, 6.1) tunnels to the IPv4 address in the last 32 bits, behind any prefix.
    match address.segments() {
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => reserved_v4(tail),
        _ => None,
    }
}

/// What a name is, if it cannot be public.
fn local_name(name: &str) -> Option<&'static str> {
    /// Names that the machine or its own network resolves: RFC 6761 (localhost), RFC 6762 (local, and in
    /// appendix G those that networks use), RFC 8375 (home.arpa), and ICANN's reservation of `internal`,
    /// under which cloud providers have their metadata services. `metadata.goog` is another name of one of
    /// those, and `svc` ends the names of services within a Kubernetes cluster.
    const INNER: [&str; 12] = [
        "localhost",
        "localdomain",
        "local",
        "internal",
        "home.arpa",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "metadata.goog",
        "svc",
    ];
    if !name.contains('.') && !INNER.contains(&name) {
        return Some("a name without a domain, known only to the local network");
    }
    INNER
        .iter()
        .any(|inner| name.strip_suffix(inner).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
        .then_some("a name of the local network (RFC 6761, RFC 6762)")
}

/// 80, 443 and the unprivileged ports, except those that the Fetch standard blocks ("bad port") and those
/// on which databases and message brokers listen.
fn web_port(port: u16) -> bool {
    const OTHERS: [u16; 31] = [
        1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432,
        5672, 5900, 6000, 6379, 6566, 6667, 6679, 6697, 9092, 9200, 9300, 10080, 11211, 27017,
    ];
    matches!(port, 80 | 443) || (port >= 1024 && !OTHERS.contains(&port))
}

/// The form in which names are compared: lower case, without the root's dot.
fn normalized(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::forbidden_hosts::FORBIDDEN;

    fn check(allow: &[&str], url: &str) -> Result<(), FetchError> {
        let allow: Vec<String> = allow.iter().map(|entry| (*entry).into()).collect();
        AddressPolicy::new(&allow).check_url(&url.parse().unwrap())
    }

    fn denial(url: &str) -> Option<Denial> {
        match check(&[], url) {
            Ok(()) => None,
            Err(FetchError::Denied { reason, .. }) => Some(reason),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    #[test]
    fn no_form_of_an_inner_address_is_let_through() {
        for host in FORBIDDEN {
            for url in [format!("http://{host}/"), format!("https://{host}:8443/x.pdf")] {
                assert_eq!(denial(&url), Some(Denial::PrivateAddress), "{url}");
            }
        }
    }

    #[test]
    fn the_public_network_is_let_through() {
        for host in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "134744072",
            "[2600::1]",
            "[2a00:1450::1]",
            "[64:ff9b::8.8.8.8]",
            "[2001:4860:4860::8888]",
            "[3ffe::1]",
            "host.example",
            "local.host.example",
            "localhost.host.example",
            "internal.example.org",
            "xn--bcher-kva.example",
            "localnet.example",
            "home.example",
        ] {
            for url in [format!("http://{host}/"), format!("https://{host}:8443/x.pdf")] {
                assert_eq!(denial(&url), None, "{url}");
            }
        }
    }

    #[test]
    fn only_the_web_is_asked_and_only_where_it_listens() {
        for url in [
            "ftp://host.example/",
            "file:///etc/passwd",
            "gopher://host.example/",
            "data:,x",
            "ws://host.example/",
        ] {
            assert_eq!(denial(url), Some(Denial::Scheme), "{url}");
        }
        for port in [
            1, 21, 22, 25, 53, 110, 143, 389, 445, 465, 587, 993, 1023, 2375, 3306, 5432, 6379, 6667, 9200,
            11211,
        ] {
            assert_eq!(denial(&format!("http://host.example:{port}/")), Some(Denial::Port), "{port}");
        }
        for port in [80, 443, 1024, 3000, 8000, 8080, 8443, 8888, 49152, 65535] {
            assert_eq!(denial(&format!("http://host.example:{port}/")), None, "{port}");
        }
        for url in
            ["http://user@host.example/", "http://user:pass@host.example/", "http://:pass@host.example/"]
        {
            assert_eq!(denial(url), Some(Denial::UserInfo), "{url}");
        }
    }

    #[test]
    fn a_port_opens_itself_alone_and_what_is_no_host_is_refused() {
        for (allow, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("localhost:80", "http://localhost/"),
            ("localhost:443", "https://LOCALHOST./"),
            ("[::1]:9", "http://[::1]:9/"),
            ("[::1]", "http://[::1]:9/"),
            ("Bücher.local:8443", "https://xn--bcher-kva.local:8443/"),
        ] {
            assert!(check(&[allow], url).is_ok(), "{allow} does not open {url}");
        }
        for (allow, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8081/"),
            ("127.0.0.1:8080", "http://127.0.0.1/"),
            ("localhost:80", "https://localhost/"),
            ("localhost:443", "http://localhost/"),
            ("[::1]:9", "http://[::1]/"),
        ] {
            let error = check(&[allow], url).unwrap_err().to_string();
            assert!(error.contains("opens it on port"), "{allow}, {url}: {error}");
        }
        assert!(check(&["localhost:1", "localhost:2"], "http://localhost:2/").is_ok());
        for entry in [
            "",
            "http://localhost/",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:+80",
            "*.corp",
            "a b",
            "me@h",
        ] {
            assert!(entry.parse::<Opening>().is_err(), "{entry:?}");
        }
    }

    #[test]
    fn what_the_operator_names_is_opened_on_any_port_and_nothing_beside_it() {
        assert!(check(&["127.0.0.1"], "http://127.0.0.1:22/").is_ok());
        assert!(check(&["127.0.0.1"], "http://0x7f.1/").is_ok(), "the same address");
        assert!(check(&["[::1]"], "http://[::1]:9/").is_ok());
        assert!(check(&["::1"], "http://[::1]:9/").is_ok());
        assert!(check(&["Wiki.corp."], "http://wiki.CORP/").is_ok());
        for (allow, url) in [
            ("127.0.0.1", "http://127.0.0.2/"),
            ("127.0.0.1", "http://localhost/"),
            ("127.0.0.1", "http://[::ffff:127.0.0.1]/"),
            ("localhost", "http://127.0.0.1/"),
            ("wiki.corp", "http://other.corp/"),
            ("wiki.corp", "http://a.wiki.corp/"),
            ("127.0.0.1", "http://user@127.0.0.1/"),
            ("127.0.0.1", "ftp://127.0.0.1/"),
        ] {
            assert!(check(&[allow], url).is_err(), "{allow} opened {url}");
        }
    }

    #[test]
    fn one_bad_answer_of_dns_refuses_them_all_and_names_it() {
        let answers =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert!(check_answers("host.example", &answers(&["8.8.8.8", "2600::1"])).is_ok());
        for bad in [["8.8.8.8", "127.0.0.1"], ["10.1.1.1", "8.8.8.8"], ["2600::1", "::ffff:10.0.0.1"]] {
            let error = check_answers("Host.example", &answers(&bad)).unwrap_err();
            assert!(error.to_string().starts_with("host.example is "), "{error}");
        }
    }
}
