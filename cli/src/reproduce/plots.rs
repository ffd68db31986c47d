//! Pictures as SVG, by `plotters`: colours that stand on light and dark pages, no background.

use plotters::prelude::*;

use crate::failure::Failure;

const SIZE: (u32, u32) = (520, 320);
/// Text, axes.
const INK: RGBColor = RGBColor(128, 132, 138);
const GRID: RGBAColor = RGBAColor(128, 132, 138, 0.25);
const COLORS: [RGBColor; 3] = [RGBColor(199, 99, 43), RGBColor(47, 111, 176), RGBColor(74, 143, 92)];

/// A line with its name.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands around a picture.
pub(super) struct Labels<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

fn cannot(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("a picture cannot be drawn: {error}"))
}

/// The range of finite values, with some room; a logarithmic one spans at least a decade.
fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 0.0..1.0;
    }
    let room = if high > low { 0.04 * (high - low) } else { 0.5 * low.abs().max(1.0) };
    low - room..high + room
}

/// Lines on linear axes.
pub(super) fn lines(labels: &Labels<'_>, lines: &[Line<'_>]) -> Result<String, Failure> {
    let points = || lines.iter().flat_map(|line| &line.points);
    chart(labels, range(points().map(|p| p.0)), range(points().map(|p| p.1)), lines, false)
}

/// Lines whose values are powers of ten apart: their logarithms are drawn. Values of zero have no point.
pub(super) fn log_lines(labels: &Labels<'_>, lines: &[Line<'_>]) -> Result<String, Failure> {
    let logs: Vec<Line<'_>> = lines
        .iter()
        .map(|line| {
            let positive = line.points.iter().filter(|(_, y)| *y > 0.0);
            Line { name: line.name, points: positive.map(|(x, y)| (*x, y.log10())).collect() }
        })
        .collect();
    let points = || logs.iter().flat_map(|line| &line.points);
    chart(labels, range(points().map(|p| p.0)), range(points().map(|p| p.1)), &logs, true)
}

fn chart(
    labels: &Labels<'_>,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    lines: &[Line<'_>],
    logarithms: bool,
) -> Result<String, Failure> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(56)
            .build_cartesian_2d(x, y)
            .map_err(cannot)?;
        let tick = |value: &f64| {
            if logarithms { format!("1e{}", short(*value)) } else { short(*value) }
        };
        mesh(&mut chart, labels, &tick)?;
        for (line, color) in lines.iter().zip(COLORS.iter().cycle()) {
            let color = *color;
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)))
                .map_err(cannot)?
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        }
        if lines.len() > 1 {
            chart
                .configure_series_labels()
                .label_font(("sans-serif", 12, &INK))
                .position(SeriesLabelPosition::UpperRight)
                .draw()
                .map_err(cannot)?;
        }
        root.present().map_err(cannot)?;
    }
    Ok(svg)
}

/// Estimates over true values, and the line where both agree.
pub(super) fn scatter(labels: &Labels<'_>, pairs: &[[f64; 2]]) -> Result<String, Failure> {
    let both = range(pairs.iter().flatten().copied());
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(56)
            .build_cartesian_2d(both.clone(), both.clone())
            .map_err(cannot)?;
        mesh(&mut chart, labels, &|value| short(*value))?;
        chart
            .draw_series(LineSeries::new(
                [(both.start, both.start), (both.end, both.end)],
                GRID.stroke_width(2),
            ))
            .map_err(cannot)?;
        let [color, ..] = COLORS;
        chart
            .draw_series(
                pairs.iter().map(|[truth, found]| Circle::new((*truth, *found), 2, color.mix(0.6).filled())),
            )
            .map_err(cannot)?;
        root.present().map_err(cannot)?;
    }
    Ok(svg)
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn mesh(
    chart: &mut Chart<'_, '_>,
    labels: &Labels<'_>,
    tick: &dyn Fn(&f64) -> String,
) -> Result<(), Failure> {
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(7)
        .y_labels(6)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| tick(value))
        .label_style(("sans-serif", 12, &INK))
        .axis_desc_style(("sans-serif", 13, &INK))
        .x_desc(labels.x)
        .y_desc(labels.y)
        .draw()
        .map_err(cannot)
}

/// At most three digits behind the point, without zeros at the end.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hold_their_lines_and_points() {
        let labels = Labels { x: "epoch", y: "loss" };
        let line = |name| Line { name, points: vec![(1.0, 2.0), (2.0, 1.0), (3.0, 0.0)] };
        let svg = lines(&labels, &[line("encrypted"), line("clear")]).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("encrypted") && svg.contains("epoch"));
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
        let logs = log_lines(&labels, &[line("one")]).unwrap();
        assert!(logs.contains("<polyline") && logs.contains("1e0"), "{logs}");
        let svg = scatter(&labels, &[[1.0, 1.1], [2.0, 2.1]]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
        // Nothing to draw is no reason to fail.
        assert!(log_lines(&labels, &[Line { name: "zero", points: vec![(1.0, 0.0)] }]).is_ok());
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!([short(1.0), short(0.25), short(-0.00001)], ["1", "0.25", "0"]);
    }
}
