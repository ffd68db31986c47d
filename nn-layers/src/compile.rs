//! From a network to parameters and a program, for one scheme.

mod companions;
mod composition;
mod precision;
mod rounds;

use he_traits::{LinearStyle, Profile, Requirements, Scheme};
use serde::{Deserialize, Serialize};

use self::composition::Fastest;
use self::precision::Bits;
use crate::approx::{self, Calibration, Degree, Functions, Nonlinear, Search};
use crate::error::{Error, Result, TooDeep};
use crate::fold::{Folded, FoldedKind};
use crate::graph::{Network, Node};
use crate::layers::{Activation, Layer};
use crate::pack::{Packing, dense_slots};
use crate::plan::Plan;
use crate::program::{Packed, Program, Weighed};
use crate::tensor::{Tensor, numel};
use crate::weights::Weights;

/// What a compilation may choose, and how well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// How the degrees of activations' polynomials are chosen.
    pub degree: Degree,
    /// Whether lower degrees are tried when a scheme has no parameters that are deep enough. Every program records the
    /// degrees and errors that it got.
    pub lower_degrees: bool,
    /// Share of its width by which a calibrated range is widened at both ends: inputs that were not among the calibration
    /// data leave it by less, and a polynomial explodes outside.
    pub margin: f64,
    /// Bits of absolute precision that parameters are to give to values near 1.
    pub precision_bits: u32,
    /// Bits of it that they must give where nothing bends more than a square: so many fewer are taken where they make key switching much cheaper, or are all that
    /// fits the depth. A polynomial of degree 4 keeps one more, of degree 31 four.
    #[serde(default = "least_precision_bits")]
    pub least_precision_bits: u32,
    /// How many times larger than anything seen in calibration a value may become.
    pub headroom: f64,
    /// Whether values may go to the owner of the key on the way, to be decrypted and encrypted anew: any depth then fits, and smaller
    /// parameters serve. The owner must be there while the network runs, and learns the values that are sent; see
    /// [`RoundTrip`](he_traits::decorators::RoundTrip). Of no effect for schemes without levels.
    #[serde(default)]
    pub round_trips: bool,
    /// How values lie in ciphertexts.
    #[serde(default)]
    pub packing: Packing,
}

/// Deep networks still reach errors of a few 1e-5 of the outputs' root mean square.
fn least_precision_bits() -> u32 {
    16
}

impl Default for Options {
    /// Outputs within 2 % of the original ones at degree 63 at most, lower degrees where parameters end, a margin of a tenth,
    /// 20 bits or 16 at least, twice the values seen, no round trips, multiplexed.
    fn default() -> Options {
        Options {
            degree: Degree::Output { error: 2e-2, most: 63 },
            lower_degrees: true,
            margin: 0.1,
            precision_bits: 20,
            least_precision_bits: least_precision_bits(),
            headroom: 2.0,
            round_trips: false,
            packing: Packing::Multiplexed,
        }
    }
}

/// Slots below which a ring is not made smaller than the input: there, more ciphertexts cost more than a larger ring.
const LEAST_SLOTS: usize = 1 << 12;

/// A network compiled for a scheme.
#[derive(Debug, Clone)]
pub struct Compiled<S: Scheme> {
    /// Parameters that are just large enough.
    pub params: S::Params,
    /// Their description.
    pub profile: Profile,
    /// What to compute.
    pub program: Program,
}

/// Compiles `network` for the scheme `S`: ranges and polynomials from `calibration` inputs, folding, parameters, packing and
/// levels. Slots, depth and parameters depend on each other, so this iterates until they agree.
///
/// # Shapes
/// `calibration` is `[N, ..]` with the network's input shape; a few hundred inputs like those to come.
///
/// # Errors
/// Those of the network, the weights and the calibration inputs; [`Error::TooDeep`] when the scheme has no secure parameters of that depth,
/// with the step at which levels end, and [`Error::Scheme`] when it has none for another reason; [`Error::Levels`] naming the step for which no level is left.
pub fn compile<S: Scheme>(
    network: &Network,
    weights: &Weights,
    calibration: &Tensor,
    options: &Options,
) -> Result<Compiled<S>> {
    let source = Source::new(network, weights, calibration, options)?;
    let mut degree = options.degree;
    loop {
        match source.compile::<S>(degree) {
            Err(error @ (Error::Scheme(he_traits::Error::Parameters { .. }) | Error::TooDeep(_))) => {
                degree = source.lower(degree).ok_or(error)?;
            }
            done => return done,
        }
    }
}

/// Compiles `network` for a scheme at given parameters.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(
    network: &Network,
    weights: &Weights,
    calibration: &Tensor,
    options: &Options,
    profile: &Profile,
) -> Result<Program> {
    Source::new(network, weights, calibration, options)?.compile_for(profile)
}

