//! Chaos: what goes wrong with which connection, and when.
//!
//! All of it is decided by a seed before it happens: [`Chaos::fate`] is a pure function, so the same seed gives the nth
//! connection at an address the same troubles again, and one mode more leaves the times of the others as they are.
//!
//! Modes are given by name, as in `reset=1..5,trickle`: each befalls every connection, all of them together. `all` has
//! each connection draw one fault of the connection and one of the data instead, and with a chance of one in four none
//! of either.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;
use thiserror::Error;

use crate::scenario::mix;

/// What can go wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table of modes says what each does")]
pub enum Fault {
    Refuse,
    SlowAccept,
    AcceptAndClose,
    Reset,
    Stall,
    HalfOpen,
    Trickle,
    NotReading,
    NoLoginAnswer,
    Error51,
    Error52,
    Error204,
    KickAll,
    Split,
    Coalesce,
    LengthsDiffer,
    TooShort,
    TooLong,
    WrongType,
    Flags,
    NoNul,
    BadUtf8,
    Cesu8,
    UnknownKeys,
    RepeatedKeys,
    LongList,
    Nested,
    Huge,
    Duplicate,
    Reorder,
}

/// A fault as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mode {
    /// What goes wrong.
    pub fault: Fault,
    /// The name that it is asked for by.
    pub name: &'static str,
    /// The time that it takes as a value, if it does, with the default: for so long, or after so long.
    pub time: Option<Span>,
    /// What it does, in one line. TIME is the value.
    pub about: &'static str,
}

/// All modes, in the order of [`Fault`]. A further one is a variant, a line here, and the code that does it.
#[rustfmt::skip]
pub const MODES: &[Mode] = &[
    timed(Fault::Refuse, "refuse", [1000, 3000], "refuse connections for TIME, then again: the port is closed"),
    timed(Fault::SlowAccept, "slow-accept", [2000, 5000], "serve the connection only after TIME"),
    plain(Fault::AcceptAndClose, "accept-and-close", "accept the connection and close it without a word"),
    timed(Fault::Reset, "reset", [1000, 5000], "after TIME, send half a packet and reset the connection"),
    timed(Fault::Stall, "stall", [1000, 5000], "after TIME, send nothing more; the connection stays"),
    timed(Fault::HalfOpen, "half-open", [1000, 5000], "after TIME, neither send nor read, and never close"),
    timed(Fault::Trickle, "trickle", [1000, 5000], "after TIME, send one byte a second"),
    timed(Fault::NotReading, "not-reading", [1000, 5000], "after TIME, read nothing more, but send"),
    plain(Fault::NoLoginAnswer, "no-login-answer", "do not answer the login; heartbeats are answered"),
    timed(Fault::Error51, "error-51", [1000, 5000], "after TIME, say error 51 (data transfer) and close"),
    timed(Fault::Error52, "error-52", [1000, 5000], "after TIME, say error 52 (server shutting down) and close"),
    timed(Fault::Error204, "error-204", [100, 500], "after TIME, say error 204 (wrong room) and close"),
    timed(Fault::KickAll, "kick-all", [5000, 15_000], "after TIME, drop every connection to the server at once"),
    plain(Fault::Split, "split", "send every byte by itself"),
    timed(Fault::Coalesce, "coalesce", [500, 2000], "hold what there is to send for TIME, then send it in one piece"),
    timed(Fault::LengthsDiffer, "lengths-differ", [1000, 5000], "after TIME, send a packet whose two lengths differ"),
    timed(Fault::TooShort, "too-short", [1000, 5000], "after TIME, send a packet of a length that none can have"),
    timed(Fault::TooLong, "too-long", [1000, 5000], "after TIME, send a packet of a length over every limit"),
    timed(Fault::WrongType, "wrong-type", [1000, 5000], "after TIME, send a packet that is not of a server's kind"),
    timed(Fault::Flags, "flags", [1000, 5000], "after TIME, send a packet with its encryption or reserved byte set"),
    timed(Fault::NoNul, "no-nul", [1000, 5000], "after TIME, send a packet that does not end in a zero byte"),
    timed(Fault::BadUtf8, "bad-utf8", [500, 2000], "every TIME, send a message with bytes that are no UTF-8"),
    timed(Fault::Cesu8, "cesu-8", [500, 2000], "every TIME, send a message with surrogates in it, as Java writes them"),
    timed(Fault::UnknownKeys, "unknown-keys", [500, 2000], "every TIME, send a message with keys that no one knows"),
    timed(Fault::RepeatedKeys, "repeated-keys", [500, 2000], "every TIME, send a message whose keys come twice"),
    timed(Fault::LongList, "long-list", [500, 2000], "every TIME, send a message with a list of 10 KB"),
    timed(Fault::Nested, "nested", [500, 2000], "every TIME, send a message that is nested or escaped beyond reason"),
    timed(Fault::Huge, "huge", [1000, 3000], "every TIME, send a message of up to 1 MiB, the most that a packet holds"),
    plain(Fault::Duplicate, "duplicate", "send some messages twice"),
    plain(Fault::Reorder, "reorder", "send some messages before those that were said before them"),
];

