//! What all benches share: whether they measure or only show that they work, and how they tell what was reached of a
//! target, in lines that `benches/all` gathers.

use std::fmt::Display;

/// Whether this is a measurement, as `cargo bench` runs it, and not a test, in which everything is tiny.
pub(crate) fn is_full() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// `full` in a measurement, `tiny` in a test.
pub(crate) fn size<T>(full: T, tiny: T) -> T {
    if is_full() { full } else { tiny }
}

/// The value in the middle; of an even number, the upper one.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// On which side of a target it is good to be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    const fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }

    fn holds(self, reached: f64) -> bool {
        match self {
            Self::AtMost(most) => reached <= most,
            Self::AtLeast(least) => reached >= least,
        }
    }
}

/// What stands above the lines of targets.
pub(crate) fn heading() -> String {
    format!("{:<64} {:>12} {:>10} {:>10}", "", "target", "reached", "of target")
}

/// What was reached of a target, in `unit` (`×` for ratios): a line.
pub(crate) fn line(what: &str, target: Target, reached: f64, unit: impl Display) -> String {
    let sign = if matches!(target, Target::AtMost(_)) { '≤' } else { '≥' };
    let bound = format!("{sign} {} {unit}", target.bound());
    let verdict = match (is_full(), target.holds(reached)) {
        (false, _) => "too small to tell",
        (true, true) => "reached",
        (true, false) => "MISSED",
    };
    format!("{what:<64} {bound:>12} {reached:>10.2} {:>10.2}  {verdict}", reached / target.bound())
}

/// The same of a target that must be reached, and of one on the same side that should be.
pub(crate) fn line_with_goal(what: &str, must: Target, goal: f64, reached: f64, unit: impl Display) -> String {
    let line = line(what, must, reached, unit);
    let further = match must {
        Target::AtMost(_) => Target::AtMost(goal),
        Target::AtLeast(_) => Target::AtLeast(goal),
    };
    format!("{line} (goal {goal}{})", if further.holds(reached) { " too" } else { ": not yet" })
}
