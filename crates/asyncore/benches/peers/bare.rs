//! The same tasks on mio alone: one poll, one buffer, a table of connections, and nothing that the task does not need.

use std::{
    io::{ErrorKind, Read, Write},
    net,
    time::{Duration, Instant},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use crate::{CHUNK, MESSAGE, Task, receive_on_thread, send_from_thread};

const LISTENER: Token = Token(usize::MAX);

enum Role {
    Echo,
    Sink,
    Asker { left: usize, missing: usize },
    Source { left: usize },
}

struct Connection {
    stream: TcpStream,
    role: Role,
    /// What could not be sent yet.
    unsent: Vec<u8>,
}

pub(crate) fn run(task: Task) -> Duration {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let start = Instant::now();
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
    let address = listener.local_addr().unwrap();
    let mut table: Vec<Option<Connection>> = Vec::new();
    let mut connect = |address, role| add(&mut table, &poll, TcpStream::connect(address).unwrap(), role);
    let (mut open, thread) = match task {
        Task::Echo { connections, rounds } => {
            (0..connections).for_each(|_| connect(address, Role::Asker { left: rounds, missing: 0 }));
            (connections * 2, None)
        }
        Task::Bulk { chunks } => {
            connect(address, Role::Source { left: chunks });
            (2, None)
        }
        Task::Receive { chunks } => (1, Some(send_from_thread(address, chunks))),
        Task::Send { chunks } => {
            let peer = net::TcpListener::bind("127.0.0.1:0").unwrap();
            connect(peer.local_addr().unwrap(), Role::Source { left: chunks });
            (1, Some(receive_on_thread(peer)))
        }
    };
    let (mut buffer, chunk) = (vec![0; CHUNK], vec![7; CHUNK]);
    while open > 0 {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    let role = if let Task::Echo { .. } = task { Role::Echo } else { Role::Sink };
                    add(&mut table, &poll, stream, role);
                }
                continue;
            }
            let slot = &mut table[event.token().0];
            let Some(connection) = slot else { continue };
            let hangup = event.is_read_closed() || event.is_error();
            if (event.is_writable() && connection.on_writable(&chunk))
                || (event.is_readable() && connection.on_readable(&mut buffer, hangup))
            {
                *slot = None;
                open -= 1;
            }
        }
    }
    if let Some(thread) = thread {
        thread.join().unwrap();
    }
    start.elapsed()
}

fn add(table: &mut Vec<Option<Connection>>, poll: &Poll, mut stream: TcpStream, role: Role) {
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(table.len()), interest).unwrap();
    let _ = stream.set_nodelay(true);
    table.push(Some(Connection { stream, role, unsent: Vec::new() }));
}

impl Connection {
    /// Says whether the connection is finished.
    fn on_writable(&mut self, chunk: &[u8]) -> bool {
        match &mut self.role {
            Role::Source { left } => {
                while *left > 0 {
                    // `unsent` counts here what of the chunk is sent already; its bytes are never looked at.
                    let sent = self.unsent.len();
                    match self.stream.write(&chunk[sent..]) {
                        Ok(count) if sent + count == CHUNK => {
                            self.unsent.clear();
                            *left -= 1;
                        }
                        Ok(count) => {
                            self.unsent.resize(sent + count, 0);
                            return false;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                        Err(error) => panic!("{error}"),
                    }
                }
                true
            }
            Role::Asker { left, missing } if *missing == 0 && *left > 0 => {
                *left -= 1;
                *missing = MESSAGE;
                self.send(&[7; MESSAGE]);
                false
            }
            _ if self.unsent.is_empty() => false,
            _ => {
                let unsent = std::mem::take(&mut self.unsent);
                self.send(&unsent);
                false
            }
        }
    }

    /// Says whether the connection is finished.
    fn on_readable(&mut self, buffer: &mut [u8], hangup: bool) -> bool {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return true,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(error) => panic!("{error}"),
            };
            match &mut self.role {
                Role::Echo => self.send(&buffer[..count]),
                Role::Asker { left, missing } => {
                    *missing -= count;
                    if *missing == 0 {
                        if *left == 0 {
                            return true;
                        }
                        *left -= 1;
                        *missing = MESSAGE;
                        self.send(&[7; MESSAGE]);
                    }
                }
                Role::Sink | Role::Source { .. } => {}
            }
            // Saves the call that would only say `WouldBlock`, as our loop does.
            if count < buffer.len() && !hangup {
                return false;
            }
        }
    }

    fn send(&mut self, data: &[u8]) {
        if !self.unsent.is_empty() {
            return self.unsent.extend_from_slice(data);
        }
        match self.stream.write(data) {
            Ok(count) => self.unsent.extend_from_slice(&data[count..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.unsent.extend_from_slice(data),
            Err(_) => {}
        }
    }
}
