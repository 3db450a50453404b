//! Fonts: pictures in pixels need one with Chinese characters, or all that people said would be boxes.
//!
//! `--font` names one, or the system has one. On a page, and in pictures made of SVG, the reader's own fonts are used.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use fontdb::{Database, FaceInfo};
use ttf_parser::Face;

/// What a font must be able to write.
const CHINESE: &str = "弹幕斗鱼主播这";

/// Families that are made for screens, those that look best first.
const FAMILIES: [&str; 14] = [
    "PingFang SC",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "STHeiti",
    "Noto Sans CJK JP",
    "AR PL UMing CN",
];

/// What comes after the font of ours, in pictures that are drawn elsewhere.
pub(super) const ELSEWHERE: &str =
    "system-ui, -apple-system, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'WenQuanYi Zen Hei', sans-serif";

/// A font that pictures in pixels can be written in.
#[derive(Debug)]
pub(super) struct Font {
    pub(super) family: String,
    data: Vec<u8>,
    index: u32,
}

impl Font {
    /// The font in a file, made known to the painter.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let data = fs::read(path).with_context(|| format!("cannot read the font {}", path.display()))?;
        let mut fonts = Database::new();
        fonts.load_font_data(data.clone());
        let Some(face) = fonts.faces().find(|face| has_chinese(&data, face.index)) else {
            let what = if fonts.is_empty() { "no font" } else { "a font without Chinese characters" };
            bail!("{} is {what}; use a .ttf, .otf or .ttc file that has them", path.display());
        };
        Self::new(face, data)
    }

    /// The best that this system has, if it has any.
    pub(super) fn of_system() -> anyhow::Result<Option<Self>> {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        let rank = |face: &FaceInfo| {
            let family = |name: &&str| face.families.iter().any(|(family, _)| family == name);
            FAMILIES.iter().position(family).unwrap_or(FAMILIES.len())
        };
        let mut faces: Vec<&FaceInfo> = fonts.faces().filter(|face| face.style == fontdb::Style::Normal).collect();
        faces.sort_by_key(|face| (rank(face), face.weight.0.abs_diff(400), face.index));
        let chinese = |face: &&&FaceInfo| fonts.with_face_data(face.id, has_chinese).unwrap_or(false);
        let Some(face) = faces.iter().find(chinese) else { return Ok(None) };
        let data = fonts.with_face_data(face.id, |data, _| data.to_vec()).unwrap_or_default();
        Self::new(face, data).map(Some)
    }

    fn new(face: &FaceInfo, data: Vec<u8>) -> anyhow::Result<Self> {
        charts_rs::add_fonts(&[&data]).context("the font cannot be used")?;
        let family = face.families.first().map_or_else(String::new, |(family, _)| family.clone());
        Ok(Self { family, data, index: face.index })
    }

    /// A text as far as there are signs for it: emoji, for one, are in no ordinary font.
    pub(super) fn writable(&self, text: &str) -> String {
        let ours = Face::parse(&self.data, self.index).ok();
        let latin = Face::parse(charts_rs::DEFAULT_FONT_DATA, 0).ok();
        let has = |c: char| [&ours, &latin].into_iter().flatten().any(|face| face.glyph_index(c).is_some());
        text.chars().filter(|&c| c == ' ' || has(c)).collect::<String>().trim().to_owned()
    }
}

fn has_chinese(data: &[u8], index: u32) -> bool {
    Face::parse(data, index).is_ok_and(|face| CHINESE.chars().all(|c| face.glyph_index(c).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_font_or_has_no_chinese_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, data: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, data).unwrap();
            Font::open(&path).unwrap_err().to_string()
        };
        assert!(
            file("notes.ttf", b"no font at all")
                .ends_with("notes.ttf is no font; use a .ttf, .otf or .ttc file that has them")
        );
        assert!(file("latin.ttf", charts_rs::DEFAULT_FONT_DATA).contains("is a font without Chinese characters"));
        assert!(
            Font::open(&folder.path().join("missing.ttf")).unwrap_err().to_string().contains("cannot read the font")
        );
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "a test")]
    fn what_a_font_cannot_write_is_left_out() {
        let Some(font) = Font::of_system().unwrap() else {
            println!("skipped: no font with Chinese characters on this system");
            return;
        };
        assert_eq!(font.writable("爱吃 小鱼干er"), "爱吃 小鱼干er");
        assert_eq!(font.writable("\u{10FFFD}鱼\u{10FFFE}"), "鱼");
        assert_eq!(font.writable("\u{10FFFD}"), "");
    }
}
