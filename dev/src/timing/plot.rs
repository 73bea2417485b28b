//! Plots the differences of pairs: for each state a box around zero, in one SVG that follows the reader's light
//! or dark mode. Must not know what was measured.

use std::fmt::Write as _;

use super::statistics::{Figures, SHARE_TARGET};

/// One flow.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) rows: Vec<(&'static str, Figures)>,
}

const WIDTH: f64 = 960.0;
/// The left and right end of the boxes; the state is to the left, the figures are to the right.
const LEFT: f64 = 180.0;
const RIGHT: f64 = 740.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 74.0;
const PANEL_HEAD: f64 = 34.0;
const AXIS: f64 = 40.0;

/// From this share on a difference is plain without a plot.
const PLAINLY_DIFFERENT: f64 = 0.1;

/// Colours by name, for light and for dark mode; text on them has a contrast of at least 4.5.
const STYLE: &str = "\
    svg { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --band: #dcefe0; --box: #a9c7ec; \
          --edge: #1f5fae; --mark: #b3261e } \
    @media (prefers-color-scheme: dark) { \
    svg { --paper: #14181d; --ink: #e6edf3; --soft: #9aa6b2; --line: #39424c; --band: #1d3b29; --box: #27486f; \
          --edge: #8dbdf5; --mark: #ff9b8f } } \
    .paper { fill: var(--paper) } text { fill: var(--ink); font: 13px system-ui, sans-serif } \
    .title { font-size: 17px; font-weight: 600 } .panel { font-size: 14px; font-weight: 600 } \
    .soft { fill: var(--soft); font-size: 12px } .figure { font-variant-numeric: tabular-nums } \
    .grid { stroke: var(--line) } .zero { stroke: var(--soft); stroke-width: 1.5 } .band { fill: var(--band) } \
    .box { fill: var(--box); stroke: var(--edge) } .whisker { stroke: var(--edge) } \
    .median { stroke: var(--mark); stroke-width: 3 } .interval { fill: var(--mark); opacity: .35 }";

/// The horizontal scale.
struct Scale {
    /// The difference at both ends, in microseconds.
    end: f64,
}

impl Scale {
    /// A scale that holds the boxes and the target of all rows, with a round number at its end. The long ends of a
    /// noisy machine would press everything else to a line, and so would a row that is plainly different: they may
    /// reach beyond.
    fn of(panel: &Panel) -> Self {
        let reach = |figures: &Figures| {
            let [_, lower, upper, _] = figures.spread;
            1.5 * lower.abs().max(upper.abs()).max(figures.unknown * SHARE_TARGET)
        };
        let alike = panel.rows.iter().filter(|(_, figures)| figures.share.abs() < PLAINLY_DIFFERENT);
        let reach = alike.map(|(_, figures)| reach(figures)).fold(1.0, f64::max);
        let power = 10_f64.powf(reach.log10().floor());
        let step = [1.0, 2.0, 4.0, 10.0].into_iter().find(|step| step * power >= reach).unwrap_or(10.0);
        Self { end: step * power }
    }

    fn x(&self, difference: f64) -> f64 {
        let share = (difference / self.end).clamp(-1.0, 1.0);
        LEFT + (RIGHT - LEFT) * f64::midpoint(share, 1.0)
    }

    /// The label of a difference: milliseconds where microseconds would be long numbers.
    fn label(&self, difference: f64) -> String {
        if difference == 0.0 {
            "0".to_owned()
        } else if self.end >= 2000.0 {
            format!("{:+} ms", difference / 1000.0)
        } else {
            format!("{difference:+} µs")
        }
    }
}

