//! The tasks on this crate, written as anybody would write them.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result};

use crate::{CHUNK, MESSAGE, Task, receive_on_thread, send_from_thread};

/// Sends with `Channel::send`.
pub(crate) fn queued(task: Task) -> Duration {
    run(task, |left| Source { left, chunk: vec![7; CHUNK] })
}

/// Sends with `Channel::try_send`.
pub(crate) fn direct(task: Task) -> Duration {
    run(task, |left| DirectSource { left, chunk: vec![7; CHUNK], sent: 0 })
}

/// Times one loop from the first connection until all are closed.
fn run<S: Dispatcher + 'static>(task: Task, source: fn(usize) -> S) -> Duration {
    let mut event_loop = Loop::new().unwrap();
    let start = Instant::now();
    let thread = match task {
        Task::Echo { connections, rounds } => {
            let address = listen(&mut event_loop, connections, true);
            for _ in 0..connections {
                event_loop.connect(address, Asker { left: rounds, missing: 0 });
            }
            None
        }
        Task::Bulk { chunks } => {
            let address = listen(&mut event_loop, 1, false);
            event_loop.connect(address, source(chunks));
            None
        }
        Task::Receive { chunks } => Some(send_from_thread(listen(&mut event_loop, 1, false), chunks)),
        Task::Send { chunks } => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            event_loop.connect(listener.local_addr().unwrap(), source(chunks));
            Some(receive_on_thread(listener))
        }
    };
    event_loop.run(None).unwrap();
    if let Some(thread) = thread {
        thread.join().unwrap();
    }
    start.elapsed()
}

fn listen(event_loop: &mut Loop, left: usize, answer: bool) -> SocketAddr {
    let token = event_loop.listen("127.0.0.1:0".parse().unwrap(), Listener { left, answer }).unwrap();
    event_loop.dispatchers().local_addr(token).unwrap()
}

struct Listener {
    left: usize,
    answer: bool,
}

impl Dispatcher for Listener {
    fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, _: SocketAddr) -> Result {
        ch.dispatchers().adopt(stream, Echo { answer: self.answer })?;
        self.left -= 1;
        if self.left == 0 {
            ch.close();
        }
        Ok(())
    }
}

struct Echo {
    answer: bool,
}

impl Dispatcher for Echo {
    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let data = ch.recv(CHUNK)?;
        if self.answer {
            ch.send(&data);
        }
        Ok(())
    }
}

struct Asker {
    left: usize,
    missing: usize,
}

impl Asker {
    fn ask(&mut self, ch: &mut Channel) {
        ch.send(&[7; MESSAGE]);
        self.missing = MESSAGE;
        self.left -= 1;
    }
}

impl Dispatcher for Asker {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        self.ask(ch);
        Ok(())
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        self.missing -= ch.recv(CHUNK)?.len();
        if self.missing > 0 {
        } else if self.left > 0 {
            self.ask(ch);
        } else {
            ch.close();
        }
        Ok(())
    }
}

struct Source {
    left: usize,
    chunk: Vec<u8>,
}

impl Dispatcher for Source {
    fn writable(&self, _: &Channel) -> bool {
        true
    }

    fn handle_write(&mut self, ch: &mut Channel) -> Result {
        if ch.unsent() == 0 && self.left > 0 {
            ch.send(&self.chunk);
            self.left -= 1;
        }
        ch.flush()?;
        if ch.unsent() == 0 && self.left == 0 {
            ch.close();
        }
        Ok(())
    }
}

struct DirectSource {
    left: usize,
    chunk: Vec<u8>,
    sent: usize,
}

impl Dispatcher for DirectSource {
    fn writable(&self, _: &Channel) -> bool {
        true
    }

    fn handle_write(&mut self, ch: &mut Channel) -> Result {
        self.sent += ch.try_send(&self.chunk[self.sent..])?;
        if self.sent == CHUNK {
            self.sent = 0;
            self.left -= 1;
        }
        if self.left == 0 {
            ch.close();
        }
        Ok(())
    }
}