/// How many of the modes, the first, are faults of the connection. Those after them are faults of the data.
pub const OF_CONNECTIONS: usize = Fault::Split as usize;

const fn plain(fault: Fault, name: &'static str, about: &'static str) -> Mode {
    Mode { fault, name, time: None, about }
}

const fn timed(fault: Fault, name: &'static str, [from, to]: [u64; 2], about: &'static str) -> Mode {
    Mode { fault, name, time: Some(Span { from: Duration::from_millis(from), to: Duration::from_millis(to) }), about }
}

impl Fault {
    /// The name of its mode.
    pub const fn name(self) -> &'static str {
        MODES[self as usize].name
    }
}

/// A time that is drawn from between two bounds. Written in seconds: `2`, `0.5` or `1..5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub from: Duration,
    /// The longest.
    pub to: Duration,
}

impl Span {
    fn draw(self, rng: &mut Rng) -> Duration {
        self.from + self.to.saturating_sub(self.from).mul_f64(rng.f64())
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{}", from.as_secs_f64())?;
        if from == to { Ok(()) } else { write!(f, "..{}", to.as_secs_f64()) }
    }
}

/// What is to go wrong. By default nothing.
///
/// ```
/// use danmu_sim::{Chaos, Fault};
///
/// let chaos: Chaos = "stall=2..4,trickle".parse()?;
/// let stall = chaos.fate(7, 0, 0).time(Fault::Stall).expect("it befalls every connection");
/// assert!((2.0..=4.0).contains(&stall.as_secs_f64()));
/// # Ok::<(), danmu_sim::ChaosError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chaos {
    /// What befalls every connection, in the order of the table.
    every: Vec<(Fault, Option<Span>)>,
    /// Whether each draws one more of the connection, and one of the data.
    draws: bool,
}

/// Why a text does not say what is to go wrong.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChaosError {
    /// There is no mode of this name.
    #[error("{name:?} is no chaos mode; there are {}, and all", names())]
    UnknownMode {
        /// What was asked for.
        name: String,
    },
    /// The mode takes no value.
    #[error("the chaos mode {name} takes no time")]
    NoTime {
        /// The mode.
        name: &'static str,
    },
    /// The value is no time.
    #[error("{name}={text} has no time in it; write seconds: {name}=2, {name}=0.5 or {name}=1..5")]
    BadTime {
        /// The mode.
        name: &'static str,
        /// What was given.
        text: String,
    },
}

fn names() -> String {
    MODES.iter().map(|mode| mode.name).collect::<Vec<_>>().join(", ")
}

