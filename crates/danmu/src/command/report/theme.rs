//! Colours: one set for daylight, one for the dark, and one that leaves the choice to whoever reads the page.

/// The colours of a report, as CSS writes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// Under everything.
    pub(super) page: &'static str,
    /// Under a picture.
    pub(super) card: &'static str,
    /// Text.
    pub(super) ink: &'static str,
    /// Text that may be overlooked.
    pub(super) muted: &'static str,
    /// Lines of a grid, borders, cells without a value.
    pub(super) faint: &'static str,
    /// What a chart is about.
    pub(super) accent: &'static str,
    /// Other things in the same chart.
    pub(super) blue: &'static str,
    pub(super) teal: &'static str,
    /// What is worth a look.
    pub(super) gold: &'static str,
    /// Text on a colour.
    pub(super) on_color: &'static str,
    /// Where nobody listened.
    pub(super) gap: &'static str,
    /// From little to much.
    pub(super) heat: [&'static str; 5],
    /// The words of a cloud.
    pub(super) cloud: [&'static str; 6],
}

/// Names of the variables on a page, in the order of [`Palette::all`].
const NAMES: [&str; 22] = [
    "page", "card", "ink", "muted", "faint", "accent", "blue", "teal", "gold", "on-color", "gap", "heat-1", "heat-2",
    "heat-3", "heat-4", "heat-5", "cloud-1", "cloud-2", "cloud-3", "cloud-4", "cloud-5", "cloud-6",
];

/// Dark on light.
pub(super) const LIGHT: Palette = Palette {
    page: "#f6f6f4",
    card: "#ffffff",
    ink: "#1d2026",
    muted: "#6a707b",
    faint: "#e8e8e5",
    accent: "#f0551f",
    blue: "#2f6fde",
    teal: "#0f8f86",
    gold: "#d39200",
    on_color: "#ffffff",
    gap: "#b9bdc5",
    heat: ["#fde6d8", "#fbc3a3", "#f7976a", "#ee6230", "#b93c12"],
    cloud: ["#f0551f", "#2f6fde", "#0f8f86", "#b4781b", "#7a4fd0", "#c23f6e"],
};

/// Light on dark.
pub(super) const DARK: Palette = Palette {
    page: "#121418",
    card: "#1b1e24",
    ink: "#eceef2",
    muted: "#98a0ad",
    faint: "#2c313a",
    accent: "#ff7d4d",
    blue: "#71a8ff",
    teal: "#3fc9be",
    gold: "#f1bd43",
    on_color: "#16181c",
    gap: "#5a616d",
    heat: ["#3a2a24", "#6b3d2a", "#a44f2c", "#e06a36", "#ffb38c"],
    cloud: ["#ff7d4d", "#71a8ff", "#3fc9be", "#f1bd43", "#b99bff", "#f586ab"],
};

/// Variables of the page, which [`css`] gives their values.
pub(super) const PAGE: Palette = Palette {
    page: "var(--page)",
    card: "var(--card)",
    ink: "var(--ink)",
    muted: "var(--muted)",
    faint: "var(--faint)",
    accent: "var(--accent)",
    blue: "var(--blue)",
    teal: "var(--teal)",
    gold: "var(--gold)",
    on_color: "var(--on-color)",
    gap: "var(--gap)",
    heat: ["var(--heat-1)", "var(--heat-2)", "var(--heat-3)", "var(--heat-4)", "var(--heat-5)"],
    cloud: ["var(--cloud-1)", "var(--cloud-2)", "var(--cloud-3)", "var(--cloud-4)", "var(--cloud-5)", "var(--cloud-6)"],
};

/// Which colours a report has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Theme {
    /// As the reader's system is set; pictures are light
    #[default]
    Auto,
    /// Dark on light
    Light,
    /// Light on dark
    Dark,
}

impl Theme {
    /// The colours of pictures in files, which cannot follow the reader.
    pub(super) const fn of_files(self) -> &'static Palette {
        match self {
            Self::Auto | Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

impl Palette {
    fn all(&self) -> [&'static str; NAMES.len()] {
        let Self { page, card, ink, muted, faint, accent, blue, teal, gold, on_color, gap, heat, cloud } = *self;
        let [heat_1, heat_2, heat_3, heat_4, heat_5] = heat;
        let [cloud_1, cloud_2, cloud_3, cloud_4, cloud_5, cloud_6] = cloud;
        [
            page, card, ink, muted, faint, accent, blue, teal, gold, on_color, gap, heat_1, heat_2, heat_3, heat_4,
            heat_5, cloud_1, cloud_2, cloud_3, cloud_4, cloud_5, cloud_6,
        ]
    }

    fn variables(&self) -> String {
        let variables = NAMES.iter().zip(self.all()).map(|(name, color)| format!("--{name}:{color}"));
        variables.collect::<Vec<_>>().join(";")
    }
}

/// The variables of [`PAGE`]. On paper, all is dark on light.
pub(super) fn css(theme: Theme) -> String {
    let root = |scheme: &str, palette: &Palette| format!(":root{{color-scheme:{scheme};{}}}", palette.variables());
    let (light, dark) = (root("light", &LIGHT), root("dark", &DARK));
    let screen = match theme {
        Theme::Auto => format!("{light}\n@media (prefers-color-scheme: dark){{{dark}}}"),
        Theme::Light => light.clone(),
        Theme::Dark => dark,
    };
    format!("{screen}\n@media print{{{light}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_the_page_is_a_variable_that_is_set() {
        let css = css(Theme::Auto);
        for (name, value) in NAMES.iter().zip(PAGE.all()) {
            assert_eq!(value, format!("var(--{name})"));
            assert_eq!(css.matches(&format!("--{name}:#")).count(), 3, "{name}: light, dark, print");
        }
    }
}
