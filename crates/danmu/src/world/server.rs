//! The server of the world: real [`Peer`]s and [`Scenario`]s, with a fate for every connection, and the truth about what
//! was said and who was to hear it.

use std::collections::VecDeque;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use danmu_client::Endpoint;
use danmu_client::dial::{Dial, DialError};
use danmu_proto::{RoomId, Sender, message, packet};
use danmu_sim::account::Digest;
use danmu_sim::chaos::{MODES, OF_CONNECTIONS};
use danmu_sim::peer::{self, Output, Peer};
use danmu_sim::{Fault, Scenario, data};
use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::net::{Far, Near, connection};

/// A message that was said, and when which connection was to hear it: in simulated time.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) room: RoomId,
    pub(super) message: Digest,
    pub(super) at: Instant,
    /// Whether it was begun to be sent to someone, and never finished: then it need not have been heard.
    pub(super) unsent: bool,
    /// When the last byte of it reached a connection, or would have: where nothing arrived any more, `true`.
    pub(super) due: Vec<(u64, Instant, bool)>,
}

/// What goes wrong, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// Of 100 connections, how many have something happen to them.
    pub(super) faults: u32,
    /// Of 100 connections, how many have something wrong with their data.
    pub(super) data: u32,
    /// Mean pause between two bursts of talk.
    pub(super) pause: Duration,
}

pub(super) struct Server {
    seed: u64,
    weather: Weather,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: u64,
    listeners: Vec<Listener>,
    said: Vec<Said>,
    /// Nobody gets in before this time.
    shut_until: Option<Instant>,
}

struct Listener {
    connection: u64,
    room: RoomId,
    talk: mpsc::UnboundedSender<Talk>,
}

/// Something for a connection.
enum Talk {
    /// A message, and its place in what was said.
    Message(usize, Vec<u8>),
    /// Everyone is dropped.
    Kick,
}

/// Dials into the world, from one recorder.
#[derive(Clone)]
pub(super) struct Phone {
    server: Arc<Server>,
    calls: Arc<Mutex<Vec<Far>>>,
}

impl Phone {
    pub(super) fn new(server: &Arc<Server>) -> Self {
        Self { server: Arc::clone(server), calls: Arc::default() }
    }

    /// Its machine is off.
    pub(super) fn cut(&self) {
        for call in self.calls.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            call.cut();
        }
    }
}

impl Dial for Phone {
    type Io = Near;

    async fn dial(&self, _: &Endpoint) -> Result<Near, DialError> {
        let (number, shut) = self.server.knock();
        let mut rng = Rng::with_seed(self.server.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        sleep(Duration::from_millis(rng.u64(1..400))).await;
        let refuses = rng.u32(..100) < self.server.weather.faults / 4;
        match rng.u32(..2) {
            0 if refuses => pending().await,
            _ if refuses || shut => Err(DialError::Connect {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8601)),
                source: std::io::ErrorKind::ConnectionRefused.into(),
            }),
            _ => {
                let (near, far) = connection();
                self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(far.clone());
                tokio::spawn(Arc::clone(&self.server).serve(number, far, rng));
                Ok(near)
            }
        }
    }
}

impl Server {
    pub(super) fn open(seed: u64, weather: Weather, rooms: &[RoomId]) -> Arc<Self> {
        let server = Arc::new(Self { seed, weather, state: Mutex::default() });
        for &room in rooms {
            tokio::spawn(Arc::clone(&server).talk(room));
        }
        server
    }

    /// All that was said until now.
    pub(super) fn said(&self) -> Vec<Said> {
        self.lock().said.clone()
    }

