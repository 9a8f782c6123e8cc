//! Reads the ledger's URL as libpq does: which server, and how well its connection is protected.

use std::net::IpAddr;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslNegotiation};

use super::statements::with_cause;
use super::tls::{Authorities, Identity, TlsMode};

/// The server that a URL names.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) mode: TlsMode,
    pub(super) authorities: Authorities,
    pub(super) identity: Option<Identity>,
    /// `passfile`.
    pub(super) password_file: Option<PathBuf>,
}

impl Target {
    /// Errors are for people, and repeat nothing of the URL: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (before, options) = split(url)?;
        let (mut kept, mut mode, mut authorities) = (Vec::new(), None, Authorities::Given);
        let (mut certificate, mut key, mut password_file, mut fallback_name) = (None, None, None, None);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or("an option after the ? has no value")?;
            match decoded(name)?.as_str() {
                // As in libpq the last one counts.
                "sslmode" => mode = Some(read_mode(&decoded(value)?)?),
                "sslrootcert" if value == "system" => {
                    authorities = Authorities::Given;
                    // Anybody can have a certificate of a public authority, so its name must be right.
                    mode.get_or_insert(TlsMode::VerifyFull);
                }
                "sslrootcert" => authorities = Authorities::File(decoded(value)?.into()),
                "sslcert" => certificate = Some(PathBuf::from(decoded(value)?)),
                "sslkey" => key = Some(PathBuf::from(decoded(value)?)),
                "passfile" => password_file = Some(PathBuf::from(decoded(value)?)),
                "fallback_application_name" => fallback_name = Some(decoded(value)?),
                "keepalives_count" => kept.push(format!("keepalives_retries={value}")),
                name => match meant(name, &decoded(value)?)? {
                    Some(value) => kept.push(format!("{name}={value}")),
                    None => kept.extend(is_passed_on(name)?.then(|| option.to_owned())),
                },
            }
        }
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            _ => return Err("sslcert and sslkey are given together".to_owned()),
        };
        let question = if kept.is_empty() { "" } else { "?" };
        let mut config: Config = format!("{before}{question}{}", kept.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| with_cause(&error))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host(default_host());
        }
        if let Some(name) = fallback_name.filter(|_| config.get_application_name().is_none()) {
            config.application_name(name);
        }
        let mode = if only_sockets(&config) {
            // The file system protects a socket; there is no TLS on it.
            TlsMode::Disable
        } else {
            mode.unwrap_or(if is_this_machine(&config) { TlsMode::Prefer } else { TlsMode::VerifyFull })
        };
        config.ssl_mode(mode.on_the_wire());
        Ok(Self { config, mode, authorities, identity, password_file })
    }

    /// The server and the database, without anything secret.
    pub(super) fn name(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
        let mut hosts: Vec<String> = hosts.collect();
        if hosts.is_empty() {
            hosts.extend(self.config.get_hostaddrs().iter().map(IpAddr::to_string));
        }
        format!("{} at {}", self.config.get_dbname().unwrap_or("(default database)"), hosts.join(", "))
    }

    /// TLS begins at once, without being asked for in PostgreSQL's own words first.
    pub(super) fn is_direct(&self) -> bool {
        self.config.get_ssl_negotiation() == SslNegotiation::Direct
    }
}

/// What is before the options, and the options. A stray `@` is refused, because a part of a password would be taken
/// for a host, whose name is shown.
fn split(url: &str) -> Result<(&str, &str), String> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or("it is to be given as postgres://USER@HOST/DATABASE")?;
    let (before, options) = url.split_once('?').unwrap_or((url, ""));
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let odd = match place.matches('@').count() {
        0 => rest.contains('@'),
        1 => false,
        _ => true,
    };
    if odd {
        return Err("in a name or password @ is to be written as %40, / as %2F and ? as %3F".to_owned());
    }
    Ok((before, options))
}

/// Where libpq looks when no server is named.
fn default_host() -> String {
    let folders = ["/run/postgresql", "/var/run/postgresql", "/tmp"];
    let socket = |folder: &&str| std::path::Path::new(folder).join(".s.PGSQL.5432").exists();
    folders.iter().find(|folder| cfg!(unix) && socket(folder)).unwrap_or(&"localhost").to_string()
}

