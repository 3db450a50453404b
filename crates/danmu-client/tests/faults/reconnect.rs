//! How often a failing server is dialled again.

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

#[test]
fn a_link_that_was_healthy_is_back_within_2_s() {
    let dials = dials(1, S(100), |mut peer: Peer, number| async move {
        peer.welcomes().await?;
        peer.serves_for(if number == 0 { S(61) } else { S(1000) }).await
    });
    assert_eq!(dials.len(), 2);
    assert!(dials[1] < S(64), "{dials:?}");
}