    /// Drops everyone, and lets nobody in for a while.
    pub(super) fn restart(&self, closed: Duration) {
        let mut state = self.lock();
        state.shut_until = Some(Instant::now() + closed);
        for listener in &state.listeners {
            let _ = listener.talk.send(Talk::Kick);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new connection, and whether nobody gets in.
    fn knock(&self) -> (u64, bool) {
        let mut state = self.lock();
        state.connections += 1;
        (state.connections, state.shut_until.is_some_and(|until| until > Instant::now()))
    }

    /// A room talks for ever: bursts, and silence between them.
    async fn talk(self: Arc<Self>, room: RoomId) {
        let mut rng = Rng::with_seed(self.seed ^ room.get());
        let mut scenario = Scenario::new(self.seed, room);
        loop {
            sleep(self.weather.pause.mul_f64(-rng.f64().max(1e-9).ln())).await;
            for _ in 0..rng.u32(1..20) {
                let payload = scenario.next(1_763_700_000_000).into_bytes();
                self.say(room, &payload);
                if rng.bool() {
                    sleep(Duration::from_millis(rng.u64(1..300))).await;
                }
            }
        }
    }

    fn say(&self, room: RoomId, payload: &[u8]) {
        let mut state = self.lock();
        let State { said, listeners, .. } = &mut *state;
        let (place, at) = (said.len(), Instant::now());
        said.push(Said { room, message: Digest::of(payload), at, unsent: false, due: Vec::new() });
        for listener in listeners.iter().filter(|listener| listener.room == room) {
            let _ = listener.talk.send(Talk::Message(place, payload.to_vec()));
        }
    }

    /// One connection, from the first byte to the last.
    async fn serve(self: Arc<Self>, number: u64, far: Far, mut rng: Rng) {
        let fate = Fate::draw(self.weather, &mut rng);
        let config = peer::Config {
            silence: Duration::from_secs(180),
            rooms: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            session: number,
            answers_login: fate.end != End::NoLogin,
        };
        let begin = Instant::now();
        let mut peer = Peer::new(begin.into_std(), config);
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut line = Line::new(far, &fate, number, rng);
        let mut room = None;
        let mut ends = fate.after.map(|after| begin + after);
        loop {
            let wait = loop {
                match peer.poll() {
                    Output::Send(bytes) => line.send(bytes, None),
                    Output::Join(joined) => {
                        room = Some(joined);
                        let mut state = self.lock();
                        state.listeners.retain(|listener| listener.connection != number);
                        state.listeners.push(Listener { connection: number, room: joined, talk: tell.clone() });
                        line.join();
                    }
                    Output::Wait(at) => break Some(Instant::from_std(at)),
                    Output::Close => break None,
                }
            };
            let Some(wait) = wait else {
                line.far.close();
                break;
            };
            tokio::select! {
                biased;
                () = until(ends) => {
                    ends = None;
                    match fate.end {
                        End::Close => {
                            line.far.close();
                            break;
                        }
                        End::Reset => {
                            line.far.reset();
                            break;
                        }
                        End::Vanish => line.far.vanish(),
                        End::Stall => line.stalled = true,
                        End::Trickle => line.trickles = true,
                        End::Error(code) => peer.refuse(code),
                        End::None | End::NoLogin => {}
                    }
                }
                heard = line.far.hear() => match heard {
                    Some(bytes) => peer.receive(Instant::now().into_std(), 1_763_700_000_000, &bytes),
                    None => break,
                },
                Some(talk) = told.recv() => match talk {
                    Talk::Message(place, payload) => {
                        line.message(place, payload);
                        while let Ok(Talk::Message(place, payload)) = told.try_recv() {
                            line.message(place, payload);
                        }
                    }
                    Talk::Kick => {
                        line.far.reset();
                        break;
                    }
                },
                () = until(line.held) => line.release(),
                () = until(line.odd) => {
                    let room = room.expect("only who joined hears odd things");
                    if let Some(payload) = line.odd(room) {
                        // As in the simulator, all who are in the room hear it, by the fate of who was there first.
                        let first = self.lock().listeners.iter().find(|listener| listener.room == room).map(|l| l.connection);
                        if first == Some(number) {
                            self.say(room, &payload);
                        }
                    }
                }
                () = sleep_until(wait) => peer.tick(Instant::now().into_std()),
            }
        }
        // What is still on its way is lost now, unless the goodbye was orderly or the line was dead before.
        let mut state = self.lock();
        state.listeners.retain(|listener| listener.connection != number);
        let now = Instant::now();
        for (place, arrival, void) in line.sent {
            let said = &mut state.said[place];
            if arrival > now + Duration::from_secs(1) {
                said.unsent = true;
            } else {
                said.due.push((number, if line.keeps_times { arrival } else { arrival.min(now) }, void));
            }
        }
        for (place, _) in line.waiting {
            state.said[place].due.push((number, now, true));
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    None,
    NoLogin,
    Close,
    Reset,
    Vanish,
    Stall,
    Trickle,
    Error(u32),
}

/// What a connection has before it.
#[derive(Debug)]
struct Fate {
    end: End,
    after: Option<Duration>,
    data: Option<Fault>,
    every: Duration,
    latency: Duration,
}

impl Fate {
    fn draw(weather: Weather, rng: &mut Rng) -> Self {
        const ENDS: [End; 9] = [
            End::NoLogin,
            End::Close,
            End::Reset,
            End::Reset,
            End::Vanish,
            End::Stall,
            End::Trickle,
            End::Error(peer::TRANSFER),
            End::Error(peer::SHUTTING_DOWN),
        ];
        let end = if rng.u32(..100) < weather.faults { ENDS[rng.usize(..ENDS.len())] } else { End::None };
        // From a moment to hours, each order of magnitude as likely.
        let after = Duration::from_secs_f64(10f64.powf(rng.f64() * 4.2 - 0.5));
        let mode = MODES[OF_CONNECTIONS + rng.usize(..MODES.len() - OF_CONNECTIONS)].fault;
        // A mebibyte each second for hours is another test's.
        let every =
            Duration::from_secs_f64(10f64.powf(rng.f64() * 2.0) * if mode == Fault::Huge { 300.0 } else { 5.0 });
        Self {
            end,
            after: (end != End::None).then_some(after),
            data: (rng.u32(..100) < weather.data).then_some(mode),
            every,
            latency: Duration::from_millis(rng.u64(1..300)),
        }
    }
}

/// The way to one client, and what its fate does to what goes there.
struct Line {
    far: Far,
    number: u64,
    rng: Rng,
    data: Option<Fault>,
    every: Duration,
    latency: Duration,
    /// When the last byte so far arrives.
    arrived: Instant,
    /// What was sent, by its place in what was said, when its last byte arrives, and whether it never did.
    sent: Vec<(usize, Instant, bool)>,
    /// What is held back to be sent with more, and until when.
    waiting: VecDeque<(usize, Vec<u8>)>,
    held: Option<Instant>,
    /// When something odd is to be said.
    odd: Option<Instant>,
    stalled: bool,
    trickles: bool,
    /// Whether nothing that is on its way can be lost by the end of the connection.
    keeps_times: bool,
}

impl Line {
    fn new(far: Far, fate: &Fate, number: u64, rng: Rng) -> Self {
        Self {
            far,
            number,
            rng,
            data: fate.data,
            every: fate.every,
            latency: fate.latency,
            arrived: Instant::now(),
            sent: Vec::new(),
            waiting: VecDeque::new(),
            held: None,
            odd: None,
            stalled: false,
            trickles: false,
            keeps_times: matches!(fate.end, End::Close | End::Error(_) | End::Vanish | End::Stall),
        }
    }

    /// The client hears its room from now on, and whatever else it is to hear.
    fn join(&mut self) {
        self.odd = Some(Instant::now() + self.every);
    }

    /// Sends bytes; gives when they arrive.
    fn send(&mut self, bytes: Vec<u8>, message: Option<usize>) {
        let now = Instant::now();
        if self.stalled || !self.far.is_open() {
            // It would have been heard by whoever listens.
            self.sent.extend(message.map(|place| (place, now, true)));
            return;
        }
        self.arrived = self.arrived.max(now + self.latency);
        if self.trickles {
            for byte in bytes {
                self.arrived += Duration::from_secs(1);
                self.far.send(self.arrived, vec![byte]);
            }
        } else if self.data == Some(Fault::Split) {
            for byte in bytes {
                self.far.send(self.arrived, vec![byte]);
            }
        } else {
            self.far.send(self.arrived, bytes);
        }
        self.sent.extend(message.map(|place| (place, self.arrived, false)));
    }

    fn message(&mut self, place: usize, payload: Vec<u8>) {
        if matches!(self.data, Some(Fault::Coalesce | Fault::Reorder | Fault::Duplicate)) && !self.stalled {
            self.waiting.push_back((place, payload));
            self.held.get_or_insert(Instant::now() + Duration::from_millis(self.rng.u64(1..900)));
        } else {
            self.send(wire(&payload), Some(place));
        }
    }

    /// Sends what was held back, in one piece, in whatever order and as often as its fate has it.
    fn release(&mut self) {
        self.held = None;
        let mut waiting: Vec<_> = std::mem::take(&mut self.waiting).into();
        if let Some(fault) = self.data {
            data::stir(fault, &mut waiting, &mut self.rng);
        }
        let bytes = waiting.iter().flat_map(|(_, payload)| wire(payload)).collect();
        self.send(bytes, None);
        let void = self.stalled || !self.far.is_open();
        let arrival = if void { Instant::now() } else { self.arrived };
        self.sent.extend(waiting.into_iter().map(|(place, _)| (place, arrival, void)));
    }

    /// What is odd about this connection: a message to be said on it, or a broken packet, which is sent at once.
    fn odd(&mut self, room: RoomId) -> Option<Vec<u8>> {
        self.odd = None;
        let fault = self.data?;
        if let Some(payload) = data::odd(fault, room, &mut self.rng) {
            debug_assert!(!message::is_control(&message::kind(&payload)), "connection {}", self.number);
            self.odd = Some(Instant::now() + self.every);
            return Some(payload);
        }
        if let Some(bytes) = data::broken(fault, &mut self.rng) {
            self.send(bytes, None);
        }
        None
    }
}

fn wire(payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload, &mut wire);
    wire
}
