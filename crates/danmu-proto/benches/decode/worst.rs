//! The worst that can stand in a packet: how long a byte of it takes to be read, and whether more of it costs more each.

use std::hint::black_box;
use std::time::Instant;

use danmu_proto::{Fields, Message, RoomId};

const MIB: usize = 1 << 20;

/// Name, and a payload of about so many bytes.
type Case = (&'static str, fn(usize) -> String);

const CASES: &[Case] = &[
    ("/ alone", |size| "/".repeat(size)),
    ("@A alone", |size| format!("type@=chatmsg/txt@={}/", "@A".repeat(size / 2))),
    ("one field", |size| format!("type@=chatmsg/txt@={}/", "x".repeat(size))),
    ("one key again and again", |size| format!("type@=chatmsg/{}", "txt@=@A/".repeat(size / 8))),
    ("a million keys", |size| {
        (0..size / 8).fold("type@=chatmsg/".to_owned(), |keys, number| keys + &format!("{number:x}@=1/"))
    }),
    ("short chat of many fields", |size| {
        let chat = format!("type@=chatmsg/{}", "k@=/".repeat(500));
        std::iter::repeat_n(chat, size.div_ceil(2000)).collect()
    }),
];

/// Prints the table.
pub(crate) fn show() {
    println!("worst cases: all pairs, the message and its summary");
    println!("  {:<26} {:>10} {:>18}", "", "ns/byte", "a byte of 8 × more");
    for (name, payload) in CASES {
        let most = if *name == "a million keys" { 8 * MIB } else { MIB };
        let [small, large] = [most / 8, most].map(|size| per_byte(payload(size).as_bytes()));
        println!("  {name:<26} {:>10.3} {:>17.2}×", large, large / small);
    }
}

fn per_byte(payload: &[u8]) -> f64 {
    let read = || {
        let begun = Instant::now();
        let fields = Fields::new(payload);
        black_box(fields.pairs().map(|(key, value)| key.raw().len() + value.text().len()).sum::<usize>());
        let message = Message::of(fields);
        black_box(message.summary(RoomId::new(1).unwrap()));
        begun.elapsed().as_secs_f64() * 1e9 / payload.len() as f64
    };
    // The quickest of some: the others were interrupted.
    (0..20).map(|_| read()).fold(f64::INFINITY, f64::min)
}
