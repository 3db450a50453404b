//! Host names to addresses, off the loop: the system's resolver blocks, for many seconds if a name server is away.
//!
//! Threads start with the first name and end with the last; there are a few, so that one slow name holds up nobody.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, ToSocketAddrs},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use crate::{Handle, Token, handle::Command};

/// More names than this at a time wait for each other.
const THREADS: usize = 8;

/// How a host name and a port become addresses. May block: it runs on a thread of its own.
pub(crate) type LookUp = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

pub(crate) struct Resolver {
    jobs: Arc<Jobs>,
}

struct Jobs {
    look_up: Box<LookUp>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
}

struct Job {
    host: String,
    port: u16,
    token: Token,
    handle: Handle,
}

/// The system's own resolver.
pub(crate) fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

impl Resolver {
    pub(crate) fn new(look_up: Box<LookUp>) -> Self {
        Self { jobs: Arc::new(Jobs { look_up, state: Mutex::default() }) }
    }

    /// Starts looking up; the answer comes to the loop as [`Command::Resolved`].
    pub(crate) fn start(&self, host: String, port: u16, token: Token, handle: Handle) {
        let mut state = self.jobs.lock();
        state.waiting.push_back(Job { host, port, token, handle });
        if state.threads == THREADS {
            return;
        }
        let jobs = Arc::clone(&self.jobs);
        match thread::Builder::new().name("resolver".into()).spawn(move || jobs.work()) {
            Ok(_) => state.threads += 1,
            // With other threads at work, one of them will come to it.
            Err(error) if state.threads == 0 => {
                for job in state.waiting.drain(..) {
                    job.handle.push(Command::Resolved(job.token, Err(error.kind().into())));
                }
            }
            Err(_) => {}
        }
    }
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            let result = catch_unwind(AssertUnwindSafe(|| (self.look_up)(&job.host, job.port)));
            let result = result.unwrap_or_else(|_| Err(io::Error::other("the resolver panicked")));
            job.handle.push(Command::Resolved(job.token, result));
        }
    }

    /// The next job; with none left, the calling thread counts as gone.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}
