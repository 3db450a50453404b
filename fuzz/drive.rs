//! Fuzzing without a fuzzer: seeds and mutations of them through a check, in a plain test. Knows nothing of the code's
//! coverage, so it finds less than cargo-fuzz; but it runs wherever tests do.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is put in, beside bytes.
const WORDS: &[&str] = &[
    "@",
    "/",
    "@=",
    "@S",
    "@A",
    "@AA",
    "@AS",
    "//",
    "type@=",
    "chatmsg",
    "txt@=",
    "nn@=",
    "rid@=9999/",
    "\n",
    "\0",
    "\r",
    "\u{1b}",
    "\u{9b}",
    "\u{202e}",
    "\u{200d}",
    "\u{301}",
    "👍",
    "主播",
    "<",
    ">",
    "&",
    "\"",
    "'",
    "{",
    "}",
    "\\",
    "=1+1",
    "-->",
    "]]>",
    "18446744073709551616",
    "-1",
    "p",
    "s",
    "m",
    "\u{feff}",
];

/// The longest input.
const LONGEST: usize = 4096;

/// Runs `check` on every seed, and then on mutations of them: for two seconds, or as long as `FUZZ_SECONDS` says. `SEED`
/// repeats a run.
pub fn drive(name: &str, seeds: &Path, check: impl Fn(&[u8])) {
    let seconds = env::var("FUZZ_SECONDS").ok().map_or(2.0, |seconds| seconds.parse().expect("a number of seconds"));
    let seed = env::var("SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pool: Vec<Vec<u8>> = fs::read_dir(seeds)
        .expect("seeds")
        .map(|file| fs::read(file.expect("a seed").path()).expect("a seed"))
        .collect();
    pool.sort();
    assert!(!pool.is_empty(), "{} has no seeds", seeds.display());
    let run = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
            println!("{name}: SEED={seed}, input: \"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    };
    for input in &pool {
        run(input);
    }
    let seeds = pool.len();
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut runs = 0_u64;
    while Instant::now() < until {
        for _ in 0..100 {
            let mut input = pool[rng.usize(..pool.len())].clone();
            for _ in 0..rng.usize(1..6) {
                mutate(&mut input, &pool, &mut rng);
            }
            input.truncate(LONGEST);
            run(&input);
            runs += 1;
            // Some go on, so that mutations add up.
            if rng.u8(..20) == 0 {
                let at = rng.usize(seeds..seeds + 200);
                if at < pool.len() { pool[at] = input } else { pool.push(input) }
            }
        }
    }
    println!("{name}: {seeds} seeds and {runs} mutations of them, SEED={seed}");
}

fn mutate(input: &mut Vec<u8>, pool: &[Vec<u8>], rng: &mut fastrand::Rng) {
    let at = rng.usize(..=input.len());
    let end = (at + rng.usize(..32)).min(input.len());
    match rng.u8(..8) {
        0 => drop(input.drain(at..end)),
        1 => _ = input.splice(at..at, [rng.u8(..)]),
        2 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        3 => {
            let again = input[at..end].to_vec();
            input.splice(at..at, again.repeat(rng.usize(1..20)));
        }
        4 => {
            let other = &pool[rng.usize(..pool.len())];
            let from = rng.usize(..=other.len());
            input.splice(at..end, other[from..].iter().copied());
        }
        5 => input.truncate(at),
        _ => _ = input.splice(at..end.min(at + rng.usize(..3)), WORDS[rng.usize(..WORDS.len())].bytes()),
    }
}
