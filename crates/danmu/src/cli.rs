//! The command line: what can be asked. What is done about it is in `command`.

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "report")]
use crate::command::report;
use crate::command::{
    backup, decode, demo, doctor, export, highlights, import, optimize, record, reindex, repair, replay, room, search,
    simulate, stats, verify, watch,
};
use crate::exit::Exit;
use crate::printer::{self, Color, Printer};

/// Captures the live chat (弹幕) of Douyu (斗鱼) rooms.
#[derive(Debug, Parser)]
#[command(name = "danmu", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 done, 1 failure, 2 usage, 3 no such room, 4 network given up, 5 output incomplete.
Try it without Douyu: danmu demo --for 20s")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// When to use colour: auto, always or never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: Color,
    /// Say nothing but data, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more of what goes on inside; twice for all of it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Common {
    /// Starts the log, on stderr, as `-v` or the environment's `DANMU_LOG` say.
    pub(crate) fn log(&self) {
        use tracing_subscriber::EnvFilter;

        let level =
            ["off", "danmu=debug,danmu_client=debug,danmu_sim=debug", "trace"][usize::from(self.verbose.min(2))];
        let filter = EnvFilter::try_from_env("DANMU_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        let colour = printer::has_color(&std::io::stderr());
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
    }
}

/// The verbs. Each has a file in `command`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Watch(watch::Watch),
    Record(record::Record),
    Export(export::Export),
    Import(import::Import),
    Search(search::Search),
    Stats(stats::Stats),
    Highlights(highlights::Highlights),
    #[cfg(feature = "report")]
    Report(report::Report),
    Decode(decode::Decode),
    Room(room::Room),
    Doctor(doctor::Doctor),
    Replay(replay::Replay),
    Simulate(simulate::Simulate),
    Optimize(optimize::Optimize),
    Reindex(reindex::Reindex),
    Verify(verify::Verify),
    Backup(backup::Backup),
    Repair(repair::Repair),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        match self {
            Self::Demo(command) => command.run(printer),
            Self::Watch(command) => command.run(printer),
            Self::Record(command) => command.run(printer),
            Self::Export(command) => command.run(printer),
            Self::Import(command) => command.run(printer),
            Self::Search(command) => command.run(printer),
            Self::Stats(command) => command.run(printer),
            Self::Highlights(command) => command.run(printer),
            #[cfg(feature = "report")]
            Self::Report(command) => command.run(printer),
            Self::Decode(command) => command.run(printer),
            Self::Room(command) => command.run(printer),
            Self::Doctor(command) => command.run(printer),
            Self::Replay(command) => command.run(printer),
            Self::Simulate(command) => command.run(printer),
            Self::Optimize(command) => command.run(printer),
            Self::Reindex(command) => command.run(printer),
            Self::Verify(command) => command.run(printer),
            Self::Backup(command) => command.run(printer),
            Self::Repair(command) => command.run(printer),
        }
    }
}
