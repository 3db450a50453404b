//! Servers that the simulator never is: they watch closely, break off, talk nonsense, or are not there.

use danmu_proto::PacketError;
use danmu_proto::session::Reason;

use super::*;

#[test]
fn the_server_hears_login_join_requests_and_logout_in_this_order_and_then_the_end() {
    let (told, tell) = mpsc::channel();
    let address = serve(move |mut guest| {
        told.send(guest.request().unwrap()).unwrap();
        guest.say("type@=loginres/");
        while let Some(request) = guest.request() {
            told.send(request).unwrap();
        }
    });
    let running = Running::in_room(address, |_| {});
    assert_eq!(tell.recv_timeout(LONG).unwrap(), "type@=loginreq/roomid@=4494106/");
    assert_eq!(tell.recv_timeout(LONG).unwrap(), "type@=joingroup/rid@=4494106/gid@=-9999/");
    running.client.join_room_group(); // a second time is no time
    running.client.send("type@=sub/mt@=asr_caption/");
    running.client.logout();
    running.result().unwrap();
    assert_eq!(tell.iter().collect::<Vec<_>>(), ["type@=sub/mt@=asr_caption/", "type@=logout/"]);
    let last = running.heard.iter().last();
    assert_eq!(last, Some(Heard::closed("logged out", false)));
}

#[test]
fn what_is_asked_for_before_there_is_a_connection_follows_the_login() {
    let (told, tell) = mpsc::channel();
    let address = serve(move |guest| told.send(guest.requests()).unwrap());
    let client = DouyuClient::connect(address.ip().to_string(), address.port(), |_, _| {});
    client.send("type@=first/");
    client.send("type@=second/");
    client.login_room_id(room());
    client.login_room_id(RoomId::new(1).unwrap()); // a client is for one room
    let running = Running::start((client, mpsc::channel().1));
    thread::sleep(Duration::from_millis(300));
    running.client.logout();
    running.result().unwrap();
    let requests = tell.recv_timeout(LONG).unwrap();
    assert_eq!(requests, ["type@=loginreq/roomid@=4494106/", "type@=first/", "type@=second/", "type@=logout/"]);
}

#[test]
fn packets_may_come_byte_by_byte_and_hold_anything() {
    let odd: [&[u8]; 6] =
        [b"", b"/", b"no type at all", b"txt@=hi/nn@=x/", b"type@=chatmsg/nn@=\xff\xfe/", b"type@=chatmsg/txt@=end/"];
    let address = serve(move |mut guest| {
        guest.request().unwrap();
        for byte in packets(["type@=loginres/".as_bytes()].iter().chain(&odd)) {
            guest.stream.write_all(&[byte]).unwrap();
        }
        guest.requests();
    });
    let running = Running::in_room(address, |_| {});
    running.packet("loginres");
    for payload in odd {
        assert_eq!(running.next(), Heard::Packet(payload.to_vec()));
    }
    running.client.logout();
    running.result().unwrap();
}

#[test]
fn garbage_ends_the_connection_after_what_came_before_it() {
    let address = serve(|mut guest| {
        guest.request().unwrap();
        let mut bytes = packets(["type@=loginres/"]);
        bytes.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        guest.stream.write_all(&bytes).unwrap();
        guest.requests();
    });
    let running = Running::in_room(address, |_| {});
    running.packet("loginres");
    assert!(matches!(running.closed(), Closed::Session(Reason::Packet(PacketError::TooLong { .. }))));
}

#[test]
fn run_returns_when_the_callback_has_had_everything() {
    let address = serve(|mut guest| {
        guest.request().unwrap();
        guest.stream.write_all(&packets((0..200).map(chat))).unwrap();
        // Closes with nothing unread, so that nothing is reset.
    });
    let (heard, hear) = mpsc::channel();
    let client = DouyuClient::connect(address.ip().to_string(), address.port(), move |_, dp| {
        thread::sleep(Duration::from_millis(3));
        heard.send(dp.content().into_owned()).unwrap();
    });
    client.login_room_id(room());
    let result = client.run(TIMEOUT);
    assert!(matches!(result, Err(RunError::Closed(Closed::Session(Reason::Closed)))), "{result:?}");
    assert!(hear.try_iter().eq((0..200).map(chat)), "not everything was heard before run returned");
}

#[test]
fn a_login_that_is_not_answered_ends_the_connection() {
    let address = serve(|guest| drop(guest.requests()));
    let running = Running::in_room(address, |config| config.connect = Duration::from_millis(300));
    assert_eq!(running.closed().to_string(), "the server did not answer the login within 0.3s");
}

#[test]
fn a_server_that_falls_silent_counts_as_gone() {
    let address = serve(|mut guest| {
        guest.request().unwrap();
        guest.say("type@=loginres/");
        guest.requests();
    });
    let running = Running::in_room(address, |config| config.silence = Duration::from_millis(300));
    assert_eq!(running.closed().to_string(), "the server was silent for 0.3s");
}

#[test]
fn a_refused_connection_says_where_and_why() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = Running::in_room(address, |_| {});
    let reason = running.closed();
    assert_eq!(reason.to_string(), format!("cannot connect to {address}"));
    let cause = std::error::Error::source(&reason).unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
    assert_eq!(running.heard.iter().collect::<Vec<_>>(), [Heard::closed(&reason.to_string(), false)]);
}

/// A listener whose backlog is full: the system drops what knocks, so a connection is neither made nor refused.
#[cfg(target_os = "linux")]
fn deaf() -> (socket2::Socket, Vec<TcpStream>, SocketAddr) {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let guests = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok()).collect();
    (listener, guests, address)
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let (_listener, _guests, address) = deaf();
    let running = Running::in_room(address, |config| config.connect = Duration::from_millis(300));
    assert_eq!(running.closed().to_string(), format!("cannot connect to {address}"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_logout_before_the_connection_is_made_ends_it_at_once() {
    let (_listener, _guests, address) = deaf();
    let running = Running::in_room(address, |_| {});
    thread::sleep(Duration::from_millis(100));
    running.client.logout();
    assert!(running.result.recv_timeout(AT_ONCE).unwrap().is_ok());
    assert_eq!(running.heard.iter().collect::<Vec<_>>(), [Heard::closed("logged out", false)]);
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let client = DouyuClient::connect("nobody.invalid", 8601, |_, _| {});
    client.login_room_id(room());
    let error = client.run(TIMEOUT).unwrap_err();
    assert_eq!(error.to_string(), "cannot find the address of nobody.invalid");
}

#[test]
fn a_client_that_has_not_logged_in_need_not_log_out() {
    let (told, tell) = mpsc::channel();
    let address = serve(move |guest| told.send(guest.requests()).unwrap());
    let client = DouyuClient::connect(address.ip().to_string(), address.port(), |_, _| {});
    let running = Running::start((client, mpsc::channel().1));
    thread::sleep(Duration::from_millis(200));
    running.client.logout();
    assert!(running.result.recv_timeout(AT_ONCE).unwrap().is_ok());
    assert_eq!(tell.recv_timeout(LONG).unwrap(), [""; 0]);
}
