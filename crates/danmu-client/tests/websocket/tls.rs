//! TLS as Douyu has it, and certificates.

use std::path::Path;
use std::sync::LazyLock;

use danmu_client::Ca;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use tempfile::TempDir;

use super::*;

/// One key for all: it takes time to make, and nothing here depends on there being several.
static KEY: LazyLock<PKey<Private>> = LazyLock::new(|| PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());

const DAY: i64 = 24 * 3600;

/// A certificate by this authority for names like `IP:127.0.0.1` and `DNS:localhost`, valid over these days from today.
/// Without names it is that of an authority.
fn certificate(issuer: &str, names: &[&str], days: std::ops::Range<i64>) -> X509 {
    let named = |name: &str| {
        let mut builder = X509NameBuilder::new().unwrap();
        builder.append_entry_by_text("CN", name).unwrap();
        builder.build()
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let time = |day: i64| Asn1Time::from_unix(now + day * DAY).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(if names.is_empty() { 1 } else { 2 }).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_issuer_name(&named(issuer)).unwrap();
    builder.set_subject_name(&named(if names.is_empty() { issuer } else { "server" })).unwrap();
    builder.set_not_before(&time(days.start)).unwrap();
    builder.set_not_after(&time(days.end)).unwrap();
    builder.set_pubkey(&KEY).unwrap();
    if names.is_empty() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else {
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            match name.split_once(':').unwrap() {
                ("IP", ip) => alternatives.ip(ip),
                (_, dns) => alternatives.dns(dns),
            };
        }
        let extension = alternatives.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(extension).unwrap();
    }
    builder.sign(&KEY, MessageDigest::sha256()).unwrap();
    builder.build()
}

const CA: &str = "danmu test authority";

/// A file with the certificate of [`CA`].
fn ca() -> (TempDir, Ca) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, certificate(CA, &[], -1..365).to_pem().unwrap()).unwrap();
    let ca = Ca::read(path).unwrap();
    (folder, ca)
}

/// A danmu server that has this certificate, and offers TLS 1.2 with these ciphers and nothing else.
fn server(certificate: &X509, ciphers: &str) -> u16 {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    context.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    context.set_cipher_list(ciphers).unwrap();
    context.set_certificate(certificate).unwrap();
    context.set_private_key(&KEY).unwrap();
    let context = context.build();
    serve(move |io| {
        let mut tls = SslStream::new(Ssl::new(&context)?, io)?;
        tls.accept()?;
        let cipher = tls.ssl().current_cipher().map_or("none", |cipher| cipher.name());
        let mut io = welcome(tls)?;
        io.send(Message::binary(wire(&format!("type@=chatmsg/txt@={cipher}/"))))?;
        loop {
            request(&mut io)?;
        }
    })
}

/// All that Douyu's servers offer.
const STATIC_RSA: &str = "AES256-GCM-SHA384";

/// A server like Douyu's.
pub(crate) fn legacy_server() -> u16 {
    server(&certificate(CA, &["IP:127.0.0.1"], -1..365), STATIC_RSA)
}

#[tokio::test]
async fn a_server_with_nothing_but_static_rsa_is_connected_to() {
    let (_folder, ca) = ca();
    let mut config = config(&format!("wss://127.0.0.1:{}", legacy_server()));
    config.ca = Some(ca);
    let mut room = open(config);
    assert_eq!(messages(&mut room, 1).await, ["type@=chatmsg/txt@=AES256-GCM-SHA384/"]);
}

/// Why a server with this certificate is refused.
async fn refusal(certificate: &X509, host: &str) -> String {
    let (_folder, ca) = ca();
    let mut config = config(&format!("wss://{host}:{}", server(certificate, STATIC_RSA)));
    config.ca = Some(ca);
    let reason = lost(config).await;
    assert_eq!(reason.name(), "certificate", "{reason}");
    reason.to_string()
}

#[tokio::test]
async fn a_wrong_name_is_refused_and_said() {
    for host in ["127.0.0.1", "localhost"] {
        let line = refusal(&certificate(CA, &["DNS:example.com"], -1..365), host).await;
        assert!(line.contains("for another name"), "{line}");
    }
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_refused_and_said() {
    let line = refusal(&certificate(CA, &["IP:127.0.0.1"], -30..-1), "127.0.0.1").await;
    assert!(line.contains("has expired"), "{line}");
    let line = refusal(&certificate(CA, &["IP:127.0.0.1"], 1..30), "127.0.0.1").await;
    assert!(line.contains("not valid yet"), "{line}");
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_said() {
    let line = refusal(&certificate("someone else", &["IP:127.0.0.1"], -1..365), "127.0.0.1").await;
    assert!(line.contains("an authority that is not trusted here"), "{line}");
    // Without `ca`, the authority of these tests is as unknown.
    let reason = lost(config(&format!("wss://127.0.0.1:{}", legacy_server()))).await;
    assert!(reason.to_string().contains("an authority that is not trusted here"), "{reason}");
}

#[tokio::test]
async fn a_server_with_no_cipher_in_common_is_said() {
    // These need another kind of key than the server has, so that it can agree to none.
    let port = server(&certificate(CA, &["IP:127.0.0.1"], -1..365), "ECDHE-ECDSA-AES128-GCM-SHA256");
    let reason = lost(config(&format!("wss://127.0.0.1:{port}"))).await;
    assert!(reason.to_string().contains("no TLS version or cipher in common"), "{reason}");
}

#[test]
fn what_holds_no_certificates_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.pem");
    std::fs::write(&path, "nothing").unwrap();
    let line = Ca::read(&path).unwrap_err().to_string();
    assert!(line.contains("empty.pem") && line.contains("PEM"), "{line}");
    let line = Ca::read(Path::new("does/not/exist")).unwrap_err().to_string();
    assert!(line.contains("does/not/exist"), "{line}");
}
