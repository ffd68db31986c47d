//! Native CKKS keeps every law of the contract, in toy rings and in a real one.
#![cfg(feature = "client")]

use backend_ckks::{Ckks, Parameters};
use he_traits::conformance::{Options, Suite};

#[test]
fn toy_ring() {
    let params = Parameters::insecure_for_tests(1024, 5, 40).unwrap();
    let foreign = Parameters::insecure_for_tests(1024, 4, 40).unwrap();
    let report = Suite::<Ckks>::new(params).foreign(foreign).seed(1).run();
    println!("{}", report.unwrap_or_else(|violation| panic!("{violation}")));
}

#[test]
fn real_ring() {
    let params = Parameters::secure(1 << 14, 7, 40).unwrap();
    let options = Options { levels: 3, programs: 2, degrees: vec![2, 3, 7], ..Options::default() };
    let report = Suite::<Ckks>::new(params).options(options).run();
    println!("{}", report.unwrap_or_else(|violation| panic!("{violation}")));
}
