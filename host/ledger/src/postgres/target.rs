//! Reads the ledger's URL as libpq does: which server, and how well its connection is protected.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslNegotiation};

use super::statements::with_cause;
use super::tls::{Authorities, TlsMode};

/// The server that a URL names.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) mode: TlsMode,
    pub(super) authorities: Authorities,
}

impl Target {
    /// Errors are for people, and repeat nothing of the URL: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (before, options) = split(url)?;
        let (mut kept, mut mode, mut authorities) = (Vec::new(), None, Authorities::Given);
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
                _ => kept.push(option),
            }
        }
        let question = if kept.is_empty() { "" } else { "?" };
        let mut config: Config = format!("{before}{question}{}", kept.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| with_cause(&error))?;
        let mode = if only_sockets(&config) {
            // The file system protects a socket; there is no TLS on it.
            TlsMode::Disable
        } else {
            mode.unwrap_or(if is_this_machine(&config) { TlsMode::Prefer } else { TlsMode::VerifyFull })
        };
        config.ssl_mode(mode.on_the_wire());
        Ok(Self { config, mode, authorities })
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
    fn what_is_wrong_is_named_without_the_password() {
        for (url, named) in [
            ("postgres://me:hidden@h/x?sslmode=verify", "verify-full"),
            ("postgres://me:hidden@h/x?sslmode=", "verify-full"),
            ("postgres://me:hidden@h/x?sslcert=hidden", "sslcert"),
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
