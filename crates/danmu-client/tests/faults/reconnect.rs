//! How often a failing server is dialled again.

use danmu_client::Status;

use super::*;

/// Runs a room for `long` against a server that handles connections by `handle`; says when it was dialled.
fn dials<F>(seed: u64, long: Duration, handle: impl Fn(Peer, usize) -> F + Send + Sync + 'static) -> Vec<Duration>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let seen = Network::new(handle).run(async move {
        let _room = open(config());
        fastrand::seed(seed);
        sleep(long).await;
    });
    seen.times("connect")
}

#[test]
fn a_server_that_accepts_and_closes_sees_at_most_8_connections_in_the_first_minute() {
    for seed in 0..20 {
        let dials = dials(seed, S(60), |_, _| async { Ok(()) });
        assert!((2..=8).contains(&dials.len()), "seed {seed}: {dials:?}");
    }
}

#[test]
fn a_server_that_welcomes_and_closes_is_no_better() {
    for seed in 0..5 {
        let dials = dials(seed, S(60), |mut peer: Peer, _| async move { peer.welcomes().await });
        assert!((2..=8).contains(&dials.len()), "seed {seed}: {dials:?}");
    }
}

/// Welcomes the viewer and ends with this error.
async fn ends_with(mut peer: Peer, code: u32) -> io::Result<()> {
    peer.welcomes().await?;
    peer.says(&format!("type@=error/code@={code}/")).await
}

#[test]
fn a_server_that_will_not_have_us_is_asked_again_after_the_longest_pause() {
    for code in [204, 267] {
        let dials = dials(1, S(150), move |peer, _| ends_with(peer, code));
        assert_eq!(dials.len(), 3, "{code}: {dials:?}");
        assert!(dials[1] >= dials[0] + S(60) && dials[2] >= dials[1] + S(60), "{code}: {dials:?}");
    }
}

#[test]
fn a_server_that_shuts_down_makes_way_for_another_and_a_wrong_room_does_not() {
    for (code, second) in [(51, 8602), (52, 8602), (204, 8601)] {
        Network::new(move |peer, _| ends_with(peer, code)).run(async move {
            let mut config = config();
            config.endpoints = [8601, 8602].map(|port| Endpoint::tcp("douyu", port)).to_vec();
            let mut room = open(config);
            for expected in [8601, second] {
                let server = until(&mut room, |event| match event {
                    Event::Status { status: Status::Connecting(server), .. } => Some(server),
                    _ => None,
                });
                assert_eq!(server.await.port, expected, "after error {code}");
            }
        });
    }
}

#[test]
fn a_link_that_was_healthy_is_back_within_2_s() {
    let dials = dials(1, S(100), |mut peer: Peer, number| async move {
        peer.welcomes().await?;
        peer.serves_for(if number == 0 { S(61) } else { S(1000) }).await
    });
    assert_eq!(dials.len(), 2);
    assert!(dials[1] < S(64), "{dials:?}");
}