/// What an option of libpq means here, where that is not what the driver reads: another value of it, or nothing at
/// all, because what it asks for is so in any case. What cannot be granted is refused by its name.
fn meant(name: &str, value: &str) -> Result<Option<&'static str>, String> {
    let lower = value.to_ascii_lowercase();
    let refused = |why: &str| Err(format!("{name}={lower} cannot be granted: {why}"));
    match (name, lower.as_str()) {
        ("target_session_attrs", "primary") => Ok(Some("read-write")),
        ("target_session_attrs", "standby" | "prefer-standby" | "read-only") => {
            refused("the ledger has to be written to")
        }
        ("client_encoding", text)
            if text != "auto" && !matches!(text.replace(['-', '_'], "").as_str(), "utf8" | "unicode") =>
        {
            refused("the ledger speaks UTF-8")
        }
        ("gssencmode", "require") => refused("encryption by GSSAPI is not spoken; use sslmode"),
        ("sslcompression", "1") => refused("nobody compresses TLS any more"),
        ("sslsni", "0") => refused("the server's name is always sent"),
        ("sslcertmode", "require") => refused("whether the server asks for a certificate is its own affair"),
        ("ssl_min_protocol_version", "tlsv1.3") => {
            refused("TLS 1.2 is spoken where the server has no later one")
        }
        ("ssl_max_protocol_version", "tlsv1" | "tlsv1.1" | "tlsv1.2") => {
            refused("TLS 1.3 is spoken where the server has it")
        }
        _ => Ok(None),
    }
}

/// Whether the driver reads this option. The rest is granted in any case, or refused by its name.
fn is_passed_on(name: &str) -> Result<bool, String> {
    match name {
        "client_encoding"
        | "gssencmode"
        | "sslcompression"
        | "sslsni"
        | "sslcertmode"
        | "ssl_min_protocol_version"
        | "ssl_max_protocol_version" => Ok(false),
        "krbsrvname" | "gsslib" | "gssdelegation" => Err(format!("{name}: GSSAPI is not spoken here")),
        "sslcrl" | "sslcrldir" => Err(format!("{name}: lists of revoked certificates are not read here")),
        "sslpassword" => Err(format!("{name}: the key in sslkey must not need a password")),
        "require_auth"
        | "requirepeer"
        | "sslkeylogfile"
        | "replication"
        | "min_protocol_version"
        | "max_protocol_version"
        | "scram_client_key"
        | "scram_server_key" => Err(format!("{name} is an option of libpq that is not granted here")),
        "service" | "servicefile" => {
            Err(format!("{name}: write out what it stands for; no service file is read here"))
        }
        _ => Ok(true),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let value = digit(rest.next()).zip(digit(rest.next())).map(|(high, low)| high * 16 + low);
        let byte = value.and_then(|value| u8::try_from(value).ok());
        bytes.push(byte.ok_or("a % in its options is not followed by two hex digits")?);
    }
    String::from_utf8(bytes).map_err(|_| "its options are not UTF-8".to_owned())
}

fn read_mode(value: &str) -> Result<TlsMode, String> {
    value
        .parse()
        .map_err(|_| "sslmode is one of disable, prefer, require, verify-ca and verify-full".to_owned())
}

fn only_sockets(config: &Config) -> bool {
    let hosts = config.get_hosts();
    config.get_hostaddrs().is_empty()
        && !hosts.is_empty()
        && hosts.iter().all(|host| !matches!(host, Host::Tcp(_)))
}