/// As [`compile_for`], for weights that the server does not see: no choice depends on which of them are zero.
///
/// # Errors
/// As [`compile_for`].
pub(crate) fn compile_hidden(
    network: &Network,
    weights: &Weights,
    calibration: &Tensor,
    options: &Options,
    profile: &Profile,
) -> Result<Program> {
    let source = Source::new(network, weights, calibration, options)?;
    Source { hidden: true, ..source }.compile_for(profile)
}

/// The next lower degree that saves a level, `None` below 3.
fn lower(degree: Degree) -> Option<Degree> {
    match degree {
        Degree::Fixed(_) => None,
        Degree::Error { error, most } => fewer(most).map(|most| Degree::Error { error, most }),
        Degree::Output { error, most } => fewer(most).map(|most| Degree::Output { error, most }),
    }
}

fn fewer(most: usize) -> Option<usize> {
    Some((most + 1).next_power_of_two() / 2).filter(|count| *count > 3).map(|count| count - 1)
}

/// A network with its weights and what its calibration showed.
struct Source<'a> {
    network: &'a Network,
    weights: &'a Weights,
    inputs: &'a Tensor,
    calibration: Calibration,
    options: &'a Options,
    /// Whether the weights are to be encrypted, so that the steps must not tell which of them are zero.
    hidden: bool,
}

