//! Budget, proxies, certificates, and servers that are not there.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use danmu_client::directory::{Directory, Options};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use crate::server::{Connection, Server, json, raw, silence, status};
use crate::{directory, options, room, tried};

const STATE: &str = r#"{"room":{"show_status":2}}"#;

#[test]
fn all_threads_together_send_two_requests_a_second_and_have_four_under_way() {
    let server = Server::new(|_| {
        thread::sleep(Duration::from_millis(700));
        json(STATE)
    });
    let mut options = Options::default();
    options.api = Some(server.url());
    let directory = Directory::new(options).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| directory.state(room(9999)).unwrap());
        }
    });
    let mut times: Vec<Instant> = server.requests().iter().map(|request| request.at).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 8);
    // Half a second apart, give or take what a busy machine adds.
    for (steps, least) in [(3, 1000), (7, 3000)] {
        let spans = times.iter().zip(&times[steps..]).map(|(from, to)| *to - *from);
        assert!(spans.min() > Some(Duration::from_millis(least)), "{times:?}");
    }
    assert!(server.most_at_once() >= 2, "one thread does not wait for the other's answer");
}

#[test]
fn no_more_than_the_allowed_requests_are_under_way_however_slow_they_are() {
    let server = Server::new(|_| {
        thread::sleep(Duration::from_millis(200));
        json(STATE)
    });
    let directory = directory(&server);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| directory.state(room(9999)).unwrap());
        }
    });
    assert!((2..=4).contains(&server.most_at_once()), "{}", server.most_at_once());
}

#[test]
fn waiting_for_the_budget_does_not_count_as_time_of_the_lookup() {
    let server = Server::new(|_| json(STATE));
    let mut options = options(&server);
    options.requests_per_second = 3;
    options.lookup = Duration::from_secs(1);
    let directory = Directory::new(options).unwrap();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| directory.state(room(9999)).unwrap());
        }
    });
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let fails = |api: String| {
        let mut options = Options::default();
        options.api = Some(api);
        options.requests_per_second = 1000;
        let error = Directory::new(options).unwrap().state(room(9999)).unwrap_err();
        (tried(&error), error.to_string())
    };
    let (tried, text) = fails("http://127.0.0.1:1".to_owned());
    assert_eq!(tried, [("betard", "refused"), ("room_api", "refused")]);
    assert!(text.contains("www.douyu.com: the connection was refused: "), "{text}");
    // Longer than a label may be, so that nobody is asked.
    let (tried, text) = fails(format!("http://{}.invalid", "a".repeat(70)));
    assert_eq!(tried, [("betard", "dns"), ("room_api", "dns")], "{text}");
    assert!(
        text.contains("the name cannot be looked up: ") && text.contains("check that there is a network"),
        "{text}"
    );
}

