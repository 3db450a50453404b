//! The example, run as a reader of the tutorial runs it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::*;

/// As `cargo test` has built it: in `examples`, beside the `deps` folder that this test is in.
fn example() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let path = folder.join("douyu").with_extension(env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is missing: `cargo test -p danmu-client` builds it first", path.display());
    path
}

fn start(address: SocketAddr) -> Child {
    Command::new(example())
        .args(["4494106".to_owned(), address.ip().to_string(), address.port().to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_example_prints_what_the_tutorials_program_prints_and_survives_what_that_does_not() {
    let simulator = player([
        "type@=chatmsg/nn@=小明/txt@=你好 1@S2/".as_bytes(),
        b"type@=onlinegift/nn@=x/",
        b"nn@=no type/",
        b"type@=chatmsg/",
        b"type@=chatmsg/nn@=\xff/txt@=\x1b[2J\n/",
        b"type@=chatmsg/nn@=a/nn@=b/txt@=1@=2/",
        b"type@=nobodyknows/",
        "type@=uenter/nn@=小红/".as_bytes(),
    ]);
    let mut child = start(simulator.addresses()[0]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);

    let login = lines.next().unwrap();
    assert!(login.starts_with("登录成功: {\"type\": \"loginres\""), "{login}");
    let said: Vec<String> = lines.by_ref().take(6).collect();
    assert_eq!(said, ["小明:你好 1/2", "暴击鱼丸", ":", "\u{FFFD}:\u{FFFD}[2J\u{FFFD}", "a:1@=2", "小红 进入了房间"]);

    if cfg!(unix) {
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert!(child.wait().unwrap().success(), "Ctrl-C is no failure");
        let sent = simulator.sent();
        assert!(!sent.rooms[&room()].connections[0].open, "the server knows that we left");
    }
    drop(simulator);
    let _ = child.wait();
    assert_eq!(lines.next(), None);
}

#[test]
fn the_example_says_why_it_ends() {
    let simulator = simulate(|config| config.rate = 0.0);
    let child = start(simulator.addresses()[0]);
    eventually(|| simulator.sent().rooms.contains_key(&room()));
    drop(simulator);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "the server is shutting down (error 52)\n");
}
