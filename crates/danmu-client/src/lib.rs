//! danmu-client
