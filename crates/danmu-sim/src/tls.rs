//! TLS with certificates of a test authority, made anew by each simulator.
//!
//! Douyu's servers offer TLS 1.2 with `AES256-GCM-SHA384` over static RSA and nothing else, which few libraries still
//! speak: [`Tls::legacy`] offers just that. A client has to be told of the authority
//! ([`Simulator::ca_pem`](crate::Simulator::ca_pem)).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef};
use tokio_openssl::SslStream;

use crate::line::Line;

/// What Douyu's servers offer.
const LEGACY: &str = "AES256-GCM-SHA384";
/// Within this, the clocks of client and server may differ.
const SLACK_S: i64 = 86_400;
/// A certificate of TLS servers may not be valid for longer, or some clients refuse it.
const VALID_S: i64 = 365 * 86_400;

/// How a simulator speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// Whether to offer only what Douyu does. Default no: all that OpenSSL thinks safe.
    pub legacy: bool,
    /// What is wrong with the certificate. Default nothing.
    pub certificate: Certificate,
}

/// What a server shows of itself. All are signed by the test authority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Certificate {
    /// Good for `localhost`, `127.0.0.1` and `::1`.
    #[default]
    Good,
    /// Good for `elsewhere.invalid` alone.
    WrongName,
    /// Good for this machine until yesterday.
    Expired,
}

/// Whom clients are to trust, and what is shown to them.
pub(crate) struct Authority {
    pub(crate) acceptor: SslAcceptor,
    /// The certificate of the authority.
    pub(crate) ca_pem: String,
}

impl Authority {
    /// Makes keys and certificates.
    pub(crate) fn new(tls: Tls) -> Result<Self, ErrorStack> {
        let (ca, ca_key) = authority()?;
        let (certificate, key) = server(&ca, &ca_key, tls.certificate)?;
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        if tls.legacy {
            acceptor.set_min_proto_version(Some(SslVersion::TLS1_2))?;
            acceptor.set_max_proto_version(Some(SslVersion::TLS1_2))?;
            acceptor.set_cipher_list(LEGACY)?;
        }
        acceptor.set_private_key(&key)?;
        acceptor.set_certificate(&certificate)?;
        acceptor.check_private_key()?;
        let ca_pem = String::from_utf8_lossy(&ca.to_pem()?).into_owned();
        Ok(Self { acceptor: acceptor.build(), ca_pem })
    }
}

/// Shakes hands with a client.
pub(crate) async fn accept(acceptor: &SslAcceptor, line: Line) -> io::Result<SslStream<Line>> {
    let mut stream = SslStream::new(Ssl::new(acceptor.context())?, line)?;
    Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
    Ok(stream)
}

fn authority() -> Result<(X509, PKey<Private>), ErrorStack> {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&curve)?)?;
    let name = name("danmu test authority")?;
    let mut builder = certificate(&name, &name, &key, 0)?;
    builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}

/// A server's certificate. Its key is RSA, for the legacy cipher needs that.
fn server(ca: &X509, ca_key: &PKey<Private>, kind: Certificate) -> Result<(X509, PKey<Private>), ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut names = SubjectAlternativeName::new();
    let host = match kind {
        Certificate::WrongName => "elsewhere.invalid",
        Certificate::Good | Certificate::Expired => {
            names.ip(&Ipv4Addr::LOCALHOST.to_string()).ip(&Ipv6Addr::LOCALHOST.to_string());
            "localhost"
        }
    };
    names.dns(host);
    let ago = if kind == Certificate::Expired { VALID_S } else { 0 };
    let host = name(host)?;
    let mut builder = certificate(&host, ca.subject_name(), &key, ago)?;
    let names = names.build(&builder.x509v3_context(Some(ca), None))?;
    builder.append_extension(names)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    builder.sign(ca_key, MessageDigest::sha256())?;
    Ok((builder.build(), key))
}

/// All but extensions and signature of a certificate that began to be good `ago` seconds ago.
fn certificate(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    ago: i64,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(64, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let from = now - SLACK_S - ago;
    let (not_before, not_after) = (Asn1Time::from_unix(from)?, Asn1Time::from_unix(from + VALID_S)?);
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_not_before(&not_before)?;
    builder.set_not_after(&not_after)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn name(common: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_text("CN", common)?;
    Ok(name.build())
}
