//! danmu-sinks
