//! Layers to measure sparse products with: a backend may take a convolution otherwise than any other matrix.

use std::sync::Arc;

use he_traits::{Function, LinearMap, Profile};

use super::maps::number;
use crate::compile::{Options, compile_for};
use crate::error::{Error, Result};
use crate::layers::{Activation, Conv2d, Layer, Linear};
use crate::program::{Program, StepKind, Term};
use crate::{Network, Tensor, Weights};

/// Channels of the images, where ciphertexts have slots for them.
const CHANNELS: usize = 8;

/// A layer, and what it takes.
pub(super) struct Probe {
    /// The layer by itself.
    pub(super) program: Program,
    pub(super) map: Arc<LinearMap>,
    pub(super) function: Option<Function>,
    /// Entries, passes over a ciphertext, slots through a function.
    pub(super) operations: [f64; 3],
}

impl Probe {
    /// Whether it has about as many entries as slots: what goes with values rather than with products shows best.
    pub(super) fn is_narrow(&self) -> bool {
        self.map.shape().0 < self.map.shape().1
            || self.map.entries() as usize <= CHANNELS * self.map.shape().1
    }
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
    let (wide, narrow): (Layer, Layer) = match side {
        0..4 => (Linear::new(n, n).into(), Linear::new(n, 1).into()),
        _ => (conv(3).into(), conv(1).into()),
    };
    let mut probes = Vec::new();
    for layer in [&wide, &narrow] {
        probes.push(build(&|network| _ = network.layer("map", layer.clone()))?);
    }
    if profile.exact {
        probes.push(build(&|network| {
            network.layer("map", wide.clone());
            network.layer("function", Activation::Sigmoid);
        })?);
    }
    Ok(probes)
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
    let operations = [counts.entries as f64, passes, counts.exact_slots as f64];
    Ok(Probe { map: map.clone(), function: *function, operations, program })
}
