//! danmu-sim
