//! Servers that speak something else than they should.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Says `answer` once it has heard something, and closes.
fn answers(answer: &'static [u8]) -> u16 {
    serve(move |mut io| {
        let _ = io.read(&mut [0; 4096])?;
        io.write_all(answer)?;
        // What the viewer still says must not turn the close into a reset.
        io.shutdown(std::net::Shutdown::Write)?;
        io::copy(&mut io, &mut io::sink())?;
        Ok(())
    })
}

#[track_caller]
fn is(reason: &Lost, name: &str, text: &str) {
    let line = reason.to_string();
    assert!(reason.name() == name && line.contains(text) && !line.contains('\n'), "{}: {line}", reason.name());
}

#[tokio::test]
async fn http_on_a_tcp_endpoint_is_named() {
    let port = answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    is(
        &lost(config(&format!("tcp://127.0.0.1:{port}"))).await,
        "protocol",
        "the server speaks HTTP and not plain danmu",
    );
}

/// What a TLS server says to bytes that are no TLS: a fatal alert, "protocol version". Some say nothing and close.
const ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];

#[tokio::test]
async fn tls_on_a_tcp_endpoint_is_named() {
    let reason = lost(config(&format!("tcp://127.0.0.1:{}", answers(ALERT)))).await;
    is(&reason, "protocol", "the server speaks TLS and not plain danmu");
}

#[tokio::test]
async fn tls_on_a_ws_endpoint_is_named() {
    let reason = lost(config(&format!("ws://127.0.0.1:{}", answers(ALERT)))).await;
    is(&reason, "websocket", "it speaks TLS and not plain WebSocket");
    let reason = lost(config(&format!("ws://127.0.0.1:{}", tls::legacy_server()))).await;
    is(&reason, "websocket", "it closes instead of answering");
}

#[tokio::test]
async fn plain_servers_on_a_wss_endpoint_are_named() {
    let http = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    is(&lost(config(&format!("wss://127.0.0.1:{http}"))).await, "tls", "it speaks HTTP and not TLS");
    let mail = answers(b"220 mail ready\r\n");
    is(&lost(config(&format!("wss://127.0.0.1:{mail}"))).await, "tls", "it does not speak TLS");
    let danmu = answers(b"");
    is(&lost(config(&format!("wss://127.0.0.1:{danmu}"))).await, "tls", "it closes in the middle of the TLS handshake");
}

#[tokio::test]
async fn web_servers_and_other_servers_on_a_ws_endpoint_are_named() {
    for (answer, text) in [
        (&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], "it answers HTTP 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "a redirect (HTTP 302), which is not followed"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", "it answers HTTP 100"),
        (b"HTTP/1.1 200 OK\r\n", "it closes instead of answering"),
        (b"", "it closes instead of answering"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "it speaks SSH"),
        (b"\x00\xff\r\n\r\n", "the WebSocket handshake failed"),
    ] {
        let port = answers(answer);
        is(&lost(config(&format!("ws://127.0.0.1:{port}"))).await, "websocket", text);
    }
}

/// Says `head`, and then `body` as long as anyone listens, up to 100 MB. Counts what was taken.
fn floods(head: &'static [u8], body: &'static [u8]) -> (u16, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let port = serve(move |mut io| {
        let _ = io.read(&mut [0; 4096])?;
        io.write_all(head)?;
        let body = body.repeat(1000);
        for _ in 0..100_000_000 / body.len() {
            io.write_all(&body)?;
            count.fetch_add(body.len(), Ordering::Relaxed);
        }
        Ok(())
    });
    (port, taken)
}

#[tokio::test]
async fn an_answer_of_100_mb_is_left_early() {
    for (head, body, text) in [
        (
            &b"HTTP/1.1 101 Switching Protocols\r\n"[..],
            &b"X-Header: abcdefghijklmnopqrstuvwxyz\r\n"[..],
            "to the handshake does not end",
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\nX: ", b"abcdefghijklmnopqrstuvwxyz", "to the handshake does not end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"abcdefghijklmnopqrstuvwxyz", "HTTP 200"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP 103"),
    ] {
        let (port, taken) = floods(head, body);
        is(&lost(config(&format!("ws://127.0.0.1:{port}"))).await, "websocket", text);
        // What the system's own buffers took is in this too.
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 20_000_000, "{taken}");
    }
}

#[tokio::test]
async fn a_handshake_without_an_answer_is_given_the_deadline() {
    for scheme in ["ws", "wss"] {
        let port = serve(|mut io| {
            io::copy(&mut io, &mut io::sink())?;
            Ok(())
        });
        let mut config = config(&format!("{scheme}://127.0.0.1:{port}"));
        config.connect = Duration::from_millis(300);
        let begun = std::time::Instant::now();
        is(&lost(config).await, "timeout", "no answer within 0.3s");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
