//! danmu-proto
