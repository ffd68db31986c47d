//! Re-calibration: from measurements back to parameters, the direction in which the paper made its data.
//!
//! Nonlinear least squares on the logarithms of the nine measurements by Powell's dogleg within a trust region
//! (Nocedal and Wright, "Numerical Optimization", section 4.1): a Gauss-Newton step where the model is trusted that
//! far, the steepest descent where it is not, and a point on the line between them otherwise. The Jacobian comes from
//! central differences of the simulator, run to a tighter periodic state than the data set needs.

use nalgebra::{SMatrix, SVector};

use super::draw::couple;
use super::model::{NOMINAL_PULMONARY, NOMINAL_SYSTEMIC};
use super::{CirculationError, Measurements, Parameters, Settings, Side, Simulation};

/// Degrees of freedom of [`super::Draw::Coupled`], and measurements to find them from.
const UNKNOWNS: usize = 9;
/// Heart rate by which the first unknown is scaled, beats a minute.
const NOMINAL_HEART_RATE: f64 = 80.0;
/// Step of the central differences, relative to nominal.
const DIFFERENCE: f64 = 1e-4;
/// The smallest factor of a nominal value that a trial may take.
const SMALLEST_FACTOR: f64 = 0.1;

type Vector = SVector<f64, UNKNOWNS>;
type Jacobian = SMatrix<f64, UNKNOWNS, UNKNOWNS>;

/// Where a re-calibration ended.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The parameters found.
    pub parameters: Parameters,
    /// Largest relative difference between the measurements given and those of the parameters found.
    pub residual: f64,
    /// Iterations, each with one Jacobian.
    pub iterations: usize,
}

/// The nine measurements that FCNN-WBC reads, in its order.
#[must_use]
pub fn observed(measured: &Measurements) -> [f64; UNKNOWNS] {
    let (left, right) = (&measured.systemic, &measured.pulmonary);
    [
        measured.heart_rate,
        left.systolic_pressure,
        left.diastolic_pressure,
        left.end_systolic_volume,
        left.ejection_time,
        right.systolic_pressure,
        right.diastolic_pressure,
        right.end_systolic_volume,
        right.ejection_time,
    ]
}

/// Settings that bring measurements close enough to their limit for differences of one in ten thousand.
#[must_use]
pub fn precise(settings: &Settings) -> Settings {
    Settings { maximum_beats: 300, tolerance: 1e-8, ..*settings }
}

/// Finds the coupled parameters whose simulation gives `target`, from the nominal ones.
///
/// # Errors
/// A simulation that fails at the start, or a Jacobian without a finite step; a residual that stays large is no error,
/// the caller sees it in [`Calibration::residual`].
pub fn recalibrate(
    target: &[f64; UNKNOWNS],
    settings: &Settings,
    iterations: usize,
) -> Result<Calibration, CirculationError> {
    let settings = precise(settings);
    let goal = Vector::from(*target).map(f64::ln);
    let residual = |unknowns: &Vector| -> Result<Vector, CirculationError> {
        let measured = Simulation::run(&parameters(unknowns), &settings)?.measure()?;
        Ok(Vector::from(observed(&measured)).map(f64::ln) - goal)
    };
    // The heart rate can be read off, and with it the start is within a beat that holds its systole.
    let [heart_rate, ..] = *target;
    let mut point = Vector::repeat(1.0);
    if let Some(first) = point.get_mut(0) {
        *first = heart_rate / NOMINAL_HEART_RATE;
    }
    let mut at = residual(&point)?;
    let (mut radius, mut used) = (0.3, 0);
    while used < iterations && at.amax() > 1e-9 && radius > 1e-9 {
        let jacobian = differences(&point, &residual)?;
        used += 1;
        // The same Jacobian serves until a trial is accepted: only the radius changes.
        while radius > 1e-9 {
            let step = dogleg(&jacobian, &at, radius)
                .ok_or(CirculationError::SingularJacobian { iteration: used - 1 })?;
            let trial = (point + step).map(|factor| factor.max(SMALLEST_FACTOR));
            let predicted = at.norm_squared() - (at + jacobian * step).norm_squared();
            // A trial that cannot be simulated (systole beyond the beat) is a trial that does not help.
            let reached = residual(&trial).ok();
            let gain = reached.map_or(-1.0, |r| (at.norm_squared() - r.norm_squared()) / predicted);
            if gain < 0.25 {
                radius *= 0.25;
            } else if gain > 0.75 && step.norm() > 0.9 * radius {
                radius *= 2.0;
            }
            if let Some(reached) = reached.filter(|_| gain > 1e-4) {
                (point, at) = (trial, reached);
                break;
            }
        }
    }
    Ok(Calibration { parameters: parameters(&point), residual: at.amax(), iterations: used })
}

/// Unknowns are factors of nominal values: heart rate, then V0, time, R and C of each side.
fn parameters(unknowns: &Vector) -> Parameters {
    let [rate, v0, time, r, c, lung_v0, lung_time, lung_r, lung_c]: [f64; UNKNOWNS] = (*unknowns).into();
    let heart_rate = NOMINAL_HEART_RATE * rate;
    let side = |nominal: &Side, [v0, time, r, c]: [f64; 4]| {
        let scaled = Side {
            unstressed_volume: nominal.unstressed_volume * v0,
            time_of_maximum_elastance: nominal.time_of_maximum_elastance * time,
            resistance: nominal.resistance * r,
            compliance: nominal.compliance * c,
            ..*nominal
        };
        couple(&scaled, nominal, 60.0 / heart_rate)
    };
    Parameters {
        heart_rate,
        systemic: side(&NOMINAL_SYSTEMIC, [v0, time, r, c]),
        pulmonary: side(&NOMINAL_PULMONARY, [lung_v0, lung_time, lung_r, lung_c]),
    }
}

fn differences(
    point: &Vector,
    residual: &impl Fn(&Vector) -> Result<Vector, CirculationError>,
) -> Result<Jacobian, CirculationError> {
    let mut jacobian = Jacobian::zeros();
    for (unknown, mut column) in jacobian.column_iter_mut().enumerate() {
        let moved = |by: f64| {
            let mut moved = *point;
            moved.iter_mut().skip(unknown).take(1).for_each(|factor| *factor += by);
            residual(&moved)
        };
        column.copy_from(&((moved(DIFFERENCE)? - moved(-DIFFERENCE)?) / (2.0 * DIFFERENCE)));
    }
    Ok(jacobian)
}

/// The dogleg step of length at most `radius`.
fn dogleg(jacobian: &Jacobian, at: &Vector, radius: f64) -> Option<Vector> {
    let newton = jacobian.lu().solve(&-at)?;
    if newton.norm() <= radius {
        return Some(newton);
    }
    let gradient = jacobian.transpose() * at;
    let cauchy = -gradient * (gradient.norm_squared() / (jacobian * gradient).norm_squared());
    let step = if cauchy.norm() >= radius {
        cauchy * (radius / cauchy.norm())
    } else {
        // |cauchy + s (newton - cauchy)| = radius, the positive root.
        let along = newton - cauchy;
        let (a, b) = (along.norm_squared(), cauchy.dot(&along));
        let c = cauchy.norm_squared() - radius * radius;
        cauchy + along * (((b * b - a * c).sqrt() - b) / a)
    };
    step.iter().all(|value| value.is_finite()).then_some(step)
}
