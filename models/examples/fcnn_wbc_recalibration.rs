//! Goes the paper's way on some test subjects: `cargo run --release -p models --example fcnn_wbc_recalibration [SUBJECTS]`
//! searches the parameters from the embedded measurements by the dogleg and prints how far they are from those that made
//! the measurements.

use std::time::Instant;

use models::circulation::{Settings, recalibrate};
use models::fcnn_wbc::data::{OUTPUT_NAMES, OUTPUTS, embedded_test};

fn main() -> Result<(), models::ModelError> {
    let subjects = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(64);
    let samples = embedded_test()?.slice(0..subjects);
    let begin = Instant::now();
    let (mut iterations, mut failed, mut unfit) = (0, 0, 0);
    let mut errors: Vec<[f64; OUTPUTS]> = Vec::new();
    for (measured, given) in samples.inputs.iter().zip(&samples.outputs) {
        let Ok(found) = recalibrate(measured, &Settings::default(), 30) else {
            failed += 1;
            continue;
        };
        iterations += found.iterations;
        if found.residual > 1e-4 {
            unfit += 1;
            continue;
        }
        let sides =
            found.parameters.systemic.to_array().into_iter().chain(found.parameters.pulmonary.to_array());
        let mut error = [0.0; OUTPUTS];
        let pairs = sides.zip(given).map(|(found, given)| 100.0 * (found / given - 1.0).abs());
        error.iter_mut().zip(pairs).for_each(|(slot, value)| *slot = value);
        errors.push(error);
    }
    println!(
        "{} subjects, {failed} failed, {unfit} with a residual above 1e-4, {:.1} iterations and {:.0} ms each",
        samples.len(),
        iterations as f64 / samples.len() as f64,
        begin.elapsed().as_millis() as f64 / samples.len() as f64
    );
    println!("{:40} {:>10} {:>10} {:>10}", "error, %", "median", "90 %", "largest");
    for (output, name) in OUTPUT_NAMES.iter().enumerate() {
        let mut column: Vec<f64> = errors.iter().filter_map(|error| error.get(output).copied()).collect();
        column.sort_by(f64::total_cmp);
        let at = |share: f64| column.get((share * column.len().saturating_sub(1) as f64) as usize).copied();
        let cells = [0.5, 0.9, 1.0].map(|share| at(share).unwrap_or(f64::NAN));
        println!("{name:40} {:10.5} {:10.5} {:10.5}", cells[0], cells[1], cells[2]);
    }
    Ok(())
}