impl Chaos {
    /// Both together. Where both have a mode, the other's time counts.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for &(fault, time) in &other.every {
            self.insert(fault, time);
        }
        self.draws |= other.draws;
        self
    }

    fn insert(&mut self, fault: Fault, time: Option<Span>) {
        self.every.retain(|&(known, _)| known != fault);
        self.every.push((fault, time));
        self.every.sort_by_key(|&(fault, _)| fault);
    }

    /// What befalls the connection with this `number`, counted from 0, at the address with the number `door`.
    pub fn fate(&self, seed: u64, door: u64, number: u64) -> Fate {
        let own = mix(mix(seed, door), number);
        let mut faults = self.every.clone();
        if self.draws {
            let (connection, data) = MODES.split_at(OF_CONNECTIONS);
            for (modes, draw) in [(connection, u64::MAX), (data, u64::MAX - 1)] {
                let mut rng = Rng::with_seed(mix(own, draw));
                let mode = modes[rng.usize(..modes.len())];
                let spared = rng.u8(..4) == 0 || faults.iter().any(|&(fault, _)| fault == mode.fault);
                faults.extend((!spared).then_some((mode.fault, mode.time)));
            }
        }
        let time = |(fault, time): (Fault, Option<Span>)| {
            let mut rng = Rng::with_seed(mix(own, fault as u64));
            (fault, time.map_or(Duration::ZERO, |span| span.draw(&mut rng)))
        };
        Fate { seed: own, faults: faults.into_iter().map(time).collect() }
    }
}

impl FromStr for Chaos {
    type Err = ChaosError;

    fn from_str(text: &str) -> Result<Self, ChaosError> {
        let mut chaos = Self::default();
        for part in text.split(',').map(str::trim) {
            let (name, time) = part.split_once('=').map_or((part, None), |(name, time)| (name, Some(time)));
            if part == "all" {
                chaos.draws = true;
                continue;
            }
            let mode = MODES.iter().find(|mode| mode.name == name);
            let mode = mode.ok_or_else(|| ChaosError::UnknownMode { name: name.to_owned() })?;
            let time = match time {
                None => mode.time,
                Some(_) if mode.time.is_none() => return Err(ChaosError::NoTime { name: mode.name }),
                Some(text) => {
                    let bad = || ChaosError::BadTime { name: mode.name, text: text.to_owned() };
                    Some(span(text).ok_or_else(bad)?)
                }
            };
            chaos.insert(mode.fault, time);
        }
        Ok(chaos)
    }
}

fn span(text: &str) -> Option<Span> {
    let seconds = |text: &str| {
        let seconds = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok()?;
        (0.0..=1e6).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    };
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    Some(Span { from: seconds(from)?, to: seconds(to)? }).filter(|span| span.from <= span.to)
}

/// What befalls one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    seed: u64,
    faults: Vec<(Fault, Duration)>,
}

impl Fate {
    /// Whether this befalls it, and after how long or for how long. Modes that take no time have none to wait.
    pub fn time(&self, fault: Fault) -> Option<Duration> {
        self.faults.iter().find(|&&(known, _)| known == fault).map(|&(_, time)| time)
    }

    /// All that befalls it.
    pub fn faults(&self) -> &[(Fault, Duration)] {
        &self.faults
    }

