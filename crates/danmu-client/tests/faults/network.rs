//! The network fails, or the server's machine.

use danmu_proto::session::Reason;

use super::*;

/// Talks once a second, for ever. What it says on one connection is not what it says on the next.
async fn talkative(mut peer: Peer, number: usize) -> io::Result<()> {
    peer.welcomes().await?;
    for n in 1000 * number.. {
        peer.says(&chat(n)).await?;
        peer.serves_for(S(1)).await?;
    }
    Ok(())
}

#[test]
fn a_partition_costs_a_reconnect_and_a_gap_that_begins_at_the_last_byte() {
    Network::new(talkative).run(async {
        let mut room = open(config());
        joined(&mut room).await;
        tokio::spawn(async {
            sleep(S(10)).await;
            turmoil::partition("viewer", "douyu");
            sleep(S(120)).await;
            turmoil::repair("viewer", "douyu");
        });
        let (reason, heard_us, noticed_us) = lost(&mut room).await;
        assert!(matches!(reason, Lost::Session(Reason::Silent(_))), "{reason}");
        assert!((9 * SECOND_US..=11 * SECOND_US).contains(&heard_us), "{heard_us}");
        assert!((100 * SECOND_US..101 * SECOND_US).contains(&(noticed_us - heard_us)), "{}", noticed_us - heard_us);

        let joined_us = joined(&mut room).await;
        let (from_us, to_us, reason) = gap(&mut room).await;
        assert_eq!((from_us, to_us), (heard_us, joined_us));
        assert!(matches!(reason, Lost::Session(Reason::Silent(_))), "the gap has the reason of the link: {reason}");
        assert!(joined_us < 220 * SECOND_US, "back within 90 s of the repair: {joined_us}");
        assert_eq!(messages(&mut room).await, [chat(1000)]);
    });
}

#[test]
fn a_server_that_falls_silent_is_left_after_100_s() {
    Network::new(|mut peer: Peer, number| async move {
        peer.welcomes().await?;
        if number == 0 { for_ever().await } else { peer.serves().await }
    })
    .run(async {
        let mut room = open(config());
        joined(&mut room).await;
        let (reason, heard_us, noticed_us) = lost(&mut room).await;
        assert_eq!(reason.to_string(), "the server was silent for 100s");
        assert!(noticed_us - heard_us < 101 * SECOND_US);
        joined(&mut room).await;
    });
}

#[test]
fn a_server_that_restarts_is_found_again() {
    let mut network = Network::new(talkative);
    network.viewer(async {
        let mut room = open(config());
        joined(&mut room).await;
        let (_, heard_us, noticed_us) = lost(&mut room).await;
        assert!(noticed_us - heard_us < 2 * SECOND_US, "a close is noticed at once");
        let (from_us, ..) = gap(&mut room).await;
        assert_eq!(from_us, heard_us);
        assert_eq!(messages(&mut room).await, [chat(1000)]);
    });
    let mut bounced = false;
    while !network.sim.step().unwrap() {
        if !bounced && network.sim.elapsed() > S(70) {
            network.sim.bounce("douyu");
            bounced = true;
        }
    }
    assert!(bounced);
}

#[test]
fn a_server_that_cannot_be_reached_costs_the_deadline_and_the_back_off() {
    Network::new(talkative).run(async {
        turmoil::hold("viewer", "douyu");
        let mut room = open(config());
        let (reason, _, noticed_us) = lost(&mut room).await;
        assert_eq!(reason.to_string(), "cannot connect to tcp://douyu:8601: no answer within 15s");
        assert!((15 * SECOND_US..16 * SECOND_US).contains(&noticed_us), "{noticed_us}");
        turmoil::release("viewer", "douyu");
        joined(&mut room).await;
    });
}
