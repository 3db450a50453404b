//! Drawing: SVG, element by element. What strangers wrote is escaped here and nowhere else.

use std::fmt::Write as _;

/// A picture under way. The unit is a CSS pixel, and the origin is the upper left corner.
#[derive(Clone, Debug)]
pub(super) struct Svg {
    pub(super) width: f64,
    pub(super) height: f64,
    /// What ids in it begin with, so that several pictures may stand on one page.
    id: String,
    ids: u32,
    body: String,
}

/// Where a text is, seen from its point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Anchor {
    #[default]
    Start,
    Middle,
    End,
}

/// How a text is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'a> {
    pub(super) size: f64,
    pub(super) fill: &'a str,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
    /// Letters are drawn around in their own colour, so much: bold, also where the font has no such letters.
    pub(super) heavy: f64,
}

impl<'a> Type<'a> {
    pub(super) const fn new(size: f64, fill: &'a str) -> Self {
        Self { size, fill, anchor: Anchor::Start, bold: false, heavy: 0.0 }
    }

    pub(super) const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn heavy(self, heavy: f64) -> Self {
        Self { heavy, ..self }
    }
}

impl Svg {
    /// An empty picture. `id` is a word of ours.
    pub(super) fn new(id: &str, width: f64, height: f64) -> Self {
        Self { width, height, id: id.to_owned(), ids: 0, body: String::new() }
    }

