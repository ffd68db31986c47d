//! What nine measurements determine: `cargo run --release -p models --example fcnn_wbc_identifiability [SUBJECTS]`.
//!
//! For each subject the Jacobian of the nine measurements with respect to the drawn parameters is taken on the simulator.
//! With a Gaussian prior as wide as the draw and measurements known to 0.1 %, linear estimation gives the standard
//! deviation that is left on each output, in percent of its value: the error that no network can go below. Printed are
//! means over subjects, for independent draws (thirteen unknowns) and coupled ones (nine).

use models::circulation::calibrate::{observed, precise};
use models::circulation::draw::{accepted, couple};
use models::circulation::model::{NOMINAL_PULMONARY, NOMINAL_SYSTEMIC};
use models::circulation::{CirculationError, Draw, Parameters, Settings, Side, Simulation};
use models::fcnn_wbc::data::{OUTPUT_NAMES, OUTPUTS};
use nalgebra::{DMatrix, DVector};

/// Relative standard deviation of a measurement.
const NOISE: f64 = 1e-3;
/// Relative standard deviation of a parameter drawn uniformly in 0.5 to 1.5 of nominal.
const PRIOR: f64 = 0.289;
/// Relative step of the differences.
const STEP: f64 = 1e-3;

fn main() -> Result<(), CirculationError> {
    let subjects = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(100);
    let mut table = Vec::new();
    for how in [Draw::Independent, Draw::Coupled] {
        let (mut sum, mut counted) = ([0.0; OUTPUTS], 0.0);
        for subject in 0..subjects {
            let (parameters, _) = accepted(how, 7, subject, &Settings::default())?;
            // A subject whose systole just fits into its beat cannot be moved: it is left out.
            let Ok(left) = remaining(&parameters, how) else { continue };
            sum.iter_mut().zip(left).for_each(|(sum, left)| *sum += 100.0 * left);
            counted += 1.0;
        }
        table.push(sum.map(|sum| sum / counted));
    }
    println!("{:40} {:>12} {:>12}", "left of each output, %", "independent", "coupled");
    for (output, name) in OUTPUT_NAMES.iter().enumerate() {
        let cells: Vec<String> =
            table.iter().filter_map(|t| Some(format!("{:12.2}", t.get(output)?))).collect();
        println!("{name:40} {}", cells.join(" "));
    }
    Ok(())
}

/// Relative standard deviation that is left on each output.
fn remaining(parameters: &Parameters, how: Draw) -> Result<Vec<f64>, CirculationError> {
    // Heart rate, then the sides' V0, time, R, C, and where they are free, Rp/Rd and Emax.
    let unknowns: Vec<usize> = match how {
        Draw::Independent => (0..13).collect(),
        Draw::Coupled => vec![0, 1, 2, 3, 4, 7, 8, 9, 10],
    };
    let mut jacobian = DMatrix::zeros(9, unknowns.len());
    let mut outputs = DMatrix::zeros(OUTPUTS, unknowns.len());
    for (column, &unknown) in unknowns.iter().enumerate() {
        let (up, down) = (moved(parameters, how, unknown, STEP), moved(parameters, how, unknown, -STEP));
        jacobian.set_column(column, &((logarithms(&up)? - logarithms(&down)?) / (2.0 * STEP)));
        outputs.set_column(column, &((values(&up) - values(&down)) / (2.0 * STEP)));
    }
    let prior = DMatrix::identity(unknowns.len(), unknowns.len()) / (PRIOR * PRIOR);
    let information = prior + jacobian.transpose() * &jacobian / (NOISE * NOISE);
    let covariance = information.try_inverse().ok_or(CirculationError::SingularJacobian { iteration: 0 })?;
    let left = &outputs * covariance * outputs.transpose();
    Ok(left.diagonal().iter().map(|variance| variance.sqrt()).collect())
}

fn moved(parameters: &Parameters, how: Draw, unknown: usize, by: f64) -> Parameters {
    let scaled = |side: &Side, first: usize| {
        let mut values = side.to_array();
        values.iter_mut().enumerate().for_each(|(at, value)| {
            if first + at == unknown {
                *value *= 1.0 + by;
            }
        });
        Side::from_array(values)
    };
    let heart_rate = parameters.heart_rate * if unknown == 0 { 1.0 + by } else { 1.0 };
    let (systemic, pulmonary) = (scaled(&parameters.systemic, 1), scaled(&parameters.pulmonary, 7));
    match how {
        Draw::Independent => Parameters { heart_rate, systemic, pulmonary },
        Draw::Coupled => Parameters {
            heart_rate,
            systemic: couple(&systemic, &NOMINAL_SYSTEMIC, 60.0 / heart_rate),
            pulmonary: couple(&pulmonary, &NOMINAL_PULMONARY, 60.0 / heart_rate),
        },
    }
}

fn logarithms(parameters: &Parameters) -> Result<DVector<f64>, CirculationError> {
    let measured = Simulation::run(parameters, &precise(&Settings::default()))?.measure()?;
    Ok(DVector::from_iterator(9, observed(&measured).map(f64::ln)))
}

fn values(parameters: &Parameters) -> DVector<f64> {
    let sides = parameters.systemic.to_array().into_iter().chain(parameters.pulmonary.to_array());
    DVector::from_iterator(OUTPUTS, sides.map(f64::ln))
}
