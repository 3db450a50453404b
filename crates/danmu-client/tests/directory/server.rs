//! A small HTTP server on loopback that answers as a test wants, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// As `name: value`, names in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) at: Instant,
}

impl Request {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    /// Without the query.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// How it is answered.
pub(crate) enum Answer {
    Text {
        status: u16,
        headers: String,
        body: Vec<u8>,
    },
    /// Any other way.
    Raw(RawAnswer),
}

type RawAnswer = Box<dyn FnOnce(&mut dyn Connection) + Send>;

pub(crate) trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

pub(crate) fn json(body: impl AsRef<str>) -> Answer {
    Answer::Text { status: 200, headers: "Content-Type: application/json\r\n".to_owned(), body: body.as_ref().into() }
}

pub(crate) fn html(body: &str) -> Answer {
    Answer::Text { status: 200, headers: "Content-Type: text/html; charset=utf-8\r\n".to_owned(), body: body.into() }
}

pub(crate) fn status(status: u16) -> Answer {
    Answer::Text { status, headers: String::new(), body: b"<html>Tengine</html>".to_vec() }
}

pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    Answer::Text { status, headers: format!("Location: {location}\r\n"), body: b"moved".to_vec() }
}

pub(crate) fn raw(answer: impl FnOnce(&mut dyn Connection) + Send + 'static) -> Answer {
    Answer::Raw(Box::new(answer))
}

/// Says nothing until the client gives up.
pub(crate) fn silence() -> Answer {
    raw(|connection| drop(connection.read(&mut [0; 64])))
}

pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::over(Some, answer)
    }

    /// With something between TCP and HTTP, which may fail.
    pub(crate) fn over<C: Connection>(
        accept: impl Fn(TcpStream) -> Option<C> + Send + Sync + 'static,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let (theirs, serve) = (Arc::clone(&shared), Arc::new((accept, answer)));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                let (shared, serve) = (Arc::clone(&theirs), Arc::clone(&serve));
                thread::spawn(move || {
                    // No thread outlives its test by much.
                    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                    if let Some(mut connection) = serve.0(stream) {
                        shared.serve(&mut connection, &serve.1);
                    }
                });
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The paths that were asked for so far, without queries.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.path().to_owned()).collect()
    }

    /// How many requests there were at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, connection: &mut impl Connection, answer: impl Fn(&Request) -> Answer) {
        let Some(request) = read_request(connection) else { return };
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.requests.lock().unwrap().push(request.clone());
        let answer = answer(&request);
        // Before the last byte: the client may be on to its next request at once.
        self.now.fetch_sub(1, Ordering::SeqCst);
        match answer {
            Answer::Text { status, headers, body } => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
                // The client may have seen enough.
                let _ = connection.write_all(&[head.as_bytes(), &body].concat());
                let _ = connection.flush();
            }
            Answer::Raw(answer) => answer(connection),
        }
    }
}

fn read_request(connection: &mut impl Connection) -> Option<Request> {
    // One byte at a time: nothing may be read ahead.
    let mut reader = BufReader::with_capacity(1, connection);
    let mut next = || {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let line = next()?;
    let mut headers = Vec::new();
    loop {
        let header = next()?;
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push(format!("{}: {value}", name.to_lowercase()));
    }
    Some(Request { line, headers, at: Instant::now() })
}
