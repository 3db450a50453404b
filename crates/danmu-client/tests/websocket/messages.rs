//! Packets in WebSocket messages.

use std::sync::mpsc;

use super::*;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const MORE: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

/// A frame as servers send it: not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(short as u8),
        long => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Serves a room by these frames, each written at once, and then listens on.
fn serve_frames(frames: Vec<Vec<u8>>) -> Room {
    let port = serve(move |io| {
        let mut io = welcome(io)?;
        for frame in &frames {
            io.get_mut().write_all(frame)?;
        }
        loop {
            request(&mut io)?;
        }
    });
    open(config(&format!("ws://127.0.0.1:{port}")))
}

#[tokio::test]
async fn packets_share_messages_and_are_split_over_them() {
    let bytes: Vec<u8> = (0..50).flat_map(|n| wire(&chat(n))).collect();
    let expected: Vec<_> = (0..50).map(chat).collect();
    for size in [1, 7, 100, 1000] {
        let mut room = serve_frames(bytes.chunks(size).map(|piece| frame(BINARY | FIN, piece)).collect());
        assert_eq!(messages(&mut room, 50).await, expected, "in messages of {size}");
    }
}

#[tokio::test]
async fn messages_come_in_continued_frames_with_pings_in_between() {
    let bytes: Vec<u8> = (0..3).flat_map(|n| wire(&chat(n))).collect();
    let (first, rest) = bytes.split_at(30);
    let (second, third) = rest.split_at(40);
    let mut room = serve_frames(vec![
        frame(BINARY, first),
        frame(PING | FIN, b"are you there?"),
        frame(MORE, second),
        frame(MORE, b""),
        frame(MORE | FIN, third),
    ]);
    assert_eq!(messages(&mut room, 3).await, [chat(0), chat(1), chat(2)]);
}

#[tokio::test]
async fn bytes_of_frames_may_come_one_by_one() {
    let wire: Vec<u8> = (0..3).flat_map(|n| frame(BINARY | FIN, &wire(&chat(n)))).collect();
    let mut room = serve_frames(wire.chunks(1).map(<[u8]>::to_vec).collect());
    assert_eq!(messages(&mut room, 3).await, [chat(0), chat(1), chat(2)]);
}

#[tokio::test]
async fn text_and_empty_messages_are_passed_over() {
    let mut room = serve_frames(vec![
        frame(TEXT | FIN, "你好".as_bytes()),
        frame(BINARY | FIN, b""),
        frame(BINARY | FIN, &wire(&chat(0))),
    ]);
    assert_eq!(messages(&mut room, 1).await, [chat(0)]);
}

#[tokio::test]
async fn pings_are_answered() {
    let (answers, answered) = mpsc::channel();
    let port = serve(move |io| {
        let mut io = welcome(io)?;
        io.send(Message::Ping("42".into()))?;
        loop {
            if let Message::Pong(answer) = io.read()? {
                answers.send(answer)?;
            }
        }
    });
    let mut room = open(config(&format!("ws://127.0.0.1:{port}")));
    let listening = tokio::spawn(async move {
        loop {
            room.next().await;
        }
    });
    let answer = tokio::task::spawn_blocking(move || answered.recv_timeout(PATIENCE)).await.unwrap();
    assert_eq!(&*answer.unwrap(), b"42");
    listening.abort();
}

#[tokio::test]
async fn heartbeats_and_the_logout_go_out_one_packet_a_message() {
    let (requests, requested) = mpsc::channel();
    let port = serve(move |io| {
        let mut io = welcome(io)?;
        loop {
            requests.send(request(&mut io)?)?;
        }
    });
    let mut config = config(&format!("ws://127.0.0.1:{port}/chat?room=1"));
    config.heartbeat = Duration::from_millis(50);
    let mut room = open(config);
    while !matches!(next(&mut room).await, Event::Joined { .. }) {}
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(room);
    let mut beats = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match requested.try_recv().as_deref() {
            Ok("mrkl") => beats += 1,
            Ok("logout") => break,
            Ok(other) => panic!("{other}"),
            Err(error) => assert_eq!(*error, mpsc::TryRecvError::Empty),
        }
    }
    assert!(beats > 3, "{beats}");
}

#[tokio::test]
async fn a_close_frame_and_a_close_without_one_both_end_the_link() {
    for last in [frame(CLOSE | FIN, &1000_u16.to_be_bytes()), Vec::new()] {
        let port = serve(move |io| {
            let mut io = welcome(io)?;
            io.get_mut().write_all(&last)?;
            if last.is_empty() {
                return Ok(());
            }
            loop {
                io.read()?;
            }
        });
        let reason = lost(config(&format!("ws://127.0.0.1:{port}"))).await;
        assert_eq!(reason.to_string(), "the server closed the connection");
    }
}

#[tokio::test]
async fn a_message_without_bounds_is_refused_before_it_is_kept() {
    // A frame that says it is 1 GiB long, and frames of 64 KiB that are never the last.
    let announced = vec![BINARY | FIN, 127, 0, 0, 0, 0, 0x40, 0, 0, 0];
    let piece = vec![0; 65000];
    let mut endless = vec![frame(BINARY, &piece)];
    endless.resize(300, frame(MORE, &piece));
    for frames in [vec![announced], endless] {
        let mut room = serve_frames(frames);
        let reason = loop {
            if let Event::Lost { reason, .. } = next(&mut room).await {
                break reason.to_string();
            }
        };
        assert!(reason.contains("the connection broke") && reason.contains("16777216"), "{reason}");
    }
}

#[tokio::test]
async fn frames_that_trickle_in_or_pings_alone_are_silence() {
    for piece in [vec![0], frame(PING | FIN, b"")] {
        let port = serve(move |io| {
            let mut io = welcome(io)?;
            io.get_mut().write_all(&[BINARY | FIN, 126, 0xff, 0xff])?;
            loop {
                io.get_mut().write_all(&piece)?;
                thread::sleep(Duration::from_millis(20));
            }
        });
        let mut config = config(&format!("ws://127.0.0.1:{port}"));
        config.silence = Duration::from_millis(500);
        assert_eq!(lost(config).await.to_string(), "the server was silent for 0.5s");
    }
}
