//! A script of anything that may happen to a session: it never panics, never asks to be woken in the past, never goes on
//! after its end, and sends nothing but whole packets. Each step is a letter, and what follows it up to the next line.

use std::time::{Duration, Instant};

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::session::{Config, Output};
use danmu_proto::{Batch, RoomId, Session};

pub(crate) fn check(data: &[u8]) {
    let mut now = Instant::now();
    let mut session = Session::new(now, Config::new(RoomId::new(9999).expect("not zero")));
    let mut ended = None;
    for step in data.split(|byte| *byte == b'\n') {
        let Some((act, rest)) = step.split_first() else { continue };
        let mut batch = Batch::new();
        match act {
            // A whole payload, a part of one, or any bytes.
            b'p' => session.receive(now, &wire(rest), &mut batch),
            b'h' => session.receive(now, &wire(rest)[..=rest.len()], &mut batch),
            b'b' => session.receive(now, rest, &mut batch),
            // Time passes: as many seconds, or minutes, as there are bytes.
            b's' => now += Duration::from_secs(rest.len() as u64),
            b'm' => now += Duration::from_secs(60 * rest.len() as u64),
            b'j' => session.join(),
            b'r' => session.send("type@=x/"),
            b'l' => session.logout(now),
            b'e' => session.end(),
            b'<' => session.pause_heartbeat(),
            b'>' => session.resume_heartbeat(now),
            b'[' => session.pause_reading(now),
            b']' => session.resume_reading(now),
            _ => {
                session.tick(now);
                if let Output::Wait(at) = drain(&mut session) {
                    assert!(at > now);
                }
            }
        }
        assert!(ended.is_none() || batch.is_empty());
        let output = drain(&mut session);
        assert!(ended.is_none() || ended.as_ref() == Some(&output));
        if matches!(output, Output::Closed(_)) {
            ended = Some(output);
        }
    }
}

/// What the session wants when it has said all that it has to say.
fn drain(session: &mut Session) -> Output {
    loop {
        match session.poll() {
            Output::Send(bytes) => {
                let mut decoder = PacketDecoder::new(Sender::Client);
                decoder.read(&bytes, |_| {}).expect("packets of a client");
                assert!(!decoder.is_mid_packet());
            }
            Output::Joined => {}
            output => return output,
        }
    }
}

fn wire(payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload, &mut wire);
    wire
}
