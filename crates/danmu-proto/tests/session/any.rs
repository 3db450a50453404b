//! Whatever happens to a session, it stays in order.

use std::time::Duration;

use danmu_proto::Session;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::script::{Script, wire};

proptest! {
    #[test]
    fn no_script_breaks_a_session(acts in vec(act(), 0..60)) {
        let mut script = Script::new();
        for act in acts {
            script = act.on(script);
        }
        script.check();
    }
}

/// Something that may happen to a session.
#[derive(Clone, Debug)]
enum Act {
    Say(&'static str),
    Begin(usize),
    Bytes(Vec<u8>),
    After(u64),
    Jump(u64),
    Tick,
    Join,
    Send,
    Logout,
    End,
    PauseHeartbeat,
    ResumeHeartbeat,
    PauseReading,
    ResumeReading,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Say("type@=loginres/")),
        4 => Just(Act::Say("type@=chatmsg/txt@=1/")),
        2 => Just(Act::Say("type@=mrkl/")),
        1 => Just(Act::Say("type@=error/code@=51/")),
        4 => (0..40_usize).prop_map(Act::Begin),
        1 => vec(any::<u8>(), 0..20).prop_map(Act::Bytes),
        4 => (0..200_000_u64).prop_map(Act::After),
        4 => (0..200_000_u64).prop_map(Act::Jump),
        2 => Just(Act::Tick),
        1 => Just(Act::Join),
        1 => Just(Act::Send),
        1 => Just(Act::Logout),
        1 => Just(Act::End),
        2 => Just(Act::PauseHeartbeat),
        2 => Just(Act::ResumeHeartbeat),
        2 => Just(Act::PauseReading),
        2 => Just(Act::ResumeReading),
    ]
}

impl Act {
    fn on(self, script: Script) -> Script {
        match self {
            Self::Say(payload) => script.server_says(payload),
            Self::Begin(cut) => {
                let packet = wire("type@=uenter/nn@=小明/");
                script.server_sends(&packet[..cut.min(packet.len())])
            }
            Self::Bytes(bytes) => script.server_sends(&bytes),
            Self::After(ms) => script.after_ms(ms),
            // The owner was busy: time passes, and nobody ticks.
            Self::Jump(ms) => script.later(Duration::from_millis(ms)),
            Self::Tick => script.call(Session::tick),
            Self::Join => script.call(|session, _| session.join()),
            Self::Send => script.call(|session, _| session.send("type@=x/")),
            Self::Logout => script.call(Session::logout),
            Self::End => script.server_closes(),
            Self::PauseHeartbeat => script.call(|session, _| session.pause_heartbeat()),
            Self::ResumeHeartbeat => script.call(Session::resume_heartbeat),
            Self::PauseReading => script.call(Session::pause_reading),
            Self::ResumeReading => script.call(Session::resume_reading),
        }
    }
}