impl<'a> Source<'a> {
    fn new(
        network: &'a Network,
        weights: &'a Weights,
        inputs: &'a Tensor,
        options: &'a Options,
    ) -> Result<Source<'a>> {
        let calibration = Calibration::new(network, weights, inputs)?;
        Ok(Source { network, weights, inputs, calibration, options, hidden: false })
    }

    fn compile_for(&self, profile: &Profile) -> Result<Program> {
        let mut degree = self.options.degree;
        let profile = &match self.options.round_trips && !profile.top.is_unbounded() {
            true => {
                profile.clone().with_round_trips(self.options.headroom * self.calibration.bound().max(1.0))
            }
            false => profile.clone(),
        };
        loop {
            let functions = self.functions(profile, degree)?;
            let foldings = self.foldings(&functions, profile)?;
            let fastest = self.fastest(&foldings, profile, None);
            match fastest.and_then(|fastest| fastest.packed.program(functions, self.weights, profile)) {
                Err(error @ Error::Levels { .. }) => {
                    degree = self.lower(degree).ok_or(error)?;
                }
                done => return self.finished(done?, profile),
            }
        }
    }

    /// What stands in for each activation.
    fn functions(&self, profile: &Profile, degree: Degree) -> Result<Functions> {
        let search = Search {
            network: self.network,
            weights: self.weights,
            inputs: self.inputs,
            calibration: &self.calibration,
            margin: self.options.margin,
        };
        approx::choose(&search, profile.exact, degree)
    }

    /// The next lower degree to try, where any activation is replaced by a polynomial of a degree that may be chosen.
    fn lower(&self, degree: Degree) -> Option<Degree> {
        let replaced = |node: &Node| matches!(node.layer(), Layer::Activation(activation) if !matches!(activation, Activation::Polynomial(_) | Activation::Square));
        let any = self.options.lower_degrees && self.network.nodes().iter().any(replaced);
        lower(degree).filter(|_| any)
    }

    fn compile<S: Scheme>(&self, degree: Degree) -> Result<Compiled<S>> {
        let mut requirements = Requirements {
            depth: 1,
            slots: 1,
            precision_bits: self.options.precision_bits,
            bound: self.options.headroom * self.calibration.bound().max(1.0),
        };
        let (_, profile) = precision::parameters::<S>(&requirements, Bits::of(self.options))?;
        if self.options.round_trips && !profile.top.is_unbounded() {
            return self.compile_with_round_trips(degree, requirements, &profile);
        }
        let functions = self.functions(&profile, degree)?;
        requirements.bound = requirements.bound.max(self.options.headroom * largest(&functions));
        let bits = Bits::of(self.options).with(&functions);
        let foldings = self.foldings(&functions, &profile)?;
        let mut best: Option<(S::Params, Profile, Fastest<'_>)> = None;
        for (which, folded) in foldings.iter().enumerate() {
            let settled = self.settled::<S>(folded, Weighed::among(&foldings), requirements, bits);
            let (params, profile, packed) = match settled {
                // More levels than there are: what needs fewer is there already.
                Err(_) if best.is_some() => continue,
                settled => settled?,
            };
            let fastest = self.fastest(&foldings, &profile, Some((which, packed)))?;
            if best.as_ref().is_none_or(|(.., best)| fastest.beats(best)) {
                best = Some((params, profile, fastest));
            }
        }
        let Some((params, profile, fastest)) = best else {
            return Err(unsettled(self.network, requirements.depth));
        };
        let program = self.finished(fastest.packed.program(functions, self.weights, &profile)?, &profile)?;
        Ok(Compiled { params, profile, program })
    }

    /// Parameters that are just large enough for one of the foldings, which is packed for them.
    fn settled<'f, S: Scheme>(
        &self,
        folded: &'f Folded,
        weighed: Weighed,
        mut requirements: Requirements,
        bits: Bits,
    ) -> Result<(S::Params, Profile, Packed<'f>)> {
        /// Depth and slots only ever grow; a few rounds settle them.
        const ROUNDS: usize = 8;
        let parameters = |requirements: &Requirements| {
            precision::parameters::<S>(requirements, bits)
                .map_err(|error| self.too_deep::<S>(requirements, bits.least, folded, error))
        };
        requirements.depth = requirements.depth.max(Plan::new(folded, None)?.depth());
        let (_, mut profile) = parameters(&requirements)?;
        for _ in 0..ROUNDS {
            requirements.slots = slots(folded, &profile, self.options.packing);
            if profile.linear == LinearStyle::Diagonals && requirements.slots > LEAST_SLOTS {
                // Values may fill several ciphertexts: a ring larger than the depth demands serves nothing.
                let deep_enough = Requirements { slots: LEAST_SLOTS, ..requirements };
                requirements.slots = requirements.slots.min(parameters(&deep_enough)?.1.slots);
            }
            let params;
            (params, profile) = parameters(&requirements)?;
            let packed = self.packed(folded, &profile, weighed)?;
            match packed.plan(&profile)?.input_level(packed.folded(), &profile) {
                Err(Error::Levels { depth, top, .. }) if depth > top => requirements.depth = depth,
                level => return level.map(|_| (params, profile, packed)),
            }
        }
        Err(unsettled(self.network, requirements.depth))
    }

    /// Why no parameters meet `requirements`: the first step beyond the deepest parameters there are, where depth is the reason.
    fn too_deep<S: Scheme>(
        &self,
        requirements: &Requirements,
        precision_bits: u32,
        folded: &Folded,
        error: he_traits::Error,
    ) -> Error {
        let fits = |depth: &u32| {
            S::parameters(&Requirements { depth: *depth, precision_bits, ..*requirements }).is_ok()
        };
        let most = (1..requirements.depth).rev().find(fits);
        let plan = Plan::new(folded, None).ok();
        let late = most.zip(plan.as_ref()).and_then(|(most, plan)| plan.first_beyond(folded, most));
        match (most, late) {
            (Some(most), Some((step, needs, left))) => Error::from(Box::new(TooDeep {
                step: step.to_owned(),
                needs,
                left,
                network: self.network.name().to_owned(),
                depth: requirements.depth,
                most,
                backend: S::NAME.to_owned(),
                rounds: requirements.depth.saturating_sub(1) / most,
                reason: error.to_string(),
            })),
            _ => Error::Scheme(error),
        }
    }

    /// Adds to the records how often calibration inputs leave the intervals, and refuses what a scheme cannot carry.
    fn finished(&self, mut program: Program, profile: &Profile) -> Result<Program> {
        if !self.hidden {
            companions::check(&program, self.inputs, profile)?;
        }
        let counts = approx::count_outside(&program.network, self.weights, self.inputs)?;
        for record in &mut program.activations {
            if let Some(node) = self.network.find(&record.node)
                && let Some((outside, of)) = counts.get(&node.id())
            {
                (record.outside, record.looked_at) = (*outside, *of);
            }
        }
        Ok(program)
    }
}

fn unsettled(network: &Network, depth: u32) -> Error {
    let name = network.name();
    Error::Scheme(he_traits::Error::parameters(format!(
        "depth and slots of {name} did not settle (depth {depth})"
    )))
}

/// Largest value of a polynomial on its interval, as its coefficients bound it.
fn largest(functions: &Functions) -> f64 {
    let bound = |function: &Nonlinear| match function {
        Nonlinear::Polynomial(p) => p.coefficients.iter().map(|c| c.abs()).sum(),
        _ => 0.0,
    };
    functions.by_node.values().map(bound).fold(0.0, f64::max)
}

/// Slots that the values of a folded network want.
fn slots(folded: &Folded, profile: &Profile, packing: Packing) -> usize {
    if packing == Packing::Batched {
        return 1;
    }
    let affine = folded.steps.iter().filter(|step| matches!(step.kind, FoldedKind::Affine { .. }));
    let counts: Vec<usize> =
        std::iter::once(numel(&folded.input)).chain(affine.map(|step| numel(&step.shape))).collect();
    match profile.linear {
        LinearStyle::Matrix => dense_slots(&counts),
        // A ciphertext that holds the input is the most that is of use.
        LinearStyle::Diagonals => numel(&folded.input).next_power_of_two(),
    }
}
