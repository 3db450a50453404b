//! `danmu doctor`: what works from here, what does not, and what to do about it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use danmu_client::directory::{Probe, RoomName};
use danmu_client::{Config, Endpoint, Event, Lost, Room, RoomId};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::exit::Exit;
use crate::network::Network;
use crate::printer::Printer;
use crate::signal::Stop;
use crate::text::safe;

/// How long to listen to a room that was joined: busy ones talk several times a second.
const LISTEN: Duration = Duration::from_secs(2);

/// Try every way to Douyu, and say what to do where one fails
#[derive(clap::Args, Debug)]
pub(crate) struct Doctor {
    /// The room to try with
    #[arg(value_name = "ROOM", default_value = "9999")]
    room: RoomName,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: Network,
}

/// One thing that was tried.
#[derive(Debug)]
struct Check {
    /// What kind: `dns`, `chat`, `http`.
    area: &'static str,
    /// What was tried.
    what: String,
    /// What came of it, in words.
    found: Result<String, Fault>,
    took: Duration,
}

#[derive(Debug)]
struct Fault {
    /// A short name that does not change.
    name: &'static str,
    problem: String,
    advice: &'static str,
}

impl Doctor {
    /// Tries everything. It is a failure if no chat server works.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let config = self.network.config()?;
        let room = match self.network.resolve(std::slice::from_ref(&self.room), &Stop::never(), printer) {
            Ok(rooms) => rooms.unwrap_or_default().first().copied(),
            Err(_) => self.room.number(),
        };
        let mut checks = Vec::new();
        let hosts: BTreeSet<_> =
            config.endpoints.iter().map(|endpoint| (endpoint.host.clone(), endpoint.port)).collect();
        let mut seen = BTreeSet::new();
        checks.extend(hosts.iter().filter(|(host, _)| seen.insert(host)).map(|(host, port)| look_up(host, *port)));
        match room {
            Some(room) => checks.extend(join_all(room, &config)?),
            None => printer.warn(format_args!("{} could not be looked up, so no chat server was tried", self.room)),
        }
        if self.network.may_ask() {
            checks.extend(self.network.directory()?.probe().into_iter().map(web));
        }
        if self.json {
            printer.json(|out| writeln!(out, "{}", in_json(&checks)))?;
        } else {
            for check in &checks {
                printer.line(&in_words(check))?;
            }
            printer.line("")?;
            printer.line(&verdict(&checks))?;
        }
        Ok(if works(&checks, "chat") > 0 { Exit::Done } else { Exit::GivenUp })
    }
}

fn look_up(host: &str, port: u16) -> Check {
    let begun = Instant::now();
    let found = match (host, port).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: BTreeSet<_> = addresses.map(|address| address.ip().to_string()).collect();
            Ok(addresses.into_iter().collect::<Vec<_>>().join(", "))
        }
        Err(error) => Err(Fault { name: "dns", problem: error.to_string(), advice: advice("dns") }),
    };
    Check { area: "dns", what: host.to_owned(), found, took: begun.elapsed() }
}

/// Joins the room on every endpoint, all at once.
fn join_all(room: RoomId, config: &Config) -> anyhow::Result<Vec<Check>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (place, endpoint) in config.endpoints.iter().enumerate() {
            let (endpoint, config) = (endpoint.clone(), config.clone());
            tasks.spawn(async move { (place, join(room, endpoint, config).await) });
        }
        let mut checks = tasks.join_all().await;
        checks.sort_by_key(|(place, _)| *place);
        checks.into_iter().map(|(_, check)| check).collect()
    }))
}

/// Joins a room on one endpoint, and listens for a moment.
async fn join(room: RoomId, endpoint: Endpoint, mut config: Config) -> Check {
    config.endpoints = vec![endpoint.clone()];
    let begun = Instant::now();
    let mut room = Room::open(room, config);
    let (found, took) = loop {
        match room.next().await {
            Some(Event::Joined { .. }) => {
                let took = begun.elapsed();
                break (listen(&mut room).await, took);
            }
            Some(Event::Lost { reason, .. }) => break (Err(reason), begun.elapsed()),
            Some(_) => {}
            None => unreachable!("a room that is held stays open"),
        }
    };
    let found = found.map(|messages| match messages {
        0 => format!("joined; the room was silent for {} s, as rooms are where nobody talks", LISTEN.as_secs()),
        n => format!("joined; {n} messages in {} s", LISTEN.as_secs()),
    });
    let fault = |lost: Lost| Fault { name: lost.name(), problem: lost.to_string(), advice: advice(lost.name()) };
    Check { area: "chat", what: endpoint.to_string(), found: found.map_err(fault), took }
}

