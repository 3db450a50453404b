//! The simulator over WebSocket and TLS, as a client with OpenSSL sees it.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use danmu_sim::{Certificate, Config, Simulator};
use openssl::ssl::{HandshakeError, SslConnector, SslConnectorBuilder, SslMethod, SslStream, SslVersion};
use openssl::x509::X509;
use openssl::x509::X509VerifyResult as Verified;

use support::{PATIENCE, Viewer, start};

fn over_tls(set: impl FnOnce(&mut Config)) -> Simulator {
    start(|config| {
        config.wss = std::mem::take(&mut config.listen);
        config.rate = 50.0;
        set(config);
    })
}

/// A client that trusts the simulator's authority.
fn trusting(simulator: &Simulator) -> SslConnectorBuilder {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    let ca = X509::from_pem(simulator.ca_pem().unwrap().as_bytes()).unwrap();
    connector.cert_store_mut().add_cert(ca).unwrap();
    connector
}

/// Shakes hands by this name, or says what it thinks of the certificate.
fn shake(simulator: &Simulator, connector: SslConnectorBuilder, name: &str) -> Result<SslStream<TcpStream>, Verified> {
    let stream = TcpStream::connect(simulator.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    connector.build().connect(name, stream).map_err(|error| match error {
        HandshakeError::Failure(failed) => failed.ssl().verify_result(),
        other => panic!("{other}"),
    })
}

fn refusal(certificate: Certificate, name: &str) -> String {
    let simulator = over_tls(|config| config.tls.certificate = certificate);
    let refused = shake(&simulator, trusting(&simulator), name).map(|_| ()).unwrap_err();
    refused.error_string().to_owned()
}

#[test]
fn a_client_that_trusts_the_authority_hears_a_room() {
    let simulator = over_tls(|_| {});
    assert!(simulator.urls()[0].starts_with("wss://127.0.0.1:"));
    for name in ["localhost", "127.0.0.1", "::1"] {
        let stream = shake(&simulator, trusting(&simulator), name).unwrap();
        assert_eq!(stream.ssl().version_str(), "TLSv1.3");
        let mut viewer = Viewer::new(stream.get_ref().try_clone().unwrap());
        viewer.upgrade("wss://localhost/", Box::new(stream));
        assert_eq!(viewer.join(1).hear(10).len(), 10);
    }
}

#[test]
fn legacy_tls_is_that_of_douyus_servers_and_nothing_else() {
    let simulator = over_tls(|config| config.tls.legacy = true);
    let stream = shake(&simulator, trusting(&simulator), "localhost").unwrap();
    let cipher = stream.ssl().current_cipher().unwrap();
    assert_eq!((cipher.name(), stream.ssl().version_str()), ("AES256-GCM-SHA384", "TLSv1.2"));
    assert!(cipher.description().contains("Kx=RSA"), "{}", cipher.description());
    let mut viewer = Viewer::new(stream.get_ref().try_clone().unwrap());
    viewer.upgrade("wss://localhost/", Box::new(stream));
    assert_eq!(viewer.join(1).hear(10).len(), 10);

    // What rustls can do, for one, is not enough.
    let mut modern = trusting(&simulator);
    modern.set_cipher_list("ECDHE+AESGCM").unwrap();
    assert_eq!(shake(&simulator, modern, "localhost").map(|_| ()).unwrap_err(), Verified::OK);
    let mut modern = trusting(&simulator);
    modern.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
    assert_eq!(shake(&simulator, modern, "localhost").map(|_| ()).unwrap_err(), Verified::OK);
}

#[test]
fn certificates_are_wrong_in_the_way_that_is_asked_for() {
    assert_eq!(refusal(Certificate::WrongName, "localhost"), "hostname mismatch");
    assert_eq!(refusal(Certificate::WrongName, "127.0.0.1"), "IP address mismatch");
    assert_eq!(refusal(Certificate::Expired, "localhost"), "certificate has expired");
    assert_eq!(refusal(Certificate::Good, "danmuproxy.douyu.com"), "hostname mismatch");
    let simulator = over_tls(|_| {});
    let stranger = SslConnector::builder(SslMethod::tls_client()).unwrap();
    let refused = shake(&simulator, stranger, "localhost").map(|_| ()).unwrap_err();
    assert_eq!(refused.error_string(), "unable to get local issuer certificate");
    let another = over_tls(|_| {});
    shake(&simulator, trusting(&another), "localhost").map(|_| ()).unwrap_err();
}

#[test]
fn without_tls_there_is_no_authority() {
    assert_eq!(start(|_| {}).ca_pem(), None);
}

#[test]
fn what_is_no_tls_is_turned_away_and_harms_nobody() {
    let simulator = over_tls(|_| {});
    for bytes in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"\x25\0\0\0\x25\0\0\0\xb1\x02\0\0"] {
        let mut stream = TcpStream::connect(simulator.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 101"));
    }
    shake(&simulator, trusting(&simulator), "localhost").unwrap();
}

#[test]
fn chaos_reaches_through_tls() {
    let simulator = over_tls(|config| config.chaos = "reset=1".parse().unwrap());
    let stream = shake(&simulator, trusting(&simulator), "localhost").unwrap();
    let mut viewer = Viewer::new(stream.get_ref().try_clone().unwrap());
    viewer.upgrade("wss://localhost/", Box::new(stream));
    let mut viewer = viewer.join(1);
    assert!(!viewer.hear_out().is_empty());
    assert_eq!(viewer.ended, Some(std::io::ErrorKind::ConnectionReset));
    assert_eq!(simulator.sent().injected["reset"], 1);
}
