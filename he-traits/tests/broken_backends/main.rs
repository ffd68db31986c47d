//! The conformance suite can fail: backends with one defect each, and the law that must name it.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod backend;
mod defects;

use backend::*;
use defects::*;
use he_traits::conformance::{Options, Suite};
use he_traits::{ClearParams, Level, LinearStyle};

fn parameters() -> ClearParams {
    ClearParams::new(32, Level::new(4)).unwrap().with_linear(LinearStyle::Diagonals)
}

fn suite(defect: u8, params: ClearParams) -> Suite<Broken> {
    let foreign = ClearParams::new(64, params.top()).unwrap();
    let options = Options { seed: 3, degrees: vec![2, 3, 5], programs: 6, ..Options::default() };
    Suite::new(Params(params, defect)).foreign(Params(foreign, defect)).options(options)
}

/// The suite must fail, and name this law.
fn names(defect: u8, params: ClearParams, law: &str) {
    match suite(defect, params).run() {
        Ok(report) => panic!("defect {defect} passed the suite:\n{report}"),
        Err(violation) => {
            println!("{violation}");
            assert_eq!(violation.law, law, "defect {defect} is named otherwise: {violation}");
        }
    }
}

#[test]
fn the_wrapper_itself_passes() {
    for params in [parameters(), parameters().with_complex(true).with_exact(true)] {
        suite(0, params).run().unwrap_or_else(|violation| panic!("{violation}"));
    }
    suite(0, ClearParams::new(32, Level::UNBOUNDED).unwrap())
        .run()
        .unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn wrong_values_are_named() {
    let params = parameters();
    names(ROTATES_RIGHT, params, "rotate");
    names(DROPS_LAST_SLOT, params, "encrypt");
    names(IGNORES_SIGN_OF_STEP, params, "rotate");
    names(COMBINE_FORGETS_CONSTANT, params, "combine");
    names(COMBINE_ROUNDS_COEFFICIENTS, params, "combine");
    names(LINEAR_FORGETS_SECOND_BLOCK, params, "linear");
    names(LINEAR_REPEATS_FIRST_VALUE, params, "linear");
    names(LAYER_FORGETS_BIAS, params, "layer");
    names(ROTATE_MANY_REPEATS_FIRST, params, "rotate_many");
    names(NOISY, params, "encrypt");
    names(MUL_SUM_FORGETS_LAST, params, "mul_sum");
    names(SUB_SWAPPED, params, "sub");
    names(CHEBYSHEV_AS_POWERS, params, "polynomial");
    names(ADD_SCALAR_SKIPS_NEGATIVE, params, "add_scalar");
    names(FACTOR_NOT_REPEATED, params, "mul_plain");
    // A product that is still to be relinearised and loses its rotation: maps of plaintexts have none.
    names(ROTATES_NO_SUM_OF_PRODUCTS, params, "encrypted map");
}

#[test]
fn wrong_levels_are_named() {
    let params = parameters();
    names(MUL_KEEPS_LEVEL, params, "mul");
    names(MUL_PLAIN_KEEPS_LEVEL, params, "mul_plain");
    names(MUL_PLAIN_SUM_FORGETS_LEVEL, params, "mul_plain_sum");
    names(POLYNOMIAL_LANDS_TOO_LOW, params, "polynomial");
    names(ADDS_UNEQUAL_LEVELS, params, "level mismatch");
    names(DROP_TO_RAISES, params, "level raise");
    names(MULTIPLIES_AT_ZERO, params, "level exhausted");
}

#[test]
fn what_should_have_been_refused_is_named() {
    let params = parameters();
    names(ACCEPTS_NAN, params, "finite");
    names(PADS_SHORT_VECTORS, params, "shape");
    names(DROPS_IMAGINARY_PART, params, "real slots");
    names(ACCEPTS_ANY_SCHEDULE, params, "schedule");
    names(MISSING_KEY_UNREPORTED, params, "missing keys");
    names(READS_TRUNCATED, params, "bytes of ciphertexts");
    names(READS_ANY_SECRET, params, "bytes of the secret key");
    names(TAKES_FOREIGN_KEYS, params, "foreign parameters");
}

#[test]
fn false_promises_are_named() {
    let params = parameters();
    names(PROFILE_PROMISES_EXACT, params, "profile");
    names(SIGMOID_APPROXIMATED, params.with_exact(true), "exact");
    names(CONJUGATE_DOES_NOTHING, params.with_complex(true), "complex");
}

#[test]
fn wrong_refreshes_are_named() {
    let params = parameters();
    suite(REFRESHES, params).run().unwrap_or_else(|violation| panic!("{violation}"));
    let defects = [
        REFRESH_LANDS_TOO_LOW,
        REFRESH_SWAPS,
        REFRESH_FORGETS_SECOND,
        REFRESH_GOES_TOO_HIGH,
        REFRESH_IS_COARSE,
    ];
    for defect in defects {
        names(defect, params, "refresh");
    }
}

#[test]
fn only_random_programs_find_some() {
    let params = parameters();
    names(KEYGEN_FORGETS_A_ROTATION, params, "keys from a symbolic run");
    for defect in [WRONG_WITH_FEW_KEYS, LINEAR_WRONG_WITH_FEW_KEYS, POLYNOMIAL_WRONG_WITH_FEW_KEYS] {
        names(defect, params, "random programs");
    }
}

#[test]
fn a_failing_program_is_cut_to_what_fails() {
    let violation = suite(WRONG_WITH_FEW_KEYS, parameters()).run().unwrap_err();
    let operations = violation.case.matches(" = ").count();
    assert!(operations < 20 && violation.case.contains("AddScalar"), "{violation}");
}
