//! Where to listen: the options that `simulate` and `replay` share.

#[cfg(feature = "tls")]
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use anyhow::Context as _;
use danmu_sim::{Config, Simulator};

use crate::files;
use crate::printer::Printer;
use crate::signal::Stop;

/// Where to listen if nothing else is said: Douyu's port.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8601);

/// Options for where a server listens.
#[derive(clap::Args, Debug)]
pub(crate) struct Listen {
    /// Listen for plain TCP here; port 0 takes any free one; repeatable [default: 127.0.0.1:8601, unless --ws or --wss
    /// is given]
    #[arg(long, value_name = "ADDRESS")]
    tcp: Vec<SocketAddr>,
    /// Listen for WebSocket here; repeatable
    #[arg(long, value_name = "ADDRESS")]
    ws: Vec<SocketAddr>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: Tls,
}

/// WebSocket over TLS.
#[cfg(feature = "tls")]
#[derive(clap::Args, Debug)]
struct Tls {
    /// Listen for WebSocket over TLS here; repeatable
    #[arg(long, value_name = "ADDRESS")]
    wss: Vec<SocketAddr>,
    /// Offer only what Douyu's servers do: TLS 1.2, AES256-GCM-SHA384, static RSA
    #[arg(long = "legacy-tls", requires = "wss")]
    legacy: bool,
    /// Write the certificate (PEM) that clients are to trust; a new one at each start
    #[arg(long, value_name = "FILE", requires = "wss")]
    ca_out: Option<PathBuf>,
}

impl Listen {
    /// Starts a server there, and prints its addresses once clients can connect.
    pub(crate) fn start(&self, mut config: Config, printer: &mut Printer) -> anyhow::Result<Simulator> {
        config.listen.clone_from(&self.tcp);
        config.ws.clone_from(&self.ws);
        #[cfg(feature = "tls")]
        {
            config.wss.clone_from(&self.tls.wss);
            config.tls.legacy = self.tls.legacy;
        }
        if !self.is_given() {
            config.listen = vec![DEFAULT_ADDRESS];
        }
        // Each client is an open file.
        files::raise();
        let simulator = Simulator::start(config)?;
        #[cfg(feature = "tls")]
        if let (Some(path), Some(pem)) = (&self.tls.ca_out, simulator.ca_pem()) {
            fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))?;
        }
        for url in simulator.urls() {
            printer.line(url)?;
        }
        printer.flush()?;
        Ok(simulator)
    }

    /// Whether any address was given.
    fn is_given(&self) -> bool {
        #[cfg(feature = "tls")]
        if !self.tls.wss.is_empty() {
            return true;
        }
        !self.tcp.is_empty() || !self.ws.is_empty()
    }
}

/// Waits until the user or the clock says stop, or it is over anyway.
pub(crate) fn wait(stop: &Stop, duration: Option<Duration>, is_over: impl Fn() -> bool) {
    let until = duration.map(|duration| Instant::now() + duration);
    while !stop.asked() && !is_over() && until.is_none_or(|until| Instant::now() < until) {
        thread::sleep(Duration::from_millis(50));
    }
}