/// Draws all panels.
pub(super) fn draw(panels: &[Panel]) -> String {
    let mut body = String::new();
    let mut y = HEAD;
    for panel in panels {
        y = draw_panel(&mut body, panel, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" \
         role=\"img\" aria-labelledby=\"title about\">\n\
         <title id=\"title\">Does the time of an answer tell a known identifier from an unknown one?</title>\n\
         <desc id=\"about\">Differences of paired response times, one box for each state of an account.</desc>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{y}\"/>\n\
         <text class=\"title\" x=\"20\" y=\"30\">Time of an answer: known minus unknown identifier</text>\n\
         <text class=\"soft\" x=\"20\" y=\"52\">Box: the middle half of the pairs; line: 5 % to 95 %, or beyond the edge; red: the \
         median and where it lies with 95 %; green: 1 % of the unknown one's time, the target.</text>\n\
         {body}</svg>\n"
    )
}

/// Draws one panel at this height; the height below it.
fn draw_panel(body: &mut String, panel: &Panel, top: f64) -> f64 {
    let scale = Scale::of(panel);
    let first = top + PANEL_HEAD;
    let mut bottom = first;
    let mut rows = String::new();
    for (name, figures) in &panel.rows {
        draw_row(&mut rows, &scale, name, figures, bottom);
        bottom += ROW;
    }
    let mut put = |line: String| writeln!(body, "{line}").expect("a string can be written to");
    put(format!("<text class=\"panel\" x=\"20\" y=\"{}\">{}</text>", top + 20.0, panel.title));
    put(format!("<text class=\"soft\" x=\"{}\" y=\"{}\">median, share, t</text>", RIGHT + 16.0, top + 20.0));
    let (_, widest) = panel.rows.iter().fold(("", 0.0_f64), |(_, widest), (name, figures)| {
        (name, widest.max(figures.unknown * SHARE_TARGET))
    });
    let (left, right) = (scale.x(-widest), scale.x(widest));
    put(format!(
        "<rect class=\"band\" x=\"{left:.1}\" y=\"{first}\" width=\"{:.1}\" height=\"{}\"/>",
        right - left,
        bottom - first
    ));
    for tick in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        let (x, class) = (scale.x(tick * scale.end), if tick == 0.0 { "zero" } else { "grid" });
        put(format!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{first}\" y2=\"{bottom}\"/>"));
        let label = scale.label(tick * scale.end);
        put(format!(
            "<text class=\"soft\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 16.0
        ));
    }
    body.push_str(&rows);
    bottom + AXIS
}

fn draw_row(rows: &mut String, scale: &Scale, name: &str, figures: &Figures, top: f64) {
    let middle = top + ROW / 2.0;
    let [low, lower, upper, high] = figures.spread.map(|difference| scale.x(difference));
    let (from, to) = (scale.x(figures.interval.0), scale.x(figures.interval.1));
    let median = scale.x(figures.difference);
    let mut put = |line: String| writeln!(rows, "{line}").expect("a string can be written to");
    put(format!("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>", LEFT - 12.0, middle + 4.5));
    put(format!(
        "<line class=\"whisker\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
    ));
    put(format!(
        "<rect class=\"box\" x=\"{lower:.1}\" y=\"{}\" width=\"{:.1}\" height=\"14\"/>",
        middle - 7.0,
        upper - lower
    ));
    put(format!(
        "<rect class=\"interval\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"20\"/>",
        middle - 10.0,
        to - from
    ));
    put(format!(
        "<line class=\"median\" x1=\"{median:.1}\" x2=\"{median:.1}\" y1=\"{}\" y2=\"{}\"/>",
        middle - 10.0,
        middle + 10.0
    ));
    put(format!(
        "<text class=\"figure\" x=\"{}\" y=\"{}\">{:+.1} µs, {:+.2} %, t {:+.1}</text>",
        RIGHT + 16.0,
        middle + 4.5,
        figures.difference,
        figures.share * 100.0,
        figures.t
    ));
}

#[cfg(test)]
mod tests {
    use super::super::statistics::Pairs;
    use super::*;

    fn panel(scale: f64) -> Panel {
        let unknown: Vec<f64> = (0..100).map(|at| scale * f64::from(1000 + at % 7)).collect();
        let known = (0..100).map(|at| scale * f64::from(1000 + at % 5)).collect();
        let figures = Pairs { known, unknown }.figures().expect("there are pairs");
        Panel { title: "POST /login".to_owned(), rows: vec![("by primary", figures)] }
    }

    #[test]
    fn every_row_is_drawn_inside_the_picture_at_any_scale() {
        for scale in [0.01, 1.0, 37.0] {
            let svg = draw(&[panel(scale), panel(scale)]);
            assert_eq!(svg.matches("by primary").count(), 2);
            assert_eq!(svg.matches("class=\"median\"").count(), 2);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            for part in svg.split(" x1=\"").skip(1) {
                let x: f64 = part.split('"').next().and_then(|x| x.parse().ok()).expect("a number");
                assert!((LEFT..=RIGHT).contains(&x), "{x}");
            }
        }
    }

    #[test]
    fn zero_is_in_the_middle_and_the_ends_hold_everything() {
        let scale = Scale::of(&panel(1.0));
        assert_eq!((scale.label(0.0), scale.label(5.0)), ("0".to_owned(), "+5 µs".to_owned()));
        assert!((scale.x(0.0) - f64::midpoint(LEFT, RIGHT)).abs() < 0.01);
        assert!(scale.end >= 10.0, "the target of 1 % of 1,003 µs is inside");
    }
}
