//! The tutorial's program: logs in to a room of Douyu, joins it, and prints what is said there.
//!
//! ```text
//! cargo run -p danmu-client --example douyu [ROOM [HOST [PORT]]]  # 9999, danmuproxy.douyu.com and 8601 if not given
//! ```
//!
//! Ctrl-C logs out. A lost connection is reported, and ends it, as in the tutorial.

#![allow(clippy::print_stderr, reason = "it talks to its user")]

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use danmu_client::{DataPacket, DouyuClient, RoomId};
use danmu_proto::Message;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

fn data_callback(client: &DouyuClient, dp: DataPacket<'_>) {
    let line = match dp.message() {
        Message::Login(login) => {
            client.join_room_group();
            format!("登录成功: {:?}", login.fields)
        }
        Message::Chat(chat) => format!("{}:{}", chat.name, chat.text),
        Message::OnlineReward(_) => "暴击鱼丸".to_owned(),
        Message::Enter(enter) => format!("{} 进入了房间", enter.name),
        _ => return,
    };
    // Whoever reads this may go, as `head` does.
    if writeln!(io::stdout(), "{}", one_line(&line)).is_err() {
        client.logout();
    }
}

/// Strangers typed it: nothing in it may command the terminal.
fn one_line(text: &str) -> String {
    let commands = |c: char| {
        c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(commands, "\u{FFFD}")
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprint!(": {source}");
                cause = source.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let room: RoomId = args.next().as_deref().unwrap_or("9999").parse()?;
    let host = args.next().unwrap_or_else(|| "danmuproxy.douyu.com".to_owned());
    let port = args.next().as_deref().unwrap_or("8601").parse()?;

    let client = DouyuClient::connect(host, port, data_callback);
    client.login_room_id(room);
    log_out_on_signals(client.clone())?;
    client.run(Duration::from_secs(10))?;
    Ok(())
}

fn log_out_on_signals(client: DouyuClient) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&asked))?;
    }
    thread::spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        client.logout();
    });
    Ok(())
}
