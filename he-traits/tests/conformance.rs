//! The clear reference keeps all laws, in each of its forms.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use he_traits::conformance::{Options, Report, Suite};
use he_traits::{Clear, ClearParams, Level, LinearStyle};

fn conforms(params: ClearParams) -> Report {
    let foreign = ClearParams::new(2 * params.slots(), params.top()).unwrap();
    let report = Suite::<Clear>::new(params).seed(1).foreign(foreign).run();
    report.unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn with_levels_and_diagonals() {
    let params = ClearParams::new(64, Level::new(5)).unwrap().with_linear(LinearStyle::Diagonals);
    let report = conforms(params);
    for law in ["encrypt", "mul", "rotate", "linear", "polynomial", "random programs", "missing keys"] {
        assert!(report.laws.contains_key(law), "{law} was not checked: {report}");
    }
}

#[test]
fn without_a_budget() {
    conforms(ClearParams::new(48, Level::UNBOUNDED).unwrap().with_exact(true));
}

#[test]
fn complex_and_exact() {
    let params = ClearParams::new(32, Level::new(3)).unwrap().with_complex(true).with_exact(true);
    let report = conforms(params.with_linear(LinearStyle::Diagonals));
    assert!(report.laws["complex"].checks > 10 && report.laws["exact"].checks > 10, "{report}");
}

#[test]
fn one_level_and_none() {
    conforms(ClearParams::new(16, Level::new(1)).unwrap());
    conforms(ClearParams::new(16, Level::ZERO).unwrap());
}

#[test]
fn numbers_of_slots_that_are_no_power_of_two() {
    conforms(ClearParams::new(60, Level::new(4)).unwrap().with_linear(LinearStyle::Diagonals));
    conforms(ClearParams::new(1, Level::new(2)).unwrap());
    conforms(ClearParams::new(7, Level::UNBOUNDED).unwrap());
}

#[test]
fn real_sizes() {
    let params = ClearParams::new(8192, Level::new(6)).unwrap().with_linear(LinearStyle::Diagonals);
    let options = Options { levels: 3, programs: 2, ..Options::default() };
    let report = Suite::<Clear>::new(params).options(options).run();
    println!("{}", report.unwrap_or_else(|violation| panic!("{violation}")));
}
