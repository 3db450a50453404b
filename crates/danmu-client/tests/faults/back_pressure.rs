//! The subscriber does not keep up.

use super::*;

/// Answers heartbeats, and sends `count` messages as fast as they are taken. Notes how many are sent.
async fn floods(mut peer: Peer, count: usize) -> io::Result<()> {
    peer.welcomes().await?;
    let (mut reader, mut writer) = peer.io.into_split();
    let seen = peer.seen.clone();
    tokio::spawn(async move {
        for n in 0..count {
            writer.write_all(&wire(&chat(n))).await?;
        }
        seen.add("all sent");
        loop {
            writer.write_all(&wire("type@=mrkl/")).await?;
            sleep(S(45)).await;
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        io::Result::Ok(())
    });
    loop {
        let mut bytes = [0; 1024];
        let n = reader.read(&mut bytes).await?;
        if n == 0 {
            return Ok(());
        }
        peer.decoder
            .read(&bytes[..n], |payload| peer.seen.add(&danmu_proto::message::kind(payload)))
            .map_err(io::Error::other)?;
    }
}

const COUNT: usize = 5000;

/// Reads until all messages are delivered or dropped; gives both numbers, and checks the order of the first.
async fn accounts(room: &mut Room) -> (u64, u64) {
    let (mut delivered, mut dropped, mut last) = (0, 0, None);
    while delivered + dropped < COUNT as u64 {
        let event = room.next().await.unwrap();
        for text in texts(&event) {
            assert!(last.as_ref().is_none_or(|last| *last < text), "out of order: {last:?}, {text}");
            last = Some(text);
            delivered += 1;
        }
        match event {
            Event::Dropped { messages, .. } => dropped += messages,
            Event::Lost { reason, .. } => panic!("lost: {reason}"),
            _ => {}
        }
    }
    (delivered, dropped)
}

#[test]
fn a_subscriber_that_pauses_for_less_than_is_allowed_loses_nothing_and_heartbeats_go_on() {
    let seen = Network::built(Builder::new().tcp_capacity(64), |peer: Peer, _| floods(peer, COUNT)).run(async {
        let mut config = config();
        config.queue_bytes = 20_000;
        config.blocked = S(300);
        let mut room = open(config);
        joined(&mut room).await;
        // Longer than the server may be silent: what is not read is not its silence.
        sleep(S(200)).await;
        assert_eq!(accounts(&mut room).await, (COUNT as u64, 0));
    });
    assert!(seen.times("all sent")[0] > S(200), "the server was held up");
    assert_eq!(seen.times("mrkl").len(), 4);
}

#[test]
fn what_came_while_nothing_was_read_counts_as_missed_from_then_on() {
    Network::built(Builder::new().tcp_capacity(64), |peer: Peer, _| floods(peer, COUNT)).run(async {
        let mut config = config();
        config.queue_bytes = 10_000;
        let mut room = open(config);
        let joined_us = joined(&mut room).await;
        sleep(S(30)).await;
        let from_us =
            until(&mut room, |event| if let Event::Dropped { from_us, .. } = event { Some(from_us) } else { None })
                .await;
        // Full within a moment, and given up after 10 s.
        assert!((0..5 * SECOND_US).contains(&(from_us - joined_us)), "{}", from_us - joined_us);
    });
}

#[test]
fn a_subscriber_that_pauses_for_longer_loses_what_is_counted_and_no_more() {
    let seen = Network::built(Builder::new().tcp_capacity(64), |peer: Peer, _| floods(peer, COUNT)).run(async {
        let mut config = config();
        config.queue_bytes = 20_000;
        let mut room = open(config);
        joined(&mut room).await;
        sleep(S(30)).await;
        let (delivered, dropped) = accounts(&mut room).await;
        assert!(delivered > 50 && dropped > 1000, "{delivered} and {dropped}");
        assert_eq!(delivered + dropped, COUNT as u64);
    });
    let sent = seen.times("all sent")[0];
    assert!((S(10)..S(29)).contains(&sent), "after 10 s the link reads on: {sent:?}");
}