    /// What decides about all that is left open: this connection's own, and always the same.
    pub(crate) fn rng(&self) -> Rng {
        Rng::with_seed(mix(self.seed, u64::MAX - 2))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn chaos(text: &str) -> Chaos {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_has_a_line_for_each_fault_in_its_place() {
        for (at, mode) in MODES.iter().enumerate() {
            assert_eq!(mode.fault as usize, at, "{}", mode.name);
            assert_eq!(mode.about.contains("TIME"), mode.time.is_some(), "{}", mode.name);
        }
        assert_eq!(MODES.len(), Fault::Reorder as usize + 1);
        assert_eq!(MODES[OF_CONNECTIONS - 1].fault, Fault::KickAll);
    }

    #[test]
    fn every_name_and_every_written_time_is_read() {
        for mode in MODES {
            let fate = chaos(mode.name).fate(1, 0, 0);
            let &[(fault, time)] = fate.faults() else { panic!("{}", mode.name) };
            assert_eq!(fault, mode.fault);
            assert!(mode.time.is_none_or(|span| (span.from..=span.to).contains(&time)));
            if let Some(time) = mode.time {
                assert_eq!(chaos(&format!("{}={time}", mode.name)), chaos(mode.name));
            }
        }
        let time = |text: &str| chaos(text).fate(0, 0, 0).time(Fault::Stall).unwrap();
        for (text, milliseconds) in [("stall=2", 2000), ("stall=0.25", 250), ("stall=3s", 3000), ("stall=1..1", 1000)] {
            assert_eq!(time(text), Duration::from_millis(milliseconds));
        }
    }

    #[test]
    fn what_is_no_mode_is_turned_down_with_all_that_are() {
        let error = "stall,frobnicate".parse::<Chaos>().unwrap_err();
        assert_eq!(error, ChaosError::UnknownMode { name: "frobnicate".to_owned() });
        let error = error.to_string();
        assert!(MODES.iter().all(|mode| error.contains(mode.name)) && error.ends_with("all"), "{error}");
        for text in ["", "stall,", "all=3", "=3", "Stall"] {
            assert!(matches!(text.parse::<Chaos>(), Err(ChaosError::UnknownMode { .. })), "{text}");
        }
        for text in ["stall=", "stall=soon", "stall=-1", "stall=5..1", "stall=1..", "stall=NaN", "stall=1e300"] {
            assert!(matches!(text.parse::<Chaos>(), Err(ChaosError::BadTime { name: "stall", .. })), "{text}");
        }
        let error = "accept-and-close=3".parse::<Chaos>().unwrap_err();
        assert_eq!(error, ChaosError::NoTime { name: "accept-and-close" });
    }

    #[test]
    fn modes_befall_every_connection_together_and_the_last_time_counts() {
        let both = chaos("trickle=1,stall=9").and(&chaos("stall=2"));
        assert_eq!(both, chaos("stall=2,trickle=1"));
        for number in 0..100 {
            let fate = both.fate(5, 1, number);
            assert_eq!(fate.time(Fault::Stall), Some(Duration::from_secs(2)));
            assert_eq!(fate.time(Fault::Trickle), Some(Duration::from_secs(1)));
            assert_eq!(fate.faults().len(), 2);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_fates_and_another_gives_others() {
        for text in ["all", "reset", "all,slow-accept"] {
            let fates = |seed, door| (0..50).map(|number| chaos(text).fate(seed, door, number)).collect::<Vec<_>>();
            assert_eq!(fates(3, 0), fates(3, 0));
            assert_ne!(fates(3, 0), fates(4, 0));
            assert_ne!(fates(3, 0), fates(3, 1));
        }
    }

    #[test]
    fn one_mode_more_leaves_the_times_of_the_others() {
        let times = |text| (0..50).map(|number| chaos(text).fate(3, 0, number).time(Fault::Reset)).collect::<Vec<_>>();
        assert_eq!(times("reset"), times("trickle,reset,error-51,all"));
    }

    #[test]
    fn with_all_each_connection_draws_one_of_each_kind_or_none_and_none_is_left_out() {
        let mut drawn = BTreeMap::new();
        let mut spared = [0; 2];
        let mut both = 0;
        for number in 0..10_000 {
            let fate = chaos("all").fate(1, 0, number);
            let (connection, data): (Vec<_>, Vec<_>) =
                fate.faults().iter().copied().partition(|&(fault, _)| (fault as usize) < OF_CONNECTIONS);
            for (spared, faults) in spared.iter_mut().zip([&connection, &data]) {
                assert!(faults.len() <= 1, "{faults:?}");
                *spared += u32::from(faults.is_empty());
            }
            both += u32::from(connection.len() + data.len() == 2);
            for (fault, time) in fate.faults() {
                let span = MODES[*fault as usize].time;
                assert!(span.map_or(time.is_zero(), |span| (span.from..=span.to).contains(time)));
                *drawn.entry(*fault).or_insert(0) += 1;
            }
        }
        assert!(spared.iter().all(|spared| (2300..2700).contains(spared)), "{spared:?}");
        assert!((5300..5950).contains(&both), "the draws do not depend on each other: {both}");
        assert_eq!(drawn.len(), MODES.len());
        assert!(drawn.values().all(|count| (350..720).contains(count)), "{drawn:?}");
    }

    #[test]
    fn no_chaos_befalls_nobody() {
        assert_eq!(Chaos::default().fate(1, 2, 3).faults(), []);
    }
}
