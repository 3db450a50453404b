//! Many rooms on threads of their own, behind one handle.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use danmu_proto::RoomId;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::dial::Net;
use crate::queue::{Events, Hub, Overflow};
use crate::room::{Shared, keep_open};
use crate::stop::Stop;

/// Keeps many rooms open. Rooms come and go while it runs, subscribers too. What one room learns of the servers' health,
/// the others know, and all share one budget of connections.
///
/// [`Rooms::close`] logs out of all; dropping it cuts the connections.
///
/// ```no_run
/// use std::time::Duration;
/// use danmu_client::{Config, Overflow, RoomId, Rooms};
///
/// let mut rooms = Rooms::start(Config::default(), 1)?;
/// let mut events = rooms.subscribe(Overflow::Wait);
/// rooms.add(RoomId::new(9999).unwrap());
/// while let Ok(event) = events.wait(Duration::from_secs(60)) {
///     println!("{event:?}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Rooms {
    threads: Vec<IoThread>,
    /// What stops each room that is open.
    stops: HashMap<RoomId, Stop>,
    hub: Arc<Hub>,
    shared: Arc<Shared<Net>>,
    queue_bytes: usize,
    /// Nothing is ever sent. When what the rooms share is gone, and so are they, this ends.
    closed: mpsc::Receiver<()>,
}

impl Rooms {
    /// Starts `threads` threads (at least one), without rooms yet.
    ///
    /// # Errors
    /// The system has no thread or no poller for us.
    pub fn start(config: Config, threads: usize) -> io::Result<Self> {
        let (open, closed) = mpsc::channel();
        Ok(Self {
            threads: (0..threads.max(1)).map(IoThread::start).collect::<io::Result<_>>()?,
            stops: HashMap::new(),
            hub: Arc::default(),
            queue_bytes: config.queue_bytes,
            shared: Arc::new(Shared::new(Net::new(&config), config, Some(open))),
            closed,
        })
    }

    /// Subscribes to all rooms, from now on.
    pub fn subscribe(&self, overflow: Overflow) -> Events {
        self.hub.subscribe(overflow, self.queue_bytes)
    }

    /// Opens a room. Says whether it is new.
    pub fn add(&mut self, room: RoomId) -> bool {
        self.add_knowing(room, [""; 0])
    }

    /// The same, where messages with these ids were heard in the last two minutes: they are no news.
    pub fn add_knowing(&mut self, room: RoomId, ids: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
        if self.stops.contains_key(&room) {
            return false;
        }
        let thread = &self.threads[room.get() as usize % self.threads.len()];
        let stop = keep_open(room, &self.shared, Arc::clone(&self.hub), ids, &thread.handle);
        self.stops.insert(room, stop);
        true
    }

    /// Logs out of a room and closes it, in the background. Says whether it was open.
    pub fn remove(&mut self, room: RoomId) -> bool {
        self.stops.remove(&room).is_some()
    }

    /// The rooms that are open.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.stops.keys().copied()
    }

    /// Logs out of all rooms and waits for them to close, at most `patience`. Then subscribers hear the end.
    pub fn close(self, patience: Duration) {
        drop((self.stops, self.shared));
        // Either way: those that are not closed yet are cut off with their threads.
        let _ = self.closed.recv_timeout(patience);
    }
}

/// A thread with a runtime of its own.
#[derive(Debug)]
struct IoThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl IoThread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(format!("danmu-io-{number}")).spawn(move || {
            // A sender that is gone means the same as a word from it.
            let _ = runtime.block_on(stopped);
            // Not to wait for a name that is being looked up: the system cannot be told to stop that.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only fails if a task panicked, which has been reported by then.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_look_up_that_hangs_does_not_hold_up_the_end() {
        let thread = IoThread::start(0).unwrap();
        let (begun, begins) = mpsc::channel();
        thread.handle.spawn_blocking(move || {
            begun.send(()).unwrap();
            thread::sleep(Duration::from_secs(5));
        });
        begins.recv().unwrap();
        let start = Instant::now();
        drop(thread);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}
