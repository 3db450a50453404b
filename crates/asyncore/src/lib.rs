//! A small event loop over [mio], with the callbacks of Python's `asyncore`: many connections, one thread, no waiting.
//!
//! # The model in ten lines
//! 1. A [`Dispatcher`] is your side of one connection or one listener: an object with callbacks.
//! 2. A [`Loop`] owns dispatchers, waits for all of their sockets at once, and calls back when something happens.
//! 3. [`Loop::connect`] and [`Loop::listen`] add dispatchers; [`Loop::run`] runs until none is left.
//! 4. Each callback is lent its own [`Channel`]: [`send`](Channel::send), [`recv`](Channel::recv), [`close`](Channel::close).
//! 5. `send` puts bytes into a queue; the loop sends from it whenever the socket takes some. Nothing ever blocks.
//! 6. [`Channel::dispatchers`] reaches the others: add, adopt, send to, wake or close them, from inside any callback.
//! 7. [`deadline`](Dispatcher::deadline) and [`handle_timeout`](Dispatcher::handle_timeout) are a dispatcher's clock.
//! 8. A [`Handle`] lets other threads send, wake, close, post work and stop; the loop serves them at once.
//! 9. What fails comes to [`handle_error`](Dispatcher::handle_error) of the dispatcher that it happened to. The loop goes on.
//! 10. [`handle_close`](Dispatcher::handle_close) comes once and last, whoever ended the connection.
//!
//! ```
//! use asyncore::{Channel, Dispatcher, Loop, Result};
//! use std::net::{SocketAddr, TcpStream};
//!
//! struct Server;
//! impl Dispatcher for Server {
//!     fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, _peer: SocketAddr) -> Result {
//!         ch.dispatchers().adopt(stream, Echo)?;
//!         ch.close(); // one guest is enough for this example
//!         Ok(())
//!     }
//! }
//!
//! struct Echo;
//! impl Dispatcher for Echo {
//!     fn handle_read(&mut self, ch: &mut Channel) -> Result {
//!         let data = ch.recv(1024)?;
//!         ch.send(&data);
//!         Ok(())
//!     }
//! }
//!
//! struct Client;
//! impl Dispatcher for Client {
//!     fn handle_connect(&mut self, ch: &mut Channel) -> Result {
//!         ch.send(b"hello world\n");
//!         Ok(())
//!     }
//!     fn handle_read(&mut self, ch: &mut Channel) -> Result {
//!         assert_eq!(&*ch.recv(1024)?, b"hello world\n");
//!         ch.close();
//!         Ok(())
//!     }
//! }
//!
//! let mut event_loop = Loop::new()?;
//! let server = event_loop.listen("127.0.0.1:0".parse()?, Server)?;
//! let address = event_loop.dispatchers().local_addr(server).expect("it listens");
//! event_loop.connect(address, Client);
//! event_loop.run(None)?; // returns when all three have closed
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From Python's `asyncore`
//!
//! | Python | here | what differs, and why |
//! |---|---|---|
//! | `class C(asyncore.dispatcher)` | `impl Dispatcher for C` | The dispatcher does not own its socket, it is lent the [`Channel`]: what is not open cannot be used by mistake. |
//! | `create_socket`, `connect(address)` | [`Loop::connect`] | One step. Names are looked up on another thread (Python blocks the whole loop), every address of a name is tried, [`connect_timeout`](Dispatchers::connect_timeout) sets a limit, and failures all come to `handle_error` (Python raises some in the constructor). |
//! | `bind`, `listen` | [`Loop::listen`] | One step. |
//! | `handle_connect` | [`handle_connect`](Dispatcher::handle_connect) | First and once. Also for adopted streams, so that a dispatcher has one place to begin. |
//! | `readable` (default: true) | [`readable`](Dispatcher::readable) (default: true) | Asked when something happened to the dispatcher, not all of them on every turn: a turn costs what is busy, not what exists. See [`Dispatcher`] for when, and [`Handle::wake`]. |
//! | `handle_read` (default: a log line, again and again) | [`handle_read`](Dispatcher::handle_read) | The default receives and drops, so that the end is noticed. A few calls a turn, then the others: nobody starves. |
//! | `recv(n)` | [`Channel::recv`] | Empty also when there is nothing (Python raises `BlockingIOError`). At the end Python calls `handle_close` from inside `recv`; here it follows when the callback is done. |
//! | `writable` (default: true) | [`writable`](Dispatcher::writable) (default: while the queue holds data) | True for ever makes Python's loop spin at 100 % CPU: a socket can nearly always be written to. |
//! | `handle_write` (default: a log line) | [`handle_write`](Dispatcher::handle_write) | The default sends from the queue. If it sends nothing, though `writable` is true, it is left alone until something happens. |
//! | `send(data)` | [`Channel::send`] | Queues all of it (`dispatcher_with_send` comes near). Python's sends a part and says how much, which the tutorial's program ignores: [`Channel::try_send`]. |
//! | `handle_accept` with `accept()`, `handle_accepted` | [`handle_accept`](Dispatcher::handle_accept) | The stream is handed in. Out of descriptors, Python closes the listener, or spins if `handle_error` does not; here `handle_error` hears of it, and the listener rests for 100 ms. |
//! | `handle_error` (default: prints, calls `handle_close`) | [`handle_error`](Dispatcher::handle_error) | Gets the [`Error`] as a value (Python: `sys.exc_info()`). Callbacks return `Err` where Python's raise; `?` does it. The default closes and prints nothing. |
//! | a reset connection: `handle_close` only | `handle_error`, then `handle_close` | A broken connection is not mistaken for a finished one. |
//! | `handle_close` (must call `close`; may come twice, or never after `close`) | [`handle_close`](Dispatcher::handle_close) | Always once, always last, also after your own `close`, and the socket is closed already. |
//! | `close()` | [`Channel::close`] | Also [`close_when_sent`](Channel::close_when_sent) and [`shutdown`](Channel::shutdown). |
//! | `handle_expt` | – | Urgent data is not supported; errors come to `handle_error`. |
//! | `loop(timeout)` | [`Loop::run`] | `timeout` limits one wait, as there, but nobody has to wait for it: data queued by another thread through a [`Handle`] is sent at once (in Python, after up to `timeout`). |
//! | `loop(timeout, count=1)` | [`Loop::run_once`] | |
//! | `socket_map`, `close_all` | [`Dispatchers`], [`Loop::close_all`] | The loop is a value, not a global. |
//! | a thread with `sleep` | [`deadline`](Dispatcher::deadline), [`handle_timeout`](Dispatcher::handle_timeout) | No thread and no lock. |
//! | – | [`handle_wake`](Dispatcher::handle_wake) | For [`Handle::wake`]. |
//!
//! # The end of a connection
//! When the peer ends its side, `recv` gives nothing, `handle_read` is not called again, and what is still to be sent
//! is sent: queued bytes, and whatever `handle_write` sends while `writable` is true. Then the channel closes. So an
//! echo server answers a client that shuts down writing and waits, while nobody keeps half a connection by accident.
//!
//! # What it costs
//! A dispatcher that waits costs a few hundred bytes and no time: all share one read buffer of 64 KiB, and empty queues
//! give back their memory.

mod channel;
mod connect;
mod dispatcher;
mod dispatchers;
mod error;
mod event_loop;
mod handle;
mod link;
mod resolve;
mod send_queue;
mod visit;

pub use channel::{Channel, Received};
pub use connect::Address;
pub use dispatcher::Dispatcher;
pub use dispatchers::{Dispatchers, Token};
pub use error::{Error, Result};
pub use event_loop::Loop;
pub use handle::Handle;