    /// A box with round corners.
    pub(super) fn rect(&mut self, (x, y, width, height): (f64, f64, f64, f64), radius: f64, fill: &str) {
        let (x, y, width, height) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        let _ = write!(self.body, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}""#);
        if radius > 0.0 {
            let _ = write!(self.body, r#" rx="{}""#, n(radius));
        }
        let _ = writeln!(self.body, r#" fill="{fill}"/>"#);
    }

    /// The same, seen through.
    pub(super) fn veil(&mut self, area: (f64, f64, f64, f64), fill: &str, opacity: f64) {
        let _ = write!(self.body, r#"<g opacity="{}">"#, n(opacity));
        self.rect(area, 0.0, fill);
        self.body.push_str("</g>\n");
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str, dash: Option<&str>) {
        let (x1, y1, x2, y2) = (n(x1), n(y1), n(x2), n(y2));
        let _ = write!(self.body, r#"<path d="M{x1} {y1}L{x2} {y2}" stroke="{stroke}" fill="none""#);
        if let Some(dash) = dash {
            let _ = write!(self.body, r#" stroke-dasharray="{dash}""#);
        }
        self.body.push_str("/>\n");
    }

    pub(super) fn circle(&mut self, (x, y): (f64, f64), radius: f64, fill: &str) {
        let _ = writeln!(self.body, r#"<circle cx="{}" cy="{}" r="{}" fill="{fill}"/>"#, n(x), n(y), n(radius));
    }

    /// A line through points, and the area between it and `base` if that is asked for.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], stroke: &str, area: Option<(f64, &str)>) {
        let [first, .., last] = points else {
            // A single point would not be seen as a line.
            if let [point] = points {
                self.circle(*point, 2.5, stroke);
            }
            return;
        };
        let mut path = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, n(*x), n(*y));
        }
        if let Some((base, fill)) = area {
            let (left, right, base) = (n(first.0), n(last.0), n(base));
            let _ = writeln!(self.body, r#"<path d="{path}L{right} {base}L{left} {base}Z" fill="{fill}"/>"#);
        }
        let _ = writeln!(
            self.body,
            r#"<path d="{path}" fill="none" stroke="{stroke}" stroke-width="1.8" stroke-linejoin="round"/>"#
        );
    }

    /// A text, as it is but for what XML cannot hold. `y` is its base line.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str, style: Type<'_>) {
        let _ = write!(self.body, r#"<text x="{}" y="{}" font-size="{}""#, n(x), n(y), n(style.size));
        match style.anchor {
            Anchor::Start => {}
            Anchor::Middle => self.body.push_str(r#" text-anchor="middle""#),
            Anchor::End => self.body.push_str(r#" text-anchor="end""#),
        }
        if style.bold {
            self.body.push_str(r#" font-weight="600""#);
        }
        let _ = write!(self.body, r#" fill="{}""#, style.fill);
        if style.heavy > 0.0 {
            let heavy = n(style.heavy);
            let _ = write!(self.body, r#" stroke="{}" stroke-width="{heavy}" stroke-linejoin="round""#, style.fill);
        }
        self.body.push('>');
        escape(&mut self.body, text);
        self.body.push_str("</text>\n");
    }

    /// A paint that fades from above to below.
    pub(super) fn fade(&mut self, color: &str, above: f64, below: f64) -> String {
        let id = self.fresh_id();
        let stop = |offset: u8, opacity: f64| {
            format!(r#"<stop offset="{offset}" stop-color="{color}" stop-opacity="{}"/>"#, n(opacity))
        };
        let stops = stop(0, above) + &stop(1, below);
        let _ = writeln!(
            self.body,
            r#"<defs><linearGradient id="{id}" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient></defs>"#
        );
        format!("url(#{id})")
    }

    /// A paint of slanted lines.
    pub(super) fn hatch(&mut self, color: &str) -> String {
        let id = self.fresh_id();
        let _ = writeln!(
            self.body,
            r#"<defs><pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6" fill="{color}"/></pattern></defs>"#
        );
        format!("url(#{id})")
    }

    fn fresh_id(&mut self) -> String {
        self.ids += 1;
        format!("{}-{}", self.id, self.ids)
    }

    /// Draws another picture into this one.
    pub(super) fn place(&mut self, (x, y): (f64, f64), other: &Self) {
        let _ = writeln!(self.body, r#"<g transform="translate({} {})">"#, n(x), n(y));
        self.body.push_str(&other.body);
        self.body.push_str("</g>\n");
    }

    /// The picture as it stands on a page, which says what it shows to who cannot see it.
    pub(super) fn inline(&self, class: &str, label: &str) -> String {
        let mut svg = format!(
            r#"<svg class="{class}" viewBox="0 0 {} {}" role="img" aria-label=""#,
            n(self.width),
            n(self.height)
        );
        escape(&mut svg, label);
        svg.push_str("\">\n");
        svg.push_str(&self.body);
        svg.push_str("</svg>\n");
        svg
    }

    /// The picture as a file of its own.
    pub(super) fn file(&self, title: &str, fonts: &str) -> String {
        let (width, height) = (n(self.width), n(self.height));
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family=""#
        );
        escape(&mut svg, fonts);
        svg.push_str("\">\n<title>");
        escape(&mut svg, title);
        svg.push_str("</title>\n");
        svg.push_str(&self.body);
        svg.push_str("</svg>\n");
        svg
    }
}

/// Appends text for HTML and XML, in elements and in quoted attributes. What neither can hold is left out.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

/// A number with as few digits as do: a hundredth of a pixel is not seen.
fn n(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let mut text = format!("{value:.2}");
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.pop();
    }
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_stays_text() {
        let mut svg = Svg::new("x", 10.0, 10.0);
        svg.text((0.0, 0.0), "</text><script>alert('1')</script>\u{0}\u{1b}\u{FFFF}\"&", Type::new(12.0, "red"));
        let file = svg.file("</title>", "A\"B");
        assert!(!file.contains("<script") && !file.contains("</title></title>"));
        assert!(
            file.contains("&lt;/text&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;</text>"),
            "{file}"
        );
    }

    #[test]
    fn no_number_is_odd() {
        assert_eq!([1.0, 1.5, -0.001, f64::NAN, f64::INFINITY].map(n), ["1", "1.5", "0", "0", "0"]);
    }
}