#[test]
fn options_that_cannot_be_followed_are_refused() {
    let refused = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        Directory::new(options).unwrap_err().to_string()
    };
    for text in [
        refused(|options| options.api = Some("127.0.0.1:80".to_owned())),
        refused(|options| options.api = Some("ftp://127.0.0.1/".to_owned())),
        refused(|options| options.api = Some("http://127.0.0.1/?x=".to_owned())),
    ] {
        assert!(
            text.ends_with("is no base for Douyu's addresses: write http://HOST:PORT or https://HOST/PATH"),
            "{text}"
        );
    }
    for text in [
        refused(|options| options.proxy = Some("carrier-pigeon://me:secret@x".to_owned())),
        refused(|options| options.proxy = Some(String::new())),
    ] {
        assert!(text.contains("write http://HOST:PORT or socks5://HOST:PORT") && !text.contains("secret"), "{text}");
    }
    for text in [
        refused(|options| options.ca_pem = Some(b"no certificate".to_vec())),
        refused(|options| options.ca_pem = Some(b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----".to_vec())),
    ] {
        assert!(text.contains("it must be PEM"), "{text}");
    }
}

#[test]
fn a_base_may_have_a_path() {
    let server = Server::new(|request| {
        assert_eq!(request.path(), "/some/where/www.douyu.com/betard/9999");
        json(STATE)
    });
    let mut options = options(&server);
    options.api = Some(format!("{}/some/where/", server.url()));
    Directory::new(options).unwrap().state(room(9999)).unwrap();
}

#[test]
fn a_proxy_is_asked_to_connect_and_its_refusal_is_named() {
    let server = Server::new(|_| json(STATE));
    let proxy = Server::new(|request| {
        let to = request.target().to_owned();
        assert_eq!(request.line, format!("CONNECT {to} HTTP/1.1"));
        raw(move |client| {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            relay(client, &to);
        })
    });
    let mut options = options(&server);
    options.proxy = Some(proxy.url());
    Directory::new(options.clone()).unwrap().state(room(9999)).unwrap();
    assert_eq!(proxy.requests()[0].target(), format!("127.0.0.1:{}", server.port));

    let refusing = Server::new(|_| status(407));
    options.proxy = Some(refusing.url());
    let error = Directory::new(options.clone()).unwrap().state(room(9999)).unwrap_err();
    assert_eq!(tried(&error), [("betard", "proxy"), ("room_api", "proxy")], "{error}");

    let silent = Server::new(|_| silence());
    options.proxy = Some(silent.url());
    options.request = Duration::from_millis(300);
    let error = Directory::new(options).unwrap().state(room(9999)).unwrap_err();
    assert_eq!(tried(&error), [("betard", "timeout"), ("room_api", "timeout")], "{error}");
    assert_eq!(server.requests().len(), 1);
}

/// One request there and its answer back.
fn relay(client: &mut dyn Connection, to: &str) {
    let mut server = TcpStream::connect(to).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    server.write_all(&request).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    client.write_all(&answer).unwrap();
}

#[test]
fn a_named_ca_is_trusted() {
    let (ca, server) = tls_server("127.0.0.1", 2);
    let mut options = options(&server);
    options.api = Some(format!("https://127.0.0.1:{}", server.port));
    options.ca_pem = Some(ca);
    Directory::new(options).unwrap().state(room(9999)).unwrap();
}

#[test]
fn a_certificate_that_is_unknown_of_another_or_expired_is_refused_and_it_says_which() {
    for (known, address, days, reason) in [
        (false, "127.0.0.1", 2, "unable to get local issuer certificate"),
        (true, "127.0.0.2", 2, "IP address mismatch"),
        (true, "127.0.0.1", 0, "certificate has expired"),
    ] {
        let (ca, server) = tls_server(address, days);
        let mut options = options(&server);
        options.api = Some(format!("https://127.0.0.1:{}", server.port));
        options.ca_pem = known.then_some(ca);
        // A certificate of no days ends in the second in which it began.
        thread::sleep(Duration::from_millis(if days == 0 { 2100 } else { 0 }));
        let error = Directory::new(options).unwrap().state(room(9999)).unwrap_err();
        assert_eq!(tried(&error), [("betard", "certificate"), ("room_api", "certificate")], "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("is not valid: {reason}; "))
                && text.contains("name its certificate as a further CA"),
            "{text}"
        );
        assert_eq!(server.requests().len(), 0);
    }
}

#[test]
fn a_server_without_tls_is_named() {
    let server = Server::over(
        |mut stream| {
            // What web servers say to a handshake on a plain port.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            None::<TcpStream>
        },
        |_| json(STATE),
    );
    let mut options = options(&server);
    options.api = Some(format!("https://127.0.0.1:{}", server.port));
    let error = Directory::new(options).unwrap().state(room(9999)).unwrap_err();
    assert_eq!(tried(&error), [("betard", "tls"), ("room_api", "tls")], "{error}");
    assert!(error.to_string().contains("could not be set up: wrong version number; "), "{error}");
}

/// The PEM of a made-up CA, and a server with a certificate of it for this address and so many days.
fn tls_server(address: &str, days: u32) -> (Vec<u8>, Server) {
    let key = || PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let (ca_key, server_key) = (key(), key());
    let ca = certificate("test CA", &ca_key, None, 2, |builder| {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    });
    let own = certificate("test server", &server_key, Some((&ca, &ca_key)), days, |builder| {
        let names = SubjectAlternativeName::new().ip(address).build(&builder.x509v3_context(Some(&ca), None)).unwrap();
        builder.append_extension(names).unwrap();
    });
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&server_key).unwrap();
    acceptor.set_certificate(&own).unwrap();
    let acceptor = Arc::new(acceptor.build());
    (ca.to_pem().unwrap(), Server::over(move |stream| acceptor.accept(stream).ok(), |_| json(STATE)))
}

fn certificate(
    name: &str,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
    days: u32,
    extend: impl FnOnce(&mut openssl::x509::X509Builder),
) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |(ca, _)| ca.subject_name())).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(days).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    extend(&mut builder);
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    builder.build()
}
