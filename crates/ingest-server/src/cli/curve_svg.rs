//! The fee of a stay as a picture: exact steps over the time of day.

use parking_types::{Amount, Instant, Local, Resolved, Span, Zone};
use plotters::{
    coord::{Shift, combinators::BindKeyPoints},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use tariff_engine::{Breakpoint, Stay};

use crate::quoter::Fees;

const SIZE: (u32, u32) = (1000, 520);
const LINE: RGBColor = RGBColor(20, 90, 170);
const PALE: RGBColor = RGBColor(150, 180, 215);
const MARK: RGBColor = RGBColor(190, 60, 30);
const GRID: RGBColor = RGBColor(228, 228, 228);
const INK: RGBColor = RGBColor(40, 40, 40);

/// Draws the fees of a stay up to `horizon` after its entry.
///
/// # Errors
/// What the drawing library says.
pub(super) fn draw(fees: &Fees<'_>, stay: &Stay, horizon: Span) -> Result<String, String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    paint(&area, fees, stay, horizon).map_err(|error| error.to_string())?;
    drop(area);
    Ok(svg)
}

/// A step: from where to where (in seconds after the entry) which fee holds.
struct Step {
    from: i64,
    to: i64,
    fee: i64,
    /// Whether the fee holds at `from` itself.
    inclusive: bool,
}

fn paint<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    fees: &Fees<'_>,
    stay: &Stay,
    horizon: Span,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let (zone, currency) = (fees.tariff.zone(), fees.tariff.currency());
    let length = horizon.as_secs().max(1);
    let steps = steps(&fees.points, stay.entry, length);
    let highest = steps.iter().map(|step| step.fee).max().unwrap_or(0).max(1);
    let money = |micros: &i64| Amount::from_micros(*micros).in_currency(currency).to_string();
    let heights = heights(highest, currency.minor_unit().as_micros());
    let top = heights.last().copied().unwrap_or(highest).max(highest) + highest / 20 + 1;
    let times = times(zone, stay.entry, length);
    let clock = |secs: &i64| clock(zone, stay.entry + Span::from_secs(*secs));

    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .caption(caption(fees, stay), ("sans-serif", 18).into_font().color(&INK))
        .margin(16)
        .margin_right(36)
        .x_label_area_size(34)
        .y_label_area_size(80)
        .build_cartesian_2d((0..length).with_key_points(times), (0..top).with_key_points(heights))?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&clock)
        .y_label_formatter(&money)
        .y_desc(currency.code())
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .axis_style(INK)
        .draw()?;
    for (before, step) in steps.iter().zip(steps.iter().skip(1)) {
        chart.draw_series([PathElement::new(
            vec![(step.from, before.fee), (step.from, step.fee)],
            PALE.stroke_width(1),
        )])?;
    }
    for step in &steps {
        chart.draw_series([PathElement::new(
            vec![(step.from, step.fee), (step.to, step.fee)],
            LINE.stroke_width(3),
        )])?;
    }
    // A full dot where a step begins at its instant, an empty one where it begins just after; many steps go without.
    if steps.len() <= 60 {
        for step in &steps {
            let (at, size) = ((step.from, step.fee), 4);
            if step.inclusive {
                chart.draw_series([Circle::new(at, size, LINE.filled())])?;
            } else {
                chart.draw_series([Circle::new(at, size, WHITE.filled())])?;
                chart.draw_series([Circle::new(at, size, LINE.stroke_width(1))])?;
            }
        }
    }
    if let Some((fee, Some(at))) = fees.latest {
        let (secs, fee_text) = ((at - stay.entry).as_secs(), money(&fee.as_micros()));
        if secs <= length {
            let text = format!("{fee_text} until {}", local(zone, at));
            let side = if secs * 2 > length { HPos::Right } else { HPos::Left };
            let style = ("sans-serif", 13).into_font().color(&MARK).pos(Pos::new(side, VPos::Top));
            chart.draw_series([PathElement::new(vec![(secs, 0), (secs, top)], MARK.stroke_width(1))])?;
            chart.draw_series([Text::new(format!(" {text} "), (secs, top), style)])?;
        }
    }
    area.present()
}

fn caption(fees: &Fees<'_>, stay: &Stay) -> String {
    let words = [stay.vehicle.as_ref().map(|v| v.as_str()), stay.plate_color.as_ref().map(|c| c.as_str())];
    let words: String = words.into_iter().flatten().map(|word| format!(", {word}")).collect();
    format!("{}: entry {}{words}", fees.tariff.id(), local(fees.tariff.zone(), stay.entry))
}

fn steps(points: &[Breakpoint], entry: Instant, length: i64) -> Vec<Step> {
    let secs = |at: Instant| (at - entry).as_secs();
    let ends = points.iter().skip(1).map(|point| secs(point.at)).chain([length]);
    let step = |(point, to): (&Breakpoint, i64)| {
        let (from, inclusive) = (secs(point.at), point.inclusive);
        Some(Step { from, to: to.min(length), fee: point.total?.as_micros(), inclusive })
    };
    points.iter().zip(ends).filter_map(step).collect()
}

/// Amounts for the grid: at most eight, 1, 2 or 5 times a power of ten apart.
fn heights(highest: i64, minor: i64) -> Vec<i64> {
    let mut apart = minor.max(1);
    for factor in [2, 5, 10].into_iter().cycle() {
        if highest / apart < 8 {
            break;
        }
        // 1, 2, 5, 10, 20, 50 …
        apart = match factor {
            2 => apart * 2,
            5 => apart / 2 * 5,
            _ => apart * 2,
        };
    }
    (0..=(highest + apart - 1) / apart).map(|n| n * apart).collect()
}

/// Seconds after the entry at which the wall clock shows a round time: at most a dozen of them.
fn times(zone: &Zone, entry: Instant, length: i64) -> Vec<i64> {
    const APART: [i64; 13] =
        [60, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400, 7 * 86_400];
    let many = length / 12;
    let apart = APART.into_iter().find(|apart| *apart > many).unwrap_or(30 * 86_400);
    let wall = zone.local(entry).as_nanos().div_euclid(1_000_000_000);
    let first = wall.div_euclid(apart) * apart;
    let instants =
        (0..40).map(|n| Local::from_nanos((first + n * apart).saturating_mul(1_000_000_000))).map(|local| {
            match zone.resolve(local) {
                Resolved::Once(at) | Resolved::Twice(at, _) | Resolved::Skipped { at } => {
                    (at - entry).as_secs()
                }
            }
        });
    instants.filter(|secs| (0..=length).contains(secs)).collect()
}

/// `08:00`; the date at midnight.
fn clock(zone: &Zone, at: Instant) -> String {
    let text = zone.local(at).to_string();
    match text.get(11..16) {
        Some("00:00") => text.get(5..10).unwrap_or_default().to_owned(),
        Some(time) => time.to_owned(),
        None => text,
    }
}

fn local(zone: &Zone, at: Instant) -> String {
    let text = zone.local(at).to_string().replace('T', " ");
    text.strip_suffix(":00").map_or_else(|| text.clone(), str::to_owned)
}
