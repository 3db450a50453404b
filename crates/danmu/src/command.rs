//! The commands, a file each.

pub(crate) mod backup;
pub(crate) mod decode;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod highlights;
pub(crate) mod import;
pub(crate) mod optimize;
pub(crate) mod record;
pub(crate) mod reindex;
pub(crate) mod repair;
pub(crate) mod replay;
#[cfg(feature = "report")]
pub(crate) mod report;
pub(crate) mod room;
pub(crate) mod search;
pub(crate) mod simulate;
pub(crate) mod stats;
pub(crate) mod verify;
pub(crate) mod watch;
