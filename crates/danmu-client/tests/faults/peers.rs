//! The server does what no server should.

use danmu_proto::session::Reason;
use danmu_proto::{PacketError, session::ServerError};

use super::*;

#[test]
fn a_heartbeat_due_in_the_middle_of_a_packet_goes_out_on_time_and_the_packet_arrives_whole() {
    let seen = Network::new(|mut peer: Peer, _| async move {
        peer.welcomes().await?;
        let wire = wire(&chat(1));
        sleep(S(44)).await;
        peer.io.write_all(&wire[..20]).await?;
        assert_eq!(peer.hears().await?, "mrkl");
        sleep(S(1)).await;
        peer.io.write_all(&wire[20..]).await?;
        for_ever().await
    })
    .run(async {
        let mut room = open(config());
        assert_eq!(messages(&mut room).await, [chat(1)]);
    });
    let (login, beat) = (seen.times("loginreq")[0], seen.times("mrkl")[0]);
    assert!((login + S(45)..login + S(46)).contains(&beat), "{login:?}, {beat:?}");
}

#[test]
fn a_packet_that_trickles_in_is_given_30_s() {
    Network::new(|mut peer: Peer, _| async move {
        peer.welcomes().await?;
        peer.says(&chat(0)).await?;
        for byte in wire(&"x".repeat(1000)) {
            peer.io.write_all(&[byte]).await?;
            sleep(S(1)).await;
        }
        Ok(())
    })
    .run(async {
        let mut room = open(config());
        let joined_us = joined(&mut room).await;
        let (reason, heard_us, noticed_us) = lost(&mut room).await;
        assert_eq!(reason.to_string(), "a packet was not finished within 30s");
        assert!((30 * SECOND_US..31 * SECOND_US).contains(&(noticed_us - joined_us)), "{}", noticed_us - joined_us);
        assert!(noticed_us - heard_us < 2 * SECOND_US, "every byte counts as heard");
    });
}

#[test]
fn a_server_that_does_not_read_holds_up_neither_heartbeats_nor_deadlines() {
    // One segment fills the connection: the join, and all after it, waits in the viewer.
    let seen = Network::built(Builder::new().tcp_capacity(1), |mut peer: Peer, _| async move {
        peer.says("type@=loginres/").await?;
        for n in 0..19 {
            sleep(S(10)).await;
            peer.says(&chat(n)).await?;
        }
        peer.seen.add("reads");
        while peer.hears().await? != "joingroup" {}
        for _ in 0..4 {
            peer.hears().await?;
        }
        for_ever().await
    })
    .run(async {
        let mut room = open(config());
        for n in 0..19 {
            assert_eq!(messages(&mut room).await, [chat(n)]);
        }
        let (reason, heard_us, noticed_us) = lost(&mut room).await;
        assert!(matches!(reason, Lost::Session(Reason::Silent(_))), "{reason}");
        assert!((100 * SECOND_US..101 * SECOND_US).contains(&(noticed_us - heard_us)));
    });
    let reads = seen.times("reads")[0];
    let waiting = seen.times("mrkl").into_iter().filter(|&at| at < reads + S(2)).count();
    assert_eq!(waiting, 4, "heartbeats of 190 s were waiting");
}

#[test]
fn a_login_without_an_answer_is_given_what_is_left_of_15_s() {
    Network::new(|mut peer: Peer, _| async move {
        peer.hears().await?;
        for_ever().await
    })
    .run(async {
        let mut room = open(config());
        let (reason, _, noticed_us) = lost(&mut room).await;
        assert_eq!(reason.to_string(), "the server did not answer the login within 15s");
        assert!((15 * SECOND_US..16 * SECOND_US).contains(&noticed_us), "{noticed_us}");
    });
}

#[test]
fn a_server_that_sends_garbage_for_ever_is_left_at_once() {
    let seen = Network::new(|mut peer: Peer, number| async move {
        if number % 2 == 0 {
            peer.welcomes().await?;
        }
        loop {
            peer.io.write_all(&[0xff; 1000]).await?;
            sleep(Duration::from_millis(10)).await;
        }
    })
    .run(async {
        let mut room = open(config());
        for _ in 0..4 {
            let (reason, heard_us, noticed_us) = lost(&mut room).await;
            assert_eq!((reason.name(), reason.dropped()), ("packet", Some("oversized")));
            assert!(noticed_us - heard_us < SECOND_US / 10);
        }
    });
    assert_eq!(seen.times("connect").len(), 4);
}

#[test]
fn errors_and_wrong_packets_end_the_link_with_their_names() {
    let wrong_kind = PacketError::WrongKind { found: 689, expected: 690 };
    let cases = [
        (wire("type@=error/code@=51/"), Reason::Server(ServerError::Transfer)),
        (wire("type@=error/code@=52/"), Reason::Server(ServerError::ShuttingDown)),
        (wire("type@=error/code@=204/"), Reason::Server(ServerError::WrongRoom)),
        (wire("").into_iter().chain([9, 0, 0, 0, 9, 0, 0, 0, 0xb1, 2, 0, 0, 0]).collect(), wrong_kind.into()),
    ];
    let (script, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    Network::new(move |mut peer: Peer, number| {
        let last = script[number].clone();
        async move {
            peer.welcomes().await?;
            peer.says(&chat(number)).await?;
            peer.io.write_all(&last).await?;
            for_ever().await
        }
    })
    .run(async move {
        let mut room = open(config());
        for (n, expected) in expected.into_iter().enumerate() {
            assert_eq!(messages(&mut room).await, [chat(n)], "what came before stands");
            let (reason, ..) = lost(&mut room).await;
            assert!(matches!(&reason, Lost::Session(reason) if *reason == expected), "{reason} and not {expected}");
        }
    });
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_packet_keeps_what_came_before() {
    Network::new(|mut peer: Peer, number| async move {
        peer.welcomes().await?;
        peer.says(&chat(number)).await?;
        peer.io.write_all(&wire(&chat(number))[..30]).await?;
        sleep(S(1)).await;
        Ok(())
    })
    .run(async {
        let mut room = open(config());
        for n in 0..3 {
            assert_eq!(messages(&mut room).await, [chat(n)]);
            lost(&mut room).await;
        }
    });
}

#[test]
fn dropping_a_room_logs_out_and_closes() {
    let seen = Network::new(|mut peer: Peer, _| async move {
        peer.welcomes().await?;
        peer.serves().await?;
        // The viewer does not wait for ever for the server to close.
        peer.hears().await.map(drop)
    })
    .run(async {
        let mut room = open(config());
        joined(&mut room).await;
        drop(room);
        sleep(S(5)).await;
    });
    let (logout, end) = (seen.times("logout")[0], seen.times("end")[0]);
    assert!(end < logout + S(2), "{logout:?}, {end:?}");
    assert_eq!(seen.times("connect").len(), 1);
}
