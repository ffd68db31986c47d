//! What can go wrong in this crate, with the numbers that say why.

use crate::pack::Packing;

/// `Ok` or this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a network's definition and its result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node cannot take the shapes that its inputs have.
    #[error("{node} ({layer}): expected {expected}, got {got:?}")]
    NodeShape {
        /// Name of the node.
        node: String,
        /// Kind of its layer, as in `Conv2d`.
        layer: &'static str,
        /// What the layer takes, in words.
        expected: String,
        /// Shapes of the inputs, without the batch, in order.
        got: Vec<Vec<usize>>,
    },
    /// A layer's own figures contradict each other.
    #[error("{node} ({layer}): {reason}")]
    BadLayer {
        /// Name of the node.
        node: String,
        /// Kind of its layer.
        layer: &'static str,
        /// What is wrong, with the figures.
        reason: String,
    },
    /// An observer ended the work.
    #[error("stopped at {step}, as was asked for")]
    Stopped {
        /// The step that was about to run, or had just run.
        step: String,
    },
    /// A node's name is empty or taken.
    #[error("network {network}: node name {name:?} is {reason}")]
    BadName {
        /// Name of the network.
        network: String,
        /// The name that was refused.
        name: String,
        /// Why: empty, or used by an earlier node.
        reason: &'static str,
    },
    /// A node, an input or an output refers to a node that is not there.
    #[error("network {network}: {wanted} refers to a node that is not in the network ({nodes} nodes so far)")]
    UnknownNode {
        /// Name of the network.
        network: String,
        /// Who refers to it, or the name that was looked for.
        wanted: String,
        /// Number of nodes there are.
        nodes: usize,
    },
    /// An ONNX file holds something that has no counterpart here.
    #[error("ONNX: {node}: {reason}")]
    Onnx {
        /// Name and operator of the node, or the file.
        node: String,
        /// What it is, and what could stand in its place.
        reason: String,
    },
    /// A minimax polynomial was not found.
    #[error("minimax polynomial of degree {degree} on {interval:?}: {reason}")]
    Approximation {
        /// Degree that was asked for.
        degree: usize,
        /// Where it was to be near the function.
        interval: [f64; 2],
        /// What went wrong.
        reason: String,
    },
    /// A tensor was made from data that does not fill its shape.
    #[error("a tensor of shape {shape:?} holds {expected} values, got {got}")]
    TensorData {
        /// Shape that was asked for.
        shape: Vec<usize>,
        /// Number of values of that shape.
        expected: usize,
        /// Number of values given.
        got: usize,
    },
    /// A batch of inputs has the wrong shape.
    #[error("network {network}: expected inputs of shape [batch, {expected:?}], got {got:?}")]
    InputShape {
        /// Name of the network.
        network: String,
        /// Shape of one input, without the batch.
        expected: Vec<usize>,
        /// Shape of the tensor that came.
        got: Vec<usize>,
    },
    /// Targets of training do not fit the network's outputs or the inputs.
    #[error("targets: expected {expected}, got {got:?}")]
    TargetShape {
        /// What fits, in words.
        expected: String,
        /// Shape of the tensor that came.
        got: Vec<usize>,
    },
    /// A tensor holds NaN or an infinity.
    #[error("{tensor}: value {index} is {value}, expected finite numbers")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
        /// Index of the first such value, in memory order.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The network has a parameter for which there is no tensor.
    #[error("weights of {network}: {tensor} of shape {expected:?} is missing")]
    MissingTensor {
        /// Name of the network.
        network: String,
        /// Name of the tensor, as in `conv1.weight`.
        tensor: String,
        /// Shape that the network expects.
        expected: Vec<usize>,
    },
    /// There is a tensor that the network does not know.
    #[error("weights of {network}: {tensor} of shape {got:?} is no parameter of this network")]
    UnexpectedTensor {
        /// Name of the network.
        network: String,
        /// Name of the tensor.
        tensor: String,
        /// Its shape.
        got: Vec<usize>,
    },
    /// A parameter's tensor has the wrong shape.
    #[error("weights of {network}: {tensor} has shape {got:?}, expected {expected:?}")]
    TensorShape {
        /// Name of the network.
        network: String,
        /// Name of the tensor.
        tensor: String,
        /// Shape that the network expects.
        expected: Vec<usize>,
        /// Shape that came.
        got: Vec<usize>,
    },
    /// The contract between networks and schemes refused something.
    #[error(transparent)]
    Scheme(#[from] he_traits::Error),
    /// A step of a program was refused by the scheme.
    #[error("{step}: {source}")]
    Step {
        /// Name of the step: its layers, joined by `+`.
        step: String,
        /// What the scheme said.
        source: he_traits::Error,
    },
    /// A program needs more levels than the scheme has.
    #[error(
        "{step} needs {needs} levels, {left} left: the network needs {depth} levels, {backend} has {top} at these parameters; \
         take larger parameters, polynomials of lower degree, or a backend without levels"
    )]
    Levels {
        /// Name of the first step that does not fit.
        step: String,
        /// Levels that it consumes.
        needs: u32,
        /// Levels that are left for it.
        left: u32,
        /// Levels that the whole program needs.
        depth: u32,
        /// Levels of a fresh ciphertext.
        top: u32,
        /// Name of the backend.
        backend: String,
    },
    /// No parameters of a scheme are deep enough for a network.
    #[error(transparent)]
    TooDeep(#[from] Box<TooDeep>),
    /// What a scheme carries beside values becomes so large that nothing is left of the results.
    #[error(
        "{backend} does not carry {network}: beside each value a ciphertext holds a random number, on which the network acts too and of which it makes {} the \
         size of its outputs; a double keeps 16 digits, so that they drown in rounding errors. A lattice scheme carries it", times(*growth)
    )]
    Drowned {
        /// Name of the network.
        network: String,
        /// Name of the backend.
        backend: String,
        /// How much larger than the root mean square of the outputs.
        growth: f64,
    },
    /// A network or a scheme does not take a packing.
    #[error("{backend} cannot run the network in the packing {packing}: {reason}")]
    Packing {
        /// The packing.
        packing: Packing,
        /// Name of the backend.
        backend: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// More samples than share ciphertexts.
    #[error(
        "ciphertexts of this program hold {most} samples together, {got} came; hand over {most} at a time"
    )]
    TooManySamples {
        /// Samples that fit.
        most: usize,
        /// Samples that came.
        got: usize,
    },
    /// Results that are not those of as many samples.
    #[error("{samples} samples have {expected} groups of results, {got} came")]
    Groups {
        /// Samples.
        samples: usize,
        /// Groups that share ciphertexts.
        expected: usize,
        /// Groups that came.
        got: usize,
    },
    /// A program refreshes values, and the evaluator cannot.
    #[error(
        "the program sends values to the owner of the key {rounds} times, to be decrypted and encrypted anew, and this evaluator of \
         {backend} has no way there; run it behind RoundTrip, or compile without round trips"
    )]
    NoRefresh {
        /// Name of the backend.
        backend: String,
        /// Refreshes in the program.
        rounds: usize,
    },
    /// A program was made for other ciphertexts than the evaluator's.
    #[error(
        "the program was compiled for {expected} slots, the evaluator has {got}; compile it for these parameters"
    )]
    Slots {
        /// Slots that the program was made for.
        expected: usize,
        /// Slots of the evaluator.
        got: usize,
    },
    /// Weights that are to be encrypted lead to other steps than generic weights would.
    #[error(
        "{network} cannot hide its weights: they give {step} {what} than the layers alone would, as zeros or equal factors do; \
         replace them by small random numbers"
    )]
    Pattern {
        /// Name of the network.
        network: String,
        /// Name of the first step that differs.
        step: String,
        /// In what.
        what: String,
    },
    /// Decrypted blocks do not fit the layout of the result.
    #[error("a result of {expected} blocks of {slots} slots was expected, got blocks of {got:?} slots")]
    Blocks {
        /// Number of blocks.
        expected: usize,
        /// Slots of each.
        slots: usize,
        /// Lengths of the blocks that came.
        got: Vec<usize>,
    },
    /// A sample has not as many ciphertexts as the input's layout.
    #[error("sample {sample} has {got} ciphertexts, the program's input takes {expected}")]
    Samples {
        /// Index of the sample.
        sample: usize,
        /// Ciphertexts of one sample.
        expected: usize,
        /// Ciphertexts that came.
        got: usize,
    },
    /// A layer cannot be trained.
    #[error("{node} ({layer}): {reason}")]
    NotTrainable {
        /// Name of the node.
        node: String,
        /// Kind of its layer.
        layer: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// A figure of a training configuration is out of range.
    #[error("training: {what} is {got}, expected {expected}")]
    BadConfig {
        /// Name of the figure.
        what: &'static str,
        /// Its value.
        got: f64,
        /// The values that work, in words.
        expected: &'static str,
    },
    /// Training left the range of numbers.
    #[error("training diverged in epoch {epoch}: the loss is {loss}; lower the learning rate")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Mean loss of that epoch.
        loss: f64,
    },
}

