//! The laws of the contract, on MORE.

use backend_more::{FunctionMethod, More, Parameters};
use he_traits::conformance::{Suite, Violation};

fn holds(parameters: Parameters) -> Result<(), Violation> {
    println!("{}", Suite::<More>::new(parameters).seed(1).run()?);
    Ok(())
}

#[test]
fn two_by_two() -> Result<(), Violation> {
    holds(Parameters::new(64).unwrap())
}

#[test]
fn three_by_three() -> Result<(), Violation> {
    holds(Parameters::new(64).unwrap().with_dimension(3).unwrap())
}

#[test]
fn by_eigendecomposition() -> Result<(), Violation> {
    holds(Parameters::new(64).unwrap().with_method(FunctionMethod::Eigendecomposition))
}

#[test]
fn under_ill_conditioned_keys() -> Result<(), Violation> {
    holds(Parameters::new(64).unwrap().with_condition_bound(1000.0).unwrap())
}

#[test]
fn slots_that_are_no_power_of_two() -> Result<(), Violation> {
    holds(Parameters::new(6 * 5 * 7).unwrap())
}

#[test]
fn at_real_size() -> Result<(), Violation> {
    holds(Parameters::new(8192).unwrap())
}
