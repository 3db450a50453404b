//! Serves made-up rooms until Enter is pressed: `cargo run -p danmu-sim --example serve -- 127.0.0.1:8601`.

#![allow(clippy::print_stdout, reason = "it talks to its user")]

use std::error::Error;

use danmu_sim::{Config, Simulator};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    if let Some(address) = std::env::args().nth(1) {
        config.listen = vec![address.parse()?];
    }
    if let Some(rate) = std::env::args().nth(2) {
        config.rate = rate.parse()?;
    }
    let simulator = Simulator::start(config)?;
    println!("listening on {:?}", simulator.addresses());
    std::io::stdin().read_line(&mut String::new())?;
    println!("{:#?}", simulator.shutdown());
    Ok(())
}