/// Neither a name nor an address of it leads elsewhere.
fn is_this_machine(config: &Config) -> bool {
    let names = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    names && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> TlsMode {
        Target::parse(url).unwrap().mode
    }

    #[test]
    fn the_modes_are_libpqs_and_another_machine_must_prove_its_name() {
        for (url, expected) in [
            ("postgres://db.example.org/x", TlsMode::VerifyFull),
            ("postgresql://me:pw@192.0.2.7:5433/x", TlsMode::VerifyFull),
            ("postgres://localhost,db.example.org/x", TlsMode::VerifyFull),
            ("postgres://localhost/x?hostaddr=192.0.2.7", TlsMode::VerifyFull),
            ("postgres://db.example.org/x?hostaddr=127.0.0.1", TlsMode::VerifyFull),
            ("postgres://localhost.example.org/x", TlsMode::VerifyFull),
            ("postgres://localhost/x", TlsMode::Prefer),
            ("postgres://127.0.0.9/x", TlsMode::Prefer),
            ("postgres://[::1]/x", TlsMode::Prefer),
            ("postgres://%2Frun%2Fpostgresql/x", TlsMode::Disable),
            ("postgres://%2Frun%2Fpostgresql/x?sslmode=verify-full", TlsMode::Disable),
            ("postgres://db.example.org/x?sslmode=disable", TlsMode::Disable),
            ("postgres://db.example.org/x?sslmode=prefer", TlsMode::Prefer),
            ("postgres://db.example.org/x?sslmode=require", TlsMode::Require),
            ("postgres://db.example.org/x?sslmode=verify-ca", TlsMode::VerifyCa),
            ("postgres://localhost/x?sslmode=verify-full", TlsMode::VerifyFull),
            ("postgres://localhost/x?%73slmode=verify%2Dfull", TlsMode::VerifyFull),
            ("postgres://localhost/x?sslmode=disable&sslmode=require", TlsMode::Require),
            ("postgres://localhost/x?sslrootcert=system", TlsMode::VerifyFull),
            ("postgres://me:a%3Fb@localhost/x?sslmode=require", TlsMode::Require),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn other_options_reach_the_server_as_they_were_given() {
        let url = "postgres://me@db.example.org/x?application_name=a%26b&sslmode=require&connect_timeout=3";
        let target = Target::parse(url).unwrap();
        assert_eq!(target.config.get_application_name(), Some("a&b"));
        assert_eq!(target.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        assert_eq!(target.authorities, Authorities::Given);
        let target = Target::parse("postgres://h/x?sslrootcert=%2Fetc%2Fca.pem").unwrap();
        assert_eq!(target.authorities, Authorities::File("/etc/ca.pem".into()));
    }

    #[test]
    fn options_of_libpq_that_make_sense_here_are_taken() {
        for options in [
            "client_encoding=UTF8",
            "client_encoding=auto",
            "gssencmode=prefer&gssencmode=disable",
            "sslcompression=0&sslsni=1&sslcertmode=allow",
            "ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3",
            "target_session_attrs=any",
            "target_session_attrs=read-write",
            "target_session_attrs=primary",
            "keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=5000",
            "channel_binding=prefer&load_balance_hosts=random&options=-c%20work_mem%3D4MB",
            "sslcert=a.pem&sslkey=a.key&passfile=%2Fetc%2Fpass&sslnegotiation=postgres",
        ] {
            Target::parse(&format!("postgres://me@db.example.org/x?{options}")).unwrap();
        }
        let target =
            Target::parse("postgres://h/x?fallback_application_name=other&keepalives_count=3").unwrap();
        assert_eq!(target.config.get_application_name(), Some("other"));
        assert_eq!(target.config.get_keepalives_retries(), Some(3));
        let target =
            Target::parse("postgres://h/x?application_name=mine&fallback_application_name=b").unwrap();
        assert_eq!(target.config.get_application_name(), Some("mine"));
        assert!(!Target::parse("postgres:///x").unwrap().config.get_hosts().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (url, named) in [
            ("postgres://me:hidden@h/x?sslmode=verify", "verify-full"),
            ("postgres://me:hidden@h/x?sslmode=", "verify-full"),
            ("postgres://me:hidden@h/x?sslcert=hidden", "sslkey"),
            ("postgres://me:hidden@h/x?sslcrl=hidden", "sslcrl"),
            ("postgres://me:hidden@h/x?krbsrvname=hidden", "krbsrvname"),
            ("postgres://me:hidden@h/x?gssencmode=require", "gssencmode"),
            ("postgres://me:hidden@h/x?service=hidden", "service"),
            ("postgres://me:hidden@h/x?sslpassword=hidden", "sslpassword"),
            ("postgres://me:hidden@h/x?target_session_attrs=standby", "target_session_attrs"),
            ("postgres://me:hidden@h/x?client_encoding=latin1", "client_encoding"),
            ("postgres://me:hidden@h/x?ssl_min_protocol_version=TLSv1.3", "ssl_min_protocol_version"),
            ("postgres://me:hidden@h/x?connect_timout=3", "connect_timout"),
            ("postgres://me:hidden@h:port/x", "port"),
            ("postgres://h/x?%2=hidden", "hex digits"),
            ("postgres://me:hid@den@h/x", "%40"),
            ("postgres://me:hid/den@h/x", "%40"),
            ("postgres://h/x?password=hid@den", "%40"),
            ("postgres://h/x?hidden", "no value"),
            ("host=h password=hidden", "postgres://"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.contains(named) && !error.contains("hid"), "{url}: {error}");
        }
    }
}
