//! Several links to one room: what one of them suffers costs nothing.

use super::*;

/// What the room says in its nth second: the same on all links.
fn said(n: u64) -> [String; 2] {
    [chat(n as usize), format!("type@=dgb/rid@=9999/gfid@={}/", n % 3)]
}

/// Says every second what the room says, for so long.
async fn tells(peer: &mut Peer, long: Duration) -> io::Result<()> {
    let until = turmoil::sim_elapsed().unwrap().saturating_add(long);
    peer.welcomes().await?;
    loop {
        let now = turmoil::sim_elapsed().unwrap();
        let next = now.as_secs() + 1;
        if now >= until {
            return Ok(());
        }
        peer.serves_for(S(next).saturating_sub(now)).await?;
        for payload in said(next) {
            peer.says(&payload).await?;
        }
    }
}

fn two_links() -> Config {
    let mut config = config();
    config.links = 2;
    config.endpoints = vec![Endpoint::tcp("douyu", 8601), Endpoint::tcp("douyu", 8602)];
    config
}

/// What came out.
#[derive(Default)]
struct Heard {
    messages: Vec<String>,
    /// Messages by link, passed on or not.
    received: HashMap<LinkId, u64>,
    lost: Vec<String>,
    gaps: Vec<(i64, i64)>,
}

/// All that a room gives in so long.
async fn listen(room: &mut Room, long: Duration) -> Heard {
    let mut heard = Heard::default();
    let until = sleep(long);
    tokio::pin!(until);
    loop {
        let event = tokio::select! {
            () = &mut until => return heard,
            event = room.next() => event.unwrap(),
        };
        heard.messages.extend(texts(&event));
        match event {
            Event::Records(records) => {
                *heard.received.entry(records.link).or_default() += records.messages().count() as u64;
            }
            Event::Duplicates { link, messages, .. } => *heard.received.entry(link).or_default() += messages,
            Event::Lost { reason, .. } => heard.lost.push(reason.name().to_owned()),
            Event::Gap { from_us, to_us, .. } => heard.gaps.push((from_us, to_us)),
            _ => {}
        }
    }
}

impl Heard {
    /// The room was heard without a gap and each message once: from its first second on.
    #[track_caller]
    fn is_whole(&self, seconds: u64) {
        let first = self.messages.iter().find_map(|text| text.split("cid@=").nth(1)?.get(..8)?.parse().ok()).unwrap();
        let source: Vec<_> = (first..).flat_map(said).take(self.messages.len()).collect();
        assert_eq!(self.messages, source);
        assert!(self.messages.len() as u64 >= 2 * (seconds - 5), "{} messages", self.messages.len());
        assert_eq!(self.gaps, []);
    }
}

#[test]
fn two_links_take_two_endpoints_and_each_message_comes_once() {
    let seen = Network::new(|mut peer: Peer, _| async move { tells(&mut peer, S(1000)).await }).run(async {
        let mut room = open(two_links());
        let heard = listen(&mut room, S(60)).await;
        heard.is_whole(60);
        assert_eq!(heard.lost, [""; 0]);
        assert_eq!(heard.received.len(), 2);
        let all = heard.messages.len() as u64;
        // The last second's may be on their way, or not told of yet.
        assert!(heard.received.values().all(|received| (all - 6..=all).contains(received)), "{:?}", heard.received);
    });
    assert_eq!((seen.times("connect 8601").len(), seen.times("connect 8602").len()), (1, 1));
}

#[test]
fn a_link_that_ends_beside_a_healthy_one_makes_no_gap_and_loses_nothing() {
    let seen = Network::new(|mut peer: Peer, number| async move {
        tells(&mut peer, if number == 0 { S(20) } else { S(1000) }).await
    })
    .run(async {
        let heard = listen(&mut open(two_links()), S(60)).await;
        heard.is_whole(60);
        assert_eq!(heard.lost, ["closed"]);
    });
    let connects = (seen.times("connect 8601").len(), seen.times("connect 8602").len());
    assert_eq!(connects, (2, 1), "it comes back to where the other is not");
}

#[test]
fn a_half_open_link_beside_a_healthy_one_makes_no_gap_and_loses_nothing() {
    Network::new(|mut peer: Peer, number| async move {
        if number == 0 {
            tells(&mut peer, S(20)).await?;
            for_ever().await
        } else {
            tells(&mut peer, S(1000)).await
        }
    })
    .run(async {
        let heard = listen(&mut open(two_links()), S(180)).await;
        heard.is_whole(180);
        assert_eq!(heard.lost, ["silence"]);
    });
}

#[test]
fn only_while_no_link_listens_there_is_a_gap() {
    Network::new(|mut peer: Peer, number| async move {
        // The first ends at 20 s, and comes back for good at once. The second is deaf from 10 s on.
        match number {
            0 => tells(&mut peer, S(20)).await,
            1 => {
                tells(&mut peer, S(10)).await?;
                for_ever().await
            }
            _ => tells(&mut peer, S(1000)).await,
        }
    })
    .run(async {
        let mut room = open(two_links());
        let heard = listen(&mut room, S(60)).await;
        assert_eq!((&heard.lost[..], &heard.gaps[..]), (&["closed".to_owned()][..], &[][..]), "the other may listen");
        let heard = listen(&mut room, S(120)).await;
        assert_eq!(heard.lost, ["silence"]);
        let &[(from_us, to_us)] = &heard.gaps[..] else { panic!("it did not: {:?}", heard.gaps) };
        assert!((20 * SECOND_US..22 * SECOND_US).contains(&from_us), "{from_us}");
        assert!((SECOND_US..5 * SECOND_US).contains(&(to_us - from_us)), "{}", to_us - from_us);
    });
}

#[test]
fn what_a_link_hears_again_after_a_reconnect_comes_once() {
    Network::new(|mut peer: Peer, number| async move {
        peer.welcomes().await?;
        for n in 0..10 {
            peer.says(&chat(5 * number + n)).await?;
        }
        if number == 0 { Ok(()) } else { peer.serves().await }
    })
    .run(async {
        let heard = listen(&mut open(config()), S(60)).await;
        assert_eq!(heard.messages, (0..15).map(chat).collect::<Vec<_>>());
        assert_eq!(heard.received.values().sum::<u64>(), 20);
    });
}
