//! Fitted polynomials keep what they promise.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use common::{free, random, strict, weights_of};
use he_traits::Function;
use nn_layers::approx::{self, Calibration, Range, Search, fit, fit_weighted, largest_error};
use nn_layers::{Activation, Degree, Linear, Network, Options, Replacement, clear, compile_for};

#[test]
fn errors_fall_as_the_nearest_pole_says() {
    // On [-R, R] the error of degree d falls like rho^-d with rho = p/R + sqrt(1 + (p/R)^2), where i p is the nearest pole.
    for (function, pole) in
        [(Function::Sigmoid, std::f64::consts::PI), (Function::Tanh, std::f64::consts::FRAC_PI_2)]
    {
        for radius in [2.0, 5.0, 9.0] {
            let rho: f64 = pole / radius + (1.0 + (pole / radius).powi(2)).sqrt();
            for degree in [3i32, 7, 15, 31] {
                let polynomial = fit(|x| function.at(x), [-radius, radius], degree as usize);
                let error = largest_error(|x| function.at(x), &polynomial);
                let bound = 8.0 * rho.powi(-degree) / (rho - 1.0);
                assert!(
                    error <= bound.min(1.0) + 1e-14,
                    "{function:?} on {radius}, degree {degree}: {error} above {bound}"
                );
            }
        }
    }
}

#[test]
fn polynomials_are_reproduced() {
    let cubic = |x: f64| 1.0 - 2.0 * x + 0.5 * x * x * x;
    let polynomial = fit(cubic, [-3.0, 7.0], 3);
    assert!(largest_error(cubic, &polynomial) < 1e-12);
}

fn one_activation() -> Network {
    let mut n = Network::builder("one", &[4]);
    n.layer("fc1", Linear::new(4, 6));
    n.layer("act", Activation::Tanh);
    n.layer("fc2", Linear::new(6, 2));
    n.build().unwrap()
}

#[test]
fn the_smallest_degree_that_is_good_enough_is_taken() {
    let network = one_activation();
    let weights = weights_of(&network, 1);
    let inputs = random(&[200, 4], 2);
    let calibration = Calibration::new(&network, &weights, &inputs).unwrap();
    let search = Search {
        network: &network,
        weights: &weights,
        inputs: &inputs,
        calibration: &calibration,
        margin: 0.1,
    };
    let mut last = 0;
    for error in [3e-1, 1e-2, 1e-4, 1e-8] {
        let degree = Degree::Error { error, most: 63 };
        let functions = approx::choose(&search, false, degree).unwrap();
        let Replacement::Polynomial { degree, interval, error: reached } = functions.records[0].replacement
        else {
            panic!("{:?}", functions.records[0]);
        };
        assert!(reached <= error && degree >= last && (degree + 1).is_power_of_two(), "{degree}: {reached}");
        let [low, high] = functions.records[0].range;
        assert!(interval[0] < low && interval[1] > high);
        last = degree;
    }
    let functions = approx::choose(&search, true, Degree::Fixed(3)).unwrap();
    assert_eq!(functions.records[0].replacement, Replacement::Exact);
}

#[test]
fn records_say_how_often_inputs_leave_the_range() {
    let network = one_activation();
    let weights = weights_of(&network, 1);
    let inputs = random(&[50, 4], 2);
    let (_, profile) = strict(64, 20);
    let inside = Options::default();
    let program = compile_for(&network, &weights, &inputs, &inside, &profile).unwrap();
    assert_eq!((program.activations()[0].outside, program.activations()[0].looked_at), (0, 300));
    // A range that is narrower than the data.
    let narrow = Options { margin: -0.2, ..Options::default() };
    let program = compile_for(&network, &weights, &inputs, &narrow, &profile).unwrap();
    assert!(program.activations()[0].outside > 0);
    let (_, profile) = free(64);
    let program = compile_for(&network, &weights, &inputs, &inside, &profile).unwrap();
    assert_eq!(program.activations()[0].replacement, Replacement::Exact);
}

#[test]
fn a_weighted_fit_is_better_where_arguments_lie() {
    let (range, interval) = (Range { low: -10.0, high: 10.0 }, [-12.0, 12.0]);
    let density: Vec<u64> =
        (0..1000).map(|bin| (1e6 * (-(f64::from(bin) / 50.0 - 10.0).powi(2)).exp()) as u64).collect();
    let sigmoid = |x| Function::Sigmoid.at(x);
    let mean_square = |p: &nn_layers::Chebyshev| {
        let total: u64 = density.iter().sum();
        let at = |bin: usize| -10.0 + (bin as f64 + 0.5) * 0.02;
        let sum: f64 = density
            .iter()
            .enumerate()
            .map(|(bin, n)| *n as f64 * (p.value(at(bin)) - sigmoid(at(bin))).powi(2))
            .sum();
        sum / total as f64
    };
    for degree in [3, 7, 15] {
        let (plain, weighted) =
            (fit(sigmoid, interval, degree), fit_weighted(sigmoid, interval, degree, range, &density));
        assert!(mean_square(&weighted) < 0.3 * mean_square(&plain), "degree {degree}");
        assert!(
            largest_error(sigmoid, &weighted) < 1.0,
            "degree {degree}: it stays near the function everywhere"
        );
    }
    // All of a function that is a polynomial.
    let cubic = |x: f64| 1.0 - x + x * x * x / 9.0;
    assert!(largest_error(cubic, &fit_weighted(cubic, interval, 5, range, &density)) < 1e-9);
}

#[test]
fn degrees_are_no_higher_than_the_outputs_need() {
    let network = one_activation();
    let weights = weights_of(&network, 1);
    let inputs = random(&[200, 4], 2);
    let original = clear::run(&network, &weights, &inputs).unwrap();
    let (_, profile) = strict(64, 20);
    let mut last = 0;
    for error in [1e-1, 1e-3, 1e-6] {
        let options = Options { degree: Degree::Output { error, most: 63 }, ..Options::default() };
        let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
        let got = program.clear(&inputs).unwrap();
        let change = norm(&mut got.data().iter().zip(original.data()).map(|(a, b)| a - b));
        assert!(change <= error * norm(&mut original.data().iter().copied()));
        let Replacement::Polynomial { degree, .. } = program.activations()[0].replacement else {
            unreachable!()
        };
        assert!(degree >= last && (degree + 1).is_power_of_two());
        last = degree;
    }
    assert!(last > 3);
}
