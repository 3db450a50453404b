//! `danmu report`: a recording as one page and its pictures.
//!
//! ```text
//! recording ─▶ Facts ─▶ pictures ─┬─▶ page            index.html: whole, without scripts, for screens and paper
//!              counted            └─▶ SVG ─▶ PNG      each picture as a file of its own
//! ```
//!
//! | module | what |
//! |---|---|
//! | `facts` | what is told, counted by danmu-sinks |
//! | `words`, `pulse` | the words of chat, and how much was said when |
//! | `pictures` | which pictures there are, and their frames |
//! | `density`, `bars`, `columns`, `heat`, `cloud` | how each kind is drawn |
//! | `axis`, `label`, `style`, `svg`, `theme`, `fonts`, `lang` | what they are drawn with |
//! | `page`, `folder` | the page, and how it all gets onto the disk |

mod axis;
mod bars;
mod cloud;
mod columns;
mod density;
mod facts;
mod folder;
mod fonts;
mod heat;
mod label;
mod lang;
mod page;
mod pictures;
mod pulse;
mod style;
mod svg;
mod theme;
mod words;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use danmu_sinks::Recording;
use jiff::Zoned;
use jiff::tz::TimeZone;

use self::facts::Facts;
use self::folder::{Folder, INDEX};
use self::fonts::Font;
use self::lang::Lang;
use self::page::page;
use self::pictures::{heading, pictures};
use self::style::Style;
use self::theme::Theme;
use crate::exit::Exit;
use crate::gift_table;
use crate::printer::Printer;
use crate::select::Select;
use crate::signal::Stop;

/// Show a recording as a page, and as pictures to post
///
/// Writes a folder with one page, index.html, that needs nothing else, and with each of its charts as SVG and PNG: how
/// much was said when, highlights, people, gifts, words, emotes, levels, medals, hours of the week, and what was missed.
/// The folder appears whole or not at all, and replaces nothing but an older report.
#[derive(clap::Args, Debug)]
pub(crate) struct Report {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// The folder to write
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// The language [default: that of the system]
    #[arg(long, value_enum, value_name = "zh|en", hide_possible_values = true)]
    lang: Option<Lang>,
    /// The colours: auto, light or dark
    #[arg(long, value_enum, default_value_t, value_name = "THEME", hide_possible_values = true)]
    theme: Theme,
    /// A font file with Chinese characters, for the PNG pictures [default: one of the system]
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
    /// Names and prices of gifts, as a JSON file: a catalogue, Douyu's prop config or gift list, or names by number
    #[arg(long, value_name = "FILE")]
    gift_table: Option<PathBuf>,
    #[command(flatten)]
    select: Select,
}

/// A picture in pixels has so many for each of its own.
const PIXELS: f64 = 1.5;

impl Report {
    /// Reads, draws and writes.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let recording = Recording::open(&self.recording)?;
        folder::check(&self.output)?;
        // Before all else: pictures are measured with the fonts that are known.
        let font = match &self.font {
            Some(path) => Some(Font::open(path)?),
            None => Font::of_system()?,
        };
        let gifts = self.gift_table.as_deref().map(gift_table::read).transpose()?.unwrap_or_default();
        let facts = Facts::read(&recording, &self.select.filter(), gifts, TimeZone::system())?;
        if facts.is_empty() {
            bail!("{} has no messages to report, or none that were asked for", self.recording.display());
        }
        // Until here, a signal may end us at once, for there is nothing yet to be cleared away.
        let stop = Stop::on_signals().context("signals cannot be listened for")?;
        let folder = Folder::begin(&self.output)?;
        let lang = self.lang.unwrap_or_else(Lang::of_system);
        let pictures = pictures(&facts, lang);
        folder.write(INDEX, page(&facts, &pictures, self.theme, lang, &Zoned::now()).as_bytes())?;

        let (rooms, when) = heading(&facts, lang);
        let about = format!("{rooms} · {when}");
        let style = Style { palette: self.theme.of_files(), lang, zone: &facts.zone, font: None, variant: "" };
        let mut files = 1;
        for picture in &pictures {
            if stop.asked() {
                bail!("interrupted: nothing was written");
            }
            let Some(svg) = picture.file(&about, &style) else { continue };
            folder.write(&format!("{}.svg", picture.name), svg.as_bytes())?;
            files += 1;
            if let Some(font) = &font {
                let Some(svg) = picture.file(&about, &Style { font: Some(font), ..style }) else { continue };
                folder.write(&format!("{}.png", picture.name), &png(&svg, picture.name)?)?;
                files += 1;
            }
        }
        folder.finish()?;
        if font.is_none() {
            printer.warn(
                "the pictures are SVG only, for this system has no font with Chinese characters: install one (Debian: \
                 apt-get install fonts-noto-cjk), or name one with --font",
            );
        }
        let what = if files == 1 { "file" } else { "files" };
        printer.note(format_args!(
            "{files} {what} in {}; open {}",
            self.output.display(),
            self.output.join(INDEX).display()
        ));
        Ok(Exit::Done)
    }
}

/// A picture in pixels.
fn png(svg: &str, name: &str) -> anyhow::Result<Vec<u8>> {
    let width = svg.split_once("width=\"").and_then(|(_, rest)| rest.split_once('"')?.0.parse::<f64>().ok());
    let width = width.map(|width| (width * PIXELS) as u32);
    charts_rs::svg_to_png_with_size(svg, width, None).with_context(|| format!("cannot paint {name}.png"))
}