impl Error {
    /// For a scheme to which packings make no difference: it takes the default one alone.
    pub(crate) fn only_one_packing(packing: Packing, backend: &str) -> Error {
        let reason = "it computes maps entry by entry and pays nothing for moving values, so that only one packing makes sense";
        Error::Packing { packing, backend: backend.to_owned(), reason: reason.to_owned() }
    }
}

/// No parameters of a scheme are deep enough for a network.
#[derive(Debug, thiserror::Error)]
#[error(
    "{step} needs {needs} levels, {left} left: {network} needs {depth} levels, and {backend} has secure parameters for {most} at most \
     ({reason}); take a backend without levels, a network or polynomials of less depth, or round trips: the owner of the key then \
     decrypts and encrypts anew, {rounds} times at least"
)]
pub struct TooDeep {
    /// Name of the first step that does not fit.
    pub step: String,
    /// Levels that it consumes.
    pub needs: u32,
    /// Levels that are left for it.
    pub left: u32,
    /// Name of the network.
    pub network: String,
    /// Levels that the whole network needs.
    pub depth: u32,
    /// Levels of the deepest parameters for these slots and this precision.
    pub most: u32,
    /// Name of the backend.
    pub backend: String,
    /// Round trips to the key's owner that would make it fit.
    pub rounds: u32,
    /// What the scheme says of the depth that is needed.
    pub reason: String,
}

fn times(growth: f64) -> String {
    if growth.is_finite() { format!("up to {growth:.0e} times") } else { "more than 1e308 times".to_owned() }
}
