//! The laws of the contract, on a toy ring and on a secure one of real size.

use backend_seal::{Params, Seal};
use he_traits::conformance::{Options, Suite};

#[test]
fn a_toy_ring_keeps_the_laws() {
    let params = Params::insecure_for_tests(1024, 6, 40).unwrap();
    let foreign = Params::insecure_for_tests(1024, 5, 40).unwrap();
    let report =
        Suite::<Seal>::new(params).foreign(foreign).seed(1).run().unwrap_or_else(|law| panic!("{law}"));
    println!("{report}");
}

#[test]
fn a_secure_ring_of_sixteen_thousand_keeps_the_laws() {
    let params = Params::new(16384, 5, 40).unwrap();
    let options =
        Options { levels: 3, degrees: vec![3, 7], programs: 1, program_length: 20, ..Options::default() };
    let report = Suite::<Seal>::new(params).options(options).run().unwrap_or_else(|law| panic!("{law}"));
    println!("{report}");
}
