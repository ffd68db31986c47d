//! Weights from safetensors files, for a network whose every tensor is small.
#![no_main]

use std::sync::LazyLock;

use models::StoredWeights;
use nn_layers::{BatchNorm, Conv2d, Flatten, Linear, Network};

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let mut n = Network::builder("n", &[1, 4, 4]);
    n.layer("c", Conv2d::new(1, 1, 3));
    n.layer("b", BatchNorm::new(1));
    n.layer("f", Flatten);
    n.layer("l", Linear::new(4, 2));
    n.build().expect("a network")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok(stored) = StoredWeights::parse(input, &NETWORK) {
        stored.weights.check(&NETWORK).expect("weights that fit");
        let bytes = stored.to_bytes(&NETWORK).expect("bytes");
        StoredWeights::parse(&bytes, &NETWORK).expect("what was written");
    }
});
