//! The tutorial's flow, and all that its methods promise, against the simulator.

use super::*;

#[test]
fn the_tutorials_program_joins_at_once_and_hears_every_message_once_and_in_order() {
    let tape: Vec<String> = (0..2000).map(chat).collect();
    let simulator = player(&tape);
    let (heard, hear) = mpsc::channel();

    let start = Instant::now();
    let data_callback = move |client: &DouyuClient, dp: danmu_client::DataPacket<'_>| match &*dp.kind() {
        "loginres" => client.join_room_group(),
        "chatmsg" => {
            heard.send(dp.content().into_owned()).unwrap();
            if dp.fields().text("nn") == "观众1999" {
                client.logout();
            }
        }
        _ => {}
    };
    let client = DouyuClient::connect("127.0.0.1", simulator.addresses()[0].port(), data_callback);
    client.login_room_id(room());
    client.run(TIMEOUT).unwrap();

    assert!(start.elapsed() < TIMEOUT, "it waited for the time-out");
    assert_eq!(hear.iter().collect::<Vec<_>>(), tape);
    let sent = simulator.shutdown();
    assert_eq!((sent.accepted, sent.messages()), (1, 2000));
}

#[test]
fn a_callback_slower_than_the_feed_stops_the_reading_but_no_heartbeat_and_loses_nothing() {
    // More than the system's own buffers can hold.
    let tape: Vec<String> = (0..4000).map(|i| format!("type@=chatmsg/n@={i}/txt@={}/", "x".repeat(10_000))).collect();
    let simulator = simulate(|config| {
        config.feed = Feed::Tape(Tape::new(&tape));
        config.rate = 1e6;
        config.silence = Duration::from_millis(1500);
        config.backlog = usize::MAX; // at this rate the tape is one burst
    });
    let mut config = Config::default();
    config.heartbeat = Duration::from_millis(200);
    config.queue_bytes = 64 * 1024;
    let (heard, hear) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let port = simulator.addresses()[0].port();
    let client = DouyuClient::connect_with("127.0.0.1", port, config, move |client, event| {
        if let Event::Packet(dp) = event {
            match &*dp.kind() {
                "loginres" => client.join_room_group(),
                // The first waits; for all others the sender is gone.
                "chatmsg" => drop(may_go_on.recv()),
                _ => {}
            }
        }
        heard.send(Heard::of(event)).unwrap();
    });
    client.login_room_id(room());
    let running = Running::start((client, hear));
    assert_eq!(running.next(), Heard::Connected);
    running.packet("loginres");

    let sent = || simulator.sent().messages();
    eventually(|| {
        let before = sent();
        thread::sleep(Duration::from_millis(300));
        before > 0 && sent() == before
    });
    let stuck_at = sent();
    assert!(stuck_at < 4000, "everything was read");
    thread::sleep(Duration::from_secs(3)); // twice the time after which the server cuts off who does not beat
    assert_eq!(sent(), stuck_at);

    let start = Instant::now();
    drop(go_on);
    for payload in &tape {
        assert!(running.packet("chatmsg") == payload.as_bytes(), "out of order, or lost");
    }
    assert!(start.elapsed() < LONG, "it is not at once that reading goes on");
    running.client.logout();
    running.result().unwrap();
}

#[test]
fn what_other_threads_ask_for_happens_at_once() {
    let simulator = simulate(|config| config.rate = 100.0);
    let (heard, hear) = mpsc::channel();
    let port = simulator.addresses()[0].port();
    let client = DouyuClient::connect_with("127.0.0.1", port, Config::default(), move |_, event| {
        heard.send(Heard::of(event)).unwrap();
    });
    let running = Running::start((client, hear));
    assert_eq!(running.next(), Heard::Connected);

    let at_once = |what: &dyn Fn(), kind| {
        thread::sleep(Duration::from_millis(100)); // so that the loop waits
        let start = Instant::now();
        what();
        running.packet(kind);
        assert!(start.elapsed() < Duration::from_secs(1), "{kind} took {:?}", start.elapsed());
    };
    at_once(&|| running.client.login_room_id(room()), "loginres");
    at_once(&|| running.client.send("type@=keeplive/tick@=7/"), "keeplive");
    at_once(&|| running.client.join_room_group(), "chatmsg");
    running.client.logout();
    running.result().unwrap();
}

#[test]
fn heartbeats_go_out_by_themselves_until_they_are_stopped_and_again_when_they_are_started() {
    let simulator = simulate(|config| {
        config.rate = 0.0;
        config.silence = Duration::from_secs(1);
    });
    let running = Running::in_room(simulator.addresses()[0], |config| config.heartbeat = Duration::from_millis(200));
    for _ in 0..10 {
        running.packet("mrkl");
    }
    running.client.stop_ping();
    thread::sleep(Duration::from_millis(400));
    running.client.start_ping();
    for _ in 0..10 {
        running.packet("mrkl");
    }
    running.client.stop_ping();
    let reason = running.closed();
    assert_eq!(reason.to_string(), "the server ended the session (error 51: data transfer)");
}

#[test]
fn a_panic_in_a_callback_costs_no_other_packet() {
    let simulator = player((0..100).map(chat));
    let (heard, hear) = mpsc::channel();
    let port = simulator.addresses()[0].port();
    let client = DouyuClient::connect("127.0.0.1", port, move |client, dp| {
        if dp.kind() == "loginres" {
            client.join_room_group();
        }
        heard.send(Heard::Packet(dp.payload().to_vec())).unwrap();
        assert_ne!(dp.payload(), chat(7).as_bytes(), "a panic in a callback, on purpose");
    });
    client.login_room_id(room());
    let running = Running::start((client, hear));
    for number in 0..100 {
        assert_eq!(running.packet("chatmsg"), chat(number).as_bytes());
    }
    running.client.logout();
    running.result().unwrap();
}

#[test]
fn a_client_that_is_to_reconnect_logs_in_and_joins_again_when_the_server_is_back() {
    let simulator = simulate(|config| config.rate = 100.0);
    let address = simulator.addresses()[0];
    let running = Running::in_room(address, |config| {
        config.pause_min = Duration::from_millis(10);
        config.pause_max = Duration::from_millis(100);
    });
    running.client.reconnect(true);
    running.packet("chatmsg");
    drop(simulator);
    let mut next = running.next();
    while matches!(next, Heard::Packet(_)) {
        next = running.next();
    }
    assert_eq!(next, Heard::closed("the server is shutting down (error 52)", true));
    assert_eq!(running.next(), Heard::closed(&format!("cannot connect to {address}"), true));

    let simulator = simulate(|config| {
        config.listen = vec![address];
        config.rate = 100.0;
    });
    while running.next() != Heard::Connected {}
    running.packet("loginres");
    running.packet("chatmsg");

    running.client.reconnect(false);
    drop(simulator);
    assert_eq!(running.closed().to_string(), "the server is shutting down (error 52)");
}

#[test]
fn a_logout_in_the_pause_before_a_reconnect_ends_it() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (client, heard) = for_room(address, |config| config.pause_min = LONG);
    client.reconnect(true);
    let running = Running::start((client, heard));
    assert_eq!(running.next(), Heard::closed(&format!("cannot connect to {address}"), true));
    running.client.logout();
    assert!(running.result.recv_timeout(AT_ONCE).unwrap().is_ok());
}

#[test]
fn a_client_runs_once() {
    let client = DouyuClient::connect("127.0.0.1", 1, |_, _| {});
    client.logout();
    client.run(TIMEOUT).unwrap();
    assert!(matches!(client.run(TIMEOUT), Err(RunError::AlreadyRun)));
}
