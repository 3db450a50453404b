//! Several addresses for one name, of which some are dead. Linux only: elsewhere loopback has one address.

use danmu_proto::{Sender, packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn net(connect: Duration) -> Net {
    Net::new(&Config { connect, ..Config::default() })
}

/// The same port on several addresses: the first accepts and answers nothing, the second refuses, the third serves.
async fn three() -> (Vec<TcpListener>, Vec<SocketAddr>) {
    let silent = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let alive = TcpListener::bind(("127.0.0.4", port)).await.unwrap();
    let addresses = [2, 3, 4].map(|last| ([127, 0, 0, last], port).into());
    (vec![silent, alive], addresses.to_vec())
}

#[cfg(feature = "wss")]
#[tokio::test]
async fn a_silent_address_leaves_time_for_the_others_and_the_good_one_is_first_next_time() {
    let (mut listeners, addresses) = three().await;
    let alive = listeners.pop().unwrap();
    tokio::spawn(async move {
        while let Ok((io, _)) = alive.accept().await {
            tokio_tungstenite::accept_async(io).await.unwrap();
        }
    });
    let net = net(Duration::from_secs(3));
    let endpoint: Endpoint = format!("ws://several:{}", addresses[0].port()).parse().unwrap();
    let begun = Instant::now();
    let io = net.try_each(&endpoint, addresses, begun + net.connect).await.unwrap();
    assert_eq!(io.ip, IpAddr::from([127, 0, 0, 4]));
    assert!(begun.elapsed() >= Duration::from_secs(1), "the silent one was given its third of the time");

    let order = |net: &Net| {
        let mut ips: Vec<_> = [1, 2, 3, 4].map(|last| IpAddr::from([127, 0, 0, last])).to_vec();
        net.addresses().sort(&mut ips);
        ips.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(order(&net), ["127.0.0.4", "127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    net.died_young(&io);
    assert_eq!(order(&net), ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

#[tokio::test]
async fn when_all_addresses_fail_the_last_error_says_which_and_why() {
    let (listeners, addresses) = three().await;
    drop(listeners);
    let net = net(Duration::from_secs(3));
    let error = net.try_each(&Endpoint::tcp("several", 1), addresses.clone(), Instant::now() + net.connect).await;
    let error = error.unwrap_err();
    assert_eq!(error.name(), "refused");
    assert!(error.to_string().contains(&addresses[2].to_string()), "{error}");
}

#[tokio::test]
async fn a_family_that_the_name_does_not_have_is_said() {
    let config = Config { family: Family::V6, ..Config::default() };
    let error = Net::new(&config).resolve("127.0.0.1", 1).await.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 has no IPv6 address");
}

#[tokio::test]
async fn an_unknown_name_is_said() {
    let error = net(Duration::from_secs(3)).dial(&Endpoint::tcp("no-such-host.invalid", 1)).await.unwrap_err();
    assert_eq!(error.name(), "dns");
    assert!(error.to_string().starts_with("cannot look up no-such-host.invalid: "), "{error}");
}

#[tokio::test]
async fn a_tcp_server_is_talked_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut io = net(Duration::from_secs(3)).dial(&Endpoint::tcp("127.0.0.1", port)).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut wire = Vec::new();
    packet::encode(Sender::Client, b"type@=mrkl/", &mut wire);
    io.write_all(&wire).await.unwrap();
    let mut heard = vec![0; wire.len()];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, wire);
}
