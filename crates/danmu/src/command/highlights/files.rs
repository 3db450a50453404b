//! Highlights for programs: JSON Lines, CSV, cut lists and chapters. Pure.

use std::io::{self, Write};
use std::time::Duration;

use danmu_sinks::recording::highlights::Highlight;
use serde_json::json;

use super::rfc3339;
use crate::text::safe;

/// A highlight and where it is in a video. `from` includes the lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clip<'h> {
    pub(super) highlight: &'h Highlight,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

pub(super) fn json(out: &mut impl Write, clips: &[Clip<'_>]) -> io::Result<()> {
    for Clip { highlight, from, to } in clips {
        let samples = highlight
            .samples
            .iter()
            .map(|sample| json!({"at": rfc3339(sample.at_us), "name": sample.name, "text": sample.text}));
        let line = json!({
            "v": 1, "room": highlight.room.get(), "from": rfc3339(highlight.from_us), "to": rfc3339(highlight.to_us),
            "top": rfc3339(highlight.top_us), "score": tenth(highlight.score), "rate": tenth(highlight.rate),
            "usual": tenth(highlight.usual), "lines": highlight.lines, "people": highlight.people,
            "phrases": highlight.phrases, "samples": samples.collect::<Vec<_>>(),
            "clip": {"from_s": from.as_secs_f64(), "to_s": to.as_secs_f64()},
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// What is no exact number is not shown as one.
fn tenth(number: f32) -> f64 {
    (f64::from(number) * 10.0).round() / 10.0
}

pub(super) fn csv(out: &mut impl Write, clips: &[Clip<'_>]) -> io::Result<()> {
    writeln!(out, "room,from,to,clip_from,clip_to,score,rate,usual,lines,people,phrases,sample")?;
    for Clip { highlight, from, to } in clips {
        let sample = highlight.samples.first().map_or("", |sample| sample.text.as_str());
        writeln!(
            out,
            "{},{},{},{},{},{:.1},{:.1},{:.1},{},{},{},{}",
            highlight.room,
            rfc3339(highlight.from_us),
            rfc3339(highlight.to_us),
            clock(*from),
            clock(*to),
            highlight.score,
            highlight.rate,
            highlight.usual,
            highlight.lines,
            highlight.people,
            cell(&highlight.phrases.join(" ")),
            cell(sample),
        )?;
    }
    Ok(())
}

/// A cell of CSV, on one line. What begins like a formula is text, also to a spreadsheet.
fn cell(text: &str) -> String {
    let guard =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) { "'" } else { "" };
    format!("\"{guard}{}\"", safe(text).replace('"', "\"\""))
}

/// A script of ffmpeg's concat demuxer: the pieces of one video, one after the other. Pieces that touch are one.
pub(super) fn ffmpeg(out: &mut impl Write, video: &str, clips: &[Clip<'_>]) -> io::Result<()> {
    writeln!(out, "ffconcat version 1.0")?;
    let mut pieces: Vec<(Duration, Duration, String)> = Vec::new();
    for clip in clips {
        match pieces.last_mut() {
            Some((_, to, what)) if clip.from <= *to => {
                *to = clip.to.max(*to);
                *what = format!("{what}; {}", title(clip));
            }
            _ => pieces.push((clip.from, clip.to, title(clip))),
        }
    }
    let video = video.replace('\'', r"'\''");
    for (from, to, what) in pieces {
        writeln!(out, "\n# {} {what}", clock(from))?;
        writeln!(out, "file '{video}'\ninpoint {:.3}\noutpoint {:.3}", from.as_secs_f64(), to.as_secs_f64())?;
    }
    Ok(())
}

/// Chapters for web players: `<track kind="chapters">`.
pub(super) fn vtt(out: &mut impl Write, clips: &[Clip<'_>]) -> io::Result<()> {
    writeln!(out, "WEBVTT")?;
    for (n, clip) in (1..).zip(clips) {
        let title = title(clip).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        writeln!(out, "\n{n}\n{} --> {}\n{title}", clock(clip.from), clock(clip.to))?;
    }
    Ok(())
}

/// Chapters as OGM tools write them. They have no ends: a second one leads out of each highlight.
pub(super) fn ogm(out: &mut impl Write, clips: &[Clip<'_>]) -> io::Result<()> {
    let mut chapters: Vec<(Duration, String)> = Vec::new();
    for (at, clip) in clips.iter().enumerate() {
        chapters.push((clip.from, title(clip)));
        if clips.get(at + 1).is_none_or(|next| next.from > clip.to) {
            chapters.push((clip.to, "…".to_owned()));
        }
    }
    if chapters.first().is_some_and(|(from, _)| !from.is_zero()) {
        chapters.insert(0, (Duration::ZERO, "…".to_owned()));
    }
    for (n, (from, title)) in (1..).zip(chapters) {
        writeln!(out, "CHAPTER{n:02}={}\nCHAPTER{n:02}NAME={title}", clock(from))?;
    }
    Ok(())
}

/// What happens, on one line.
fn title(clip: &Clip<'_>) -> String {
    let phrases = clip.highlight.phrases.iter().take(3).map(|phrase| safe(phrase)).collect::<Vec<_>>().join(" ");
    if phrases.is_empty() { format!("{} lines", clip.highlight.lines) } else { phrases }
}

/// `01:02:03.400`
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, time.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_csv_are_text_to_spreadsheets() {
        assert_eq!(cell("a\"b\nc"), "\"a\"\"b c\"");
        assert_eq!([cell("=1+1"), cell("@x"), cell("好")], ["\"'=1+1\"", "\"'@x\"", "\"好\""]);
    }

    #[test]
    fn clocks_have_hours_and_milliseconds() {
        assert_eq!(clock(Duration::from_millis(3_723_400)), "01:02:03.400");
        assert_eq!(clock(Duration::from_secs(360_000)), "100:00:00.000");
    }
}
