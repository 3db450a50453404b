//! WebSocket and TLS, between two real processes.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use support::{run, signal, simulate, wait};

#[test]
fn chat_comes_over_websocket_as_over_tcp() {
    let (server, url) = simulate(&["--ws", "127.0.0.1:0", "--rate", "50"]);
    assert!(url.starts_with("ws://"), "{url}");
    let watched = run(&["watch", "9999", "--server", &url, "--limit", "50", "--json"]);
    assert_eq!((watched.code, watched.json().len()), (0, 50), "{}", watched.err);
    signal(&server, "-TERM");
    wait(server);
}

#[test]
fn a_server_with_the_tls_of_douyu_is_connected_to_if_its_certificate_is_trusted_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let (server, url) = simulate(&["--wss", "127.0.0.1:0", "--legacy-tls", "--ca-out", ca, "--rate", "50"]);
    let url = url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("wss://localhost:"), "{url}");
    let watched = run(&["watch", "9999", "--server", &url, "--ca", ca, "-4", "--limit", "50", "--json"]);
    assert_eq!((watched.code, watched.json().len()), (0, 50), "{}", watched.err);

    let refused = run(&["watch", "9999", "--server", &url, "-4", "--give-up", "1s"]);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("an authority that is not trusted here"), "{}", refused.err);
    signal(&server, "-TERM");
    wait(server);

    let missing = run(&["watch", "9999", "--server", &url, "--ca", "/no/such/ca.pem"]);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("/no/such/ca.pem"), "{}", missing.err);
}
