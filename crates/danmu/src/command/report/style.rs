//! Style: all that a picture needs to know beside what it shows.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::fonts::Font;
use super::label;
use super::lang::Lang;
use super::theme::Palette;

/// How to draw.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) palette: &'a Palette,
    pub(super) lang: Lang,
    /// The clock on the wall.
    pub(super) zone: &'a TimeZone,
    /// The only font there is, if what is drawn becomes pixels.
    pub(super) font: Option<&'a Font>,
    /// What tells this drawing from others of the same thing.
    pub(super) variant: &'static str,
}

impl Style<'_> {
    /// What the ids in a picture begin with.
    pub(super) fn id(&self, picture: &str) -> String {
        format!("{picture}{}", self.variant)
    }

    /// What strangers wrote, fit to be drawn: see [`label::fit`]. `otherwise` if nothing is left of it.
    pub(super) fn fit(&self, text: &str, size: f64, most: f64, otherwise: &str) -> String {
        let text = match self.font {
            Some(font) => Cow::Owned(font.writable(text)),
            None => Cow::Borrowed(text),
        };
        let label = label::fit(&text, size, most);
        if label.is_empty() { label::fit(otherwise, size, most) } else { label }
    }
}
