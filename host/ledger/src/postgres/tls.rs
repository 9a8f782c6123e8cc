//! How much of a server's certificate is believed, by the names that libpq gives to the degrees of it.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslMode;

/// `sslmode`, as libpq has it, without `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS where the server offers it, with whatever certificate.
    Prefer,
    /// TLS or nothing, with whatever certificate, unless `sslrootcert` names who must have signed it.
    Require,
    /// The certificate must come from a trusted authority.
    VerifyCa,
    /// It must also be made out to the host.
    VerifyFull,
}

/// Which authorities may sign a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authorities {
    /// Those that the settings bring.
    Given,
    /// Those of this PEM file alone: `sslrootcert`.
    File(PathBuf),
}

/// Our own certificate and its key, as PEM files: `sslcert` and `sslkey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl TlsMode {
    /// What the connection itself insists on; the rest is the certificate's check.
    pub(super) fn on_the_wire(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }

    /// What to do about a connection that failed for its TLS.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Disable | Self::Prefer => "sslmode=disable does without TLS",
            Self::Require => {
                "sslmode=require asks for TLS; sslmode=disable sends everything in clear, the password too"
            }
            Self::VerifyCa | Self::VerifyFull => {
                "the server must offer TLS with a certificate of a trusted authority (sslrootcert=FILE or \
                 http.ca_certs names another one), made out to the host unless sslmode=verify-ca; \
                 sslmode=require takes any certificate, sslmode=disable sends everything in clear, the \
                 password too"
            }
        }
    }
}

/// For connections of this mode. Errors are for people.
pub(super) fn client_config(
    mode: TlsMode,
    authorities: &Authorities,
    identity: Option<&Identity>,
    given: Option<Arc<RootCertStore>>,
) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let roots = match authorities {
        Authorities::Given => given.unwrap_or_else(|| Arc::new(RootCertStore::empty())),
        Authorities::File(path) => Arc::new(read_roots(path)?),
    };
    // Like libpq, which checks the authority under `require` once one is named.
    let checks_authority = match mode {
        TlsMode::VerifyCa | TlsMode::VerifyFull => true,
        TlsMode::Require => *authorities != Authorities::Given,
        TlsMode::Disable | TlsMode::Prefer => false,
    };
    if mode == TlsMode::VerifyFull {
        return with_identity(builder.with_root_certificates(roots), identity);
    }
    let authority = if checks_authority {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        Some(verifier.map_err(|error| error.to_string())?)
    } else {
        None
    };
    let verifier = Arc::new(AnyName { authority, provider });
    with_identity(builder.dangerous().with_custom_certificate_verifier(verifier), identity)
}

/// With our own certificate, where the URL names one.
fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, String> {
    let Some(Identity { certificate, key }) = identity else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("sslcert {}: {error}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("sslkey {}: {error} (one with a password is not read)", key.display()))?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| format!("sslcert {}: {error}", certificate.display()))
}

fn read_roots(path: &std::path::Path) -> Result<RootCertStore, String> {
    let place = path.display();
    let text = std::fs::read(path).map_err(|error| format!("sslrootcert {place}: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("sslrootcert {place}: {error}"))?;
    }
    if roots.is_empty() { Err(format!("sslrootcert {place} holds no certificate")) } else { Ok(roots) }
}

/// Takes a certificate whatever host it is made out to, and without `authority` whoever signed it.
#[derive(Debug)]
struct AnyName {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, when everything else was found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    // Signatures are checked in every mode: without that anybody could show the real server's certificate, to which
    // SCRAM binds the password's proof.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
