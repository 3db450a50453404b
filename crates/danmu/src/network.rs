//! How to reach Douyu: the options that all commands share which do, and which room a name means.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use danmu_client::config::Family;
use danmu_client::directory::{Directory, How, LookupError, Options, Resolved, RoomName};
use danmu_client::proxy::Proxy;
use danmu_client::tls::Ca;
use danmu_client::{Config, Endpoint, RoomId};

use crate::printer::Printer;
use crate::signal::Stop;

/// Options for how to reach Douyu.
#[derive(Clone, clap::Args, Debug, Default)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Servers to use instead of Douyu's: tcp://HOST:PORT, ws:// or wss://; repeatable
    #[arg(long, value_name = "URL")]
    server: Vec<Endpoint>,
    /// Go through a proxy: socks5://HOST:PORT or http://HOST:PORT, with USER:PASSWORD@ if it asks
    #[arg(long, value_name = "URL", env = "DANMU_PROXY", hide_env_values = true)]
    proxy: Option<String>,
    /// Trust the certificates in this file (PEM) too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Ask this server about rooms instead of Douyu's: https://HOST/PATH is asked for at URL/HOST/PATH
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Take room numbers as they are, and ask nobody about rooms
    #[arg(long)]
    no_resolve: bool,
}

impl Network {
    /// These servers and nothing else.
    pub(crate) fn only(server: Vec<Endpoint>) -> Self {
        Self { server, ..Self::default() }
    }

    /// How to keep rooms open.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::default();
        if !self.server.is_empty() {
            config.endpoints.clone_from(&self.server);
        }
        config.proxy = self.proxy.as_deref().map(str::parse::<Proxy>).transpose()?;
        config.ca = self.ca.clone().map(Ca::read).transpose()?;
        config.family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        Ok(config)
    }

    /// Whom to ask about rooms.
    pub(crate) fn directory(&self) -> anyhow::Result<Directory> {
        let mut options = Options::default();
        options.api.clone_from(&self.api);
        options.proxy.clone_from(&self.proxy);
        if let Some(ca) = &self.ca {
            options.ca_pem = Some(fs::read(ca).with_context(|| format!("cannot read {}", ca.display()))?);
        }
        // What is known of a stand-in is not known of Douyu.
        options.cache = cache().filter(|_| self.api.is_none());
        Ok(Directory::new(options)?)
    }

    /// Whether rooms may be asked about: not if another server is used for chat and none for this.
    pub(crate) const fn may_ask(&self) -> bool {
        !self.no_resolve && (self.server.is_empty() || self.api.is_some())
    }

    /// The rooms that these names mean, each once; `None` if the user wants to end before that is known. A look-up that
    /// fails is a warning if the name is a number.
    ///
    /// # Errors
    /// There is no such room, or no telling which it is.
    pub(crate) fn resolve(
        &self,
        names: &[RoomName],
        stop: &Stop,
        printer: &mut Printer,
    ) -> anyhow::Result<Option<Vec<RoomId>>> {
        let directory = self.may_ask().then(|| self.directory()).transpose()?.map(Arc::new);
        let mut rooms = Vec::new();
        for name in names {
            let room = match (&directory, name.number()) {
                (Some(directory), number) => {
                    let (asked, directory) = (name.clone(), Arc::clone(directory));
                    let answer = stop.unless_asked(move || directory.resolve(&asked));
                    match answer.context("cannot start a thread to look rooms up")? {
                        Some(answer) => resolved(name, number, answer, printer)?,
                        None => return Ok(None),
                    }
                }
                (None, Some(number)) => number,
                (None, None) => anyhow::bail!(
                    "{name} is no room number, and nobody was to be asked which room it is; leave out {}",
                    if self.no_resolve { "--no-resolve" } else { "--server, or add --api" }
                ),
            };
            if !rooms.contains(&room) {
                rooms.push(room);
            }
        }
        Ok(Some(rooms))
    }
}

/// The room that an answer means, and what there is to say about it.
fn resolved(
    name: &RoomName,
    number: Option<RoomId>,
    answer: Result<Resolved, LookupError>,
    printer: &mut Printer,
) -> Result<RoomId, LookupError> {
    match (answer, number) {
        (Ok(resolved), _) => {
            if resolved.how == How::Unchecked {
                printer.warn(format_args!("room {}: nobody could say whether this is its real number", resolved.room));
            } else if number != Some(resolved.room) {
                printer.note(format_args!("{name} is room {}", resolved.room));
            }
            Ok(resolved.room)
        }
        (Err(LookupError::Unanswered { tried, .. }), Some(number)) => {
            let first = tried.first().map(ToString::to_string).unwrap_or_default();
            printer.warn(format_args!("room {number} is taken as it is, since it could not be looked up ({first})"));
            Ok(number)
        }
        (Err(error), _) => Err(error),
    }
}

/// Where it is kept which room a name meant.
fn cache() -> Option<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?.join("danmu");
    // Without the folder, names are asked for again each time.
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("rooms.json"))
}
