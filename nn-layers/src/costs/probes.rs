//! Layers to measure sparse products with: a backend may take a convolution otherwise than any other matrix.

use std::sync::Arc;

use he_traits::{Function, LinearMap, Profile};

use super::maps::number;
use crate::compile::{Options, compile_for};
use crate::error::{Error, Result};
use crate::layers::{Activation, Conv2d, Linear};
use crate::program::{StepKind, Term};
use crate::{Network, Tensor, Weights};

/// Channels of the images, where ciphertexts have slots for them.
const CHANNELS: usize = 8;

/// A layer, and what it takes.
pub(super) struct Probe {
    pub(super) map: Arc<LinearMap>,
    pub(super) function: Option<Function>,
    /// Entries, passes over a ciphertext, slots through a function.
    pub(super) operations: [f64; 3],
}

/// Layers of many and of few entries a slot, and one with a function, on values that fill most slots.
pub(super) fn layers(profile: &Profile) -> Result<Vec<Probe>> {
    let side = (profile.slots / CHANNELS).isqrt();
    let conv = |kernel: usize| Conv2d::new(CHANNELS, CHANNELS, kernel).padding(kernel / 2);
    let build = |layer: &dyn Fn(&mut crate::NetworkBuilder)| -> Result<Probe> {
        let shape = if side >= 4 { vec![CHANNELS, side, side] } else { vec![profile.slots] };
        let mut network = Network::builder("probe", &shape);
        layer(&mut network);
        probe(&network.build()?, profile)
    };
    let n = profile.slots;
    if side < 4 {
        return Ok(vec![
            build(&|network| _ = network.layer("map", Linear::new(n, n)))?,
            build(&|network| _ = network.layer("map", Linear::new(n, 1)))?,
            build(&|network| {
                network.layer("map", Linear::new(n, n));
                network.layer("function", Activation::Sigmoid);
            })?,
        ]);
    }
    Ok(vec![
        build(&|network| _ = network.layer("map", conv(3)))?,
        build(&|network| _ = network.layer("map", conv(1)))?,
        build(&|network| {
            network.layer("map", conv(3));
            network.layer("function", Activation::Sigmoid);
        })?,
    ])
}

/// The one step of a network, with weights that differ from each other.
fn probe(network: &Network, profile: &Profile) -> Result<Probe> {
    let mut weights = Weights::new();
    for (name, shape) in network.parameters() {
        let count = shape.iter().product();
        weights.insert(&name, Tensor::new(&shape, (0..count).map(|at| number(at, 1)).collect())?);
    }
    let input: Vec<usize> = std::iter::once(1).chain(network.input_shape().iter().copied()).collect();
    let calibration = Tensor::new(&input, vec![0.5; input.iter().product()])?;
    let program = compile_for(network, &weights, &calibration, &Options::default(), profile)?;
    let counts = program.symbolic(profile)?.counts;
    let [step] = program.steps() else {
        return Err(Error::Scheme(he_traits::Error::shape("probe", "one step", program.steps().len())));
    };
    let (StepKind::Linear { terms, function, .. }, share) = (&step.kind, |period| profile.share(period))
    else {
        return Err(Error::Scheme(he_traits::Error::shape("probe", "a linear step", "another")));
    };
    let Some(Term::Mapped { map, .. }) = terms.first() else {
        return Err(Error::Scheme(he_traits::Error::shape("probe", "a map", "none")));
    };
    let passes = share(program.input_layout().period()) + share(program.output_layout().period());
    Ok(Probe {
        map: map.clone(),
        function: *function,
        operations: [counts.entries as f64, passes, counts.exact_slots as f64],
    })
}
