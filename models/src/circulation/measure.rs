//! What is measured on the waveforms of a beat, as a clinic would: nothing here knows a parameter.

use super::CirculationError;
use super::integrate::Waveforms;

/// Measurements of one side, read from its waveforms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SideMeasurements {
    /// Largest pressure at the root of the artery, in mmHg.
    pub systolic_pressure: f64,
    /// Pressure at the root of the artery when its valve opens, the smallest of the beat, in mmHg.
    pub diastolic_pressure: f64,
    /// Mean over the beat of the pressure at the root of the artery, in mmHg.
    pub mean_pressure: f64,
    /// Largest volume of the ventricle, in ml.
    pub end_diastolic_volume: f64,
    /// Smallest volume of the ventricle, in ml.
    pub end_systolic_volume: f64,
    /// From the opening of the outflow valve to its closing, in s.
    pub ejection_time: f64,
}

impl SideMeasurements {
    /// End-diastolic less end-systolic volume, in ml.
    #[must_use]
    pub fn stroke_volume(&self) -> f64 {
        self.end_diastolic_volume - self.end_systolic_volume
    }

    /// Stroke volume over end-diastolic volume.
    #[must_use]
    pub fn ejection_fraction(&self) -> f64 {
        self.stroke_volume() / self.end_diastolic_volume
    }
}

/// Measurements of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurements {
    /// Beats a minute, from the opening of the aortic valve to its next opening.
    pub heart_rate: f64,
    /// Left ventricle and aorta.
    pub systemic: SideMeasurements,
    /// Right ventricle and pulmonary artery.
    pub pulmonary: SideMeasurements,
}

impl Measurements {
    pub(super) fn read(last: &Waveforms, previous: &Waveforms) -> Result<Self, CirculationError> {
        let (opening, _) = valve_times(last, 0)?;
        let (opening_before, _) = valve_times(previous, 0)?;
        Ok(Self {
            heart_rate: 60.0 / (opening - opening_before),
            systemic: side(last, 0)?,
            pulmonary: side(last, 1)?,
        })
    }
}

fn pick(samples: &[[f64; 2]], side: usize) -> impl Iterator<Item = f64> + Clone + '_ {
    samples.iter().map(move |pair| if side == 0 { pair[0] } else { pair[1] })
}

fn side(waveforms: &Waveforms, side: usize) -> Result<SideMeasurements, CirculationError> {
    let (opening, closing) = valve_times(waveforms, side)?;
    let pressure: Vec<f64> = pick(&waveforms.pressure, side).collect();
    let volume: Vec<f64> = pick(&waveforms.volume, side).collect();
    let negated = |samples: &[f64]| samples.iter().map(|v| -v).collect::<Vec<_>>();
    Ok(SideMeasurements {
        systolic_pressure: peak(&pressure),
        diastolic_pressure: before(&waveforms.time, &pressure, opening),
        mean_pressure: pressure.iter().sum::<f64>() / pressure.len() as f64,
        end_diastolic_volume: peak(&volume),
        end_systolic_volume: -peak(&negated(&volume)),
        ejection_time: closing - opening,
    })
}

/// Largest value of a periodic waveform, by the parabola through its largest sample and both neighbours.
///
/// Without the parabola a measurement would jump as the peak moves past a sample, which would hide small effects of a
/// parameter. Volumes have a plateau instead of a peak, which the parabola leaves as it is.
fn peak(samples: &[f64]) -> f64 {
    let Some((at, &top)) = samples.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else {
        return f64::NAN;
    };
    let around = |offset: usize| samples.get((at + offset) % samples.len()).copied().unwrap_or(top);
    let (before, after) = (around(samples.len() - 1), around(1));
    let curvature = before - 2.0 * top + after;
    if curvature < 0.0 { top - (after - before).powi(2) / (8.0 * curvature) } else { top }
}

/// Value of a waveform at `time`, from the two samples before it.
///
/// The pressure has a kink where the valve opens: an interpolation across it would be of first order only.
fn before(times: &[f64], samples: &[f64], time: f64) -> f64 {
    let after = times.partition_point(|&t| t <= time);
    let at =
        |back: usize| Some((*times.get(after.checked_sub(back)?)?, *samples.get(after.checked_sub(back)?)?));
    match (at(2), at(1)) {
        (Some((t0, v0)), Some((t1, v1))) => v1 + (v1 - v0) * (time - t1) / (t1 - t0),
        _ => f64::NAN,
    }
}

/// Times in s when the outflow valve of `side` opens and closes, between samples by linear interpolation.
fn valve_times(waveforms: &Waveforms, side: usize) -> Result<(f64, f64), CirculationError> {
    let none = || CirculationError::NoEjection { valve: if side == 0 { "aortic" } else { "pulmonic" } };
    let samples = waveforms.time.iter().copied().zip(pick(&waveforms.gradient, side));
    let mut opening = None;
    for ((t0, g0), (t1, g1)) in samples.clone().zip(samples.skip(1)) {
        let crossing = t0 + (t1 - t0) * g0 / (g0 - g1);
        if g0 <= 0.0 && g1 > 0.0 && opening.is_none() {
            opening = Some(crossing);
        } else if g0 > 0.0
            && g1 <= 0.0
            && let Some(opening) = opening
        {
            return Ok((opening, crossing));
        }
    }
    Err(none())
}