/// Counts messages for a moment; a server that does not want us says so by then.
async fn listen(room: &mut Room) -> Result<usize, Lost> {
    let mut messages = 0;
    let heard = timeout(LISTEN, async {
        loop {
            match room.next().await {
                Some(Event::Records(records)) => messages += records.message_count(),
                Some(Event::Lost { reason, .. }) => return reason,
                _ => {}
            }
        }
    });
    match heard.await {
        Ok(lost) => Err(lost),
        Err(_) => Ok(messages),
    }
}

fn web(probe: Probe) -> Check {
    let fault = |error: danmu_client::directory::RequestError| Fault {
        name: error.name(),
        problem: error.to_string(),
        advice: error.advice(),
    };
    let found = probe.outcome.map(|()| "answers as expected".to_owned()).map_err(fault);
    Check { area: "http", what: probe.url, found, took: probe.took }
}

/// What to do about a fault of this name.
fn advice(name: &str) -> &'static str {
    match name {
        "dns" => "check the network and the name server; another name server, or --proxy, may know the name",
        "refused" => "this port is closed there or by something on the way; one of the others may work",
        "timeout" | "connect" => "something on the way drops it, such as a firewall; try another network or --proxy",
        "proxy" => "check the proxy's address and password",
        "certificate" => {
            "set the clock; if a company or school looks into TLS here, name its certificate with --ca; \
             in a hotel or café, log in on its page first"
        }
        "tls" => "the port may not speak TLS; behind a filter, plain tcp:// may get through",
        "websocket" | "protocol" => {
            "something else answers in its place: log in on the network's page, or check the port"
        }
        "login" | "silence" => "it accepts connections and says nothing: try another server, or again later",
        "server" => "the server turned us down: check the room, and that not too many are open",
        "packet" => "what answers is no danmu server: check host and port",
        _ => "try another server, or again later",
    }
}

fn works(checks: &[Check], area: &str) -> usize {
    checks.iter().filter(|check| check.area == area && check.found.is_ok()).count()
}

fn in_words(check: &Check) -> String {
    let (style, mark) = match &check.found {
        Ok(_) => (AnsiColor::Green.on_default(), "ok  "),
        Err(_) => (AnsiColor::Red.on_default().bold(), "FAIL"),
    };
    let dim = Style::new().dimmed();
    let mut words = format!("{style}{mark}{style:#} {} {dim}({} ms){dim:#}", check.what, check.took.as_millis());
    let _ = match &check.found {
        Ok(found) => write!(words, "\n     {}", safe(found)),
        Err(fault) => write!(words, "\n     {}\n     what to do: {}", safe(&fault.problem), fault.advice),
    };
    words
}

fn verdict(checks: &[Check]) -> String {
    let count = |area| checks.iter().filter(|check| check.area == area).count();
    let of = |area| format!("{} of {}", works(checks, area), count(area));
    match (works(checks, "chat"), works(checks, "http"), count("http")) {
        (0, _, _) if works(checks, "dns") == 0 => {
            "No name can be looked up: there is no network, or no name server.".to_owned()
        }
        (0, 0, 1..) => "Nothing of Douyu can be reached from here: try another network, or --proxy.".to_owned(),
        (0, _, _) => "No chat server can be reached from here: try another network, or --proxy.".to_owned(),
        (_, 0, 1..) => {
            format!(
                "Chat works ({} servers). Rooms cannot be looked up: use their real numbers, with --no-resolve.",
                of("chat")
            )
        }
        (_, _, 0) => format!("Chat works ({} servers).", of("chat")),
        _ => format!("Chat works ({} servers), and rooms can be looked up ({} ways).", of("chat"), of("http")),
    }
}

fn in_json(checks: &[Check]) -> Value {
    let checks_in_json = checks.iter().map(|check| {
        let mut object = json!({"area": check.area, "what": check.what, "ok": check.found.is_ok(), "ms": check.took.as_millis() as u64});
        match &check.found {
            Ok(found) => object["found"] = found.clone().into(),
            Err(fault) => {
                object["fault"] = fault.name.into();
                object["problem"] = fault.problem.clone().into();
                object["advice"] = fault.advice.into();
            }
        }
        object
    });
    json!({"v": 1, "ok": works(checks, "chat") > 0, "verdict": verdict(checks), "checks": checks_in_json.collect::<Vec<_>>()})
}
