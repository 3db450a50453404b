//! danmu
fn main() {}
