//! `danmu`: captures the live chat (弹幕) of Douyu (斗鱼) rooms.
//!
//! The program is where client and sinks meet: `cli` says what can be asked, one file in `command` does each, and
//! `capture` is the way of a message from the network to the recording and the screen.

#![allow(clippy::doc_markdown, reason = "comments on options are their help: plain text, not Markdown")]

mod audit;
mod bar;
mod capture;
mod cli;
mod command;
mod duration;
mod exit;
mod files;
mod follow;
mod gift_table;
mod listen;
mod lookout;
mod marks;
mod network;
mod printer;
mod render;
mod report;
mod select;
mod signal;
mod space;
mod table;
mod target;
mod tee;
mod text;
#[cfg(test)]
mod world;
mod writer;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};

fn main() -> ExitCode {
    let cli = Cli::parse();
    printer::use_color(cli.common.color);
    cli.common.log();
    let mut printer = Printer::new(cli.common.quiet);
    let done = cli.command.run(&mut printer).and_then(|exit| Ok(printer.flush().map(|()| exit)?));
    match done {
        Ok(exit) => exit.into(),
        // The reader of our output has seen enough.
        Err(error) if error.downcast_ref::<Closed>().is_some_and(Closed::is_broken_pipe) => Exit::Done.into(),
        Err(error) => {
            printer::error(printer::in_one_line(&error));
            Exit::of(&error).into()
        }
    }
}
