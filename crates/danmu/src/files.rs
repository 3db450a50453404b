//! Open files: each link is one, and the system allows a process so many.
//!
//! There are two limits. The soft one is what counts, often 1024; anyone may raise it to the hard one, which only an
//! administrator raises.

use crate::printer::Printer;

/// Files that are open beside links: the recording and its log, tees, pollers, the terminal, look-ups.
const OTHERS: u64 = 64;

/// From so many links on, it is said how many there could be.
const MANY: u64 = 100;

/// Raises the limit as far as it goes, and says how many links fit where there are many, or too many.
pub(crate) fn make_room(rooms: usize, links: usize, printer: &mut Printer) {
    let Some(limit) = raise() else { return };
    let (rooms, links) = (rooms as u64, links.max(1) as u64);
    let fit = limit.saturating_sub(OTHERS) / links;
    if rooms > fit {
        printer.warn(format_args!(
            "{rooms} rooms are more than fit: the system allows {limit} open files, enough for {fit} rooms at a time; \
             raise the hard limit (ulimit -Hn), or run several danmu"
        ));
    } else if rooms * links >= MANY {
        printer.note(format_args!("{rooms} rooms; {fit} would fit, for the system allows {limit} open files"));
    }
}

/// Raises the soft limit to the hard one. Gives what it is then; `None` if there is none, or the system does not say.
#[cfg(unix)]
pub(crate) fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Some systems refuse what they say is the hard limit: then the soft one stays.
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

#[cfg(not(unix))]
pub(crate) fn raise() -> Option<u64> {
    None
}
