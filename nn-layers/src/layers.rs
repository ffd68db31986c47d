//! The layers: one file each, with its figures, its shape rule, its parameters and its clear computation.
//!
//! A new layer is a file that implements [`Operation`] and one line in the list of [`Layer`] below.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv2d;
mod conv_transpose2d;
mod dropout;
mod flatten;
mod input;
mod learned_cubic;
mod learned_polynomial;
mod linear;
mod mul;
mod reshape;
mod squeeze_excitation;
mod upsample;
pub(crate) mod window;

pub use activation::{Activation, Chebyshev};
pub use adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub(crate) use adaptive_avg_pool2d::region;
pub use add::Add;
pub use avg_pool2d::AvgPool2d;
pub use batch_norm::BatchNorm;
pub use concat::Concat;
pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use input::Input;
pub use learned_cubic::LearnedCubic;
pub use learned_polynomial::LearnedPolynomial;
pub use linear::Linear;
pub use mul::Mul;
pub use reshape::Reshape;
pub use squeeze_excitation::SqueezeExcitation;
pub use upsample::Upsample;

use crate::clear::Job;
use crate::lower::Lowered;
use crate::tensor::Tensor;

/// A parameter of a layer: its name within the node and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name within the node, as in `weight`.
    pub name: &'static str,
    /// Shape, as PyTorch has it.
    pub shape: Vec<usize>,
}

impl Parameter {
    /// Whether training measures it on the data and takes no gradient (a buffer, in PyTorch's words).
    pub fn is_buffer(&self) -> bool {
        self.name.starts_with("running_")
    }
}

/// Why a layer makes no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The inputs do not fit; in words, what would.
    Inputs(String),
    /// The layer's own figures are wrong; in words, how.
    Figures(String),
}

/// What every layer says of itself. Shapes are those of one image, without the batch.
pub trait Operation {
    /// Kind of the layer, PyTorch's name where there is one.
    fn kind(&self) -> &'static str;

    /// Shape of the output.
    ///
    /// # Errors
    /// A [`Refusal`] that says what the layer takes.
    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, Refusal>;

    /// Parameters in a fixed order; none by default.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// Whether [`Operation::clear`] works in place: it then finds its first input in the output. No by default.
    fn in_place(&self) -> bool {
        false
    }

    /// Computes the output of `job.images` images into `out`, in the clear: the layer's specification. Shapes and
    /// weights were checked before.
    fn clear(&self, job: &mut Job<'_>, out: &mut [f64]);

    /// The layer under encryption: a linear map between elements, or a function of each. Shapes and weights were checked
    /// before; `parameters` are in the order of [`Operation::parameters`].
    fn lower(&self, inputs: &[&[usize]], output: &[usize], parameters: &[&Tensor]) -> Lowered;
}

macro_rules! layers {
    ($($(#[doc = $doc:literal])* $layer:ident),* $(,)?) => {
        /// One of the layers that a network is made of.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Layer {
            $($(#[doc = $doc])* $layer($layer),)*
        }

        $(impl From<$layer> for Layer {
            fn from(layer: $layer) -> Layer {
                Layer::$layer(layer)
            }
        })*

        impl std::ops::Deref for Layer {
            type Target = dyn Operation;

            fn deref(&self) -> &(dyn Operation + 'static) {
                match self {
                    $(Layer::$layer(layer) => layer,)*
                }
            }
        }
    };
}

layers! {
    /// The network's input.
    Input,
    /// Two-dimensional convolution.
    Conv2d,
    /// Fully connected layer.
    Linear,
    /// Two-dimensional mean pooling.
    AvgPool2d,
    /// All dimensions of an image as one.
    Flatten,
    /// A function of every value by itself.
    Activation,
    /// Sum of two values, as in a residual connection.
    Add,
    /// Product of two values, or of an image and one number a channel.
    Mul,
    /// Values behind one another along the channels.
    Concat,
    /// The same values under another shape.
    Reshape,
    /// Nothing, once a network is trained.
    Dropout,
    /// Two-dimensional transposed convolution.
    ConvTranspose2d,
    /// Batch normalisation with the figures of training.
    BatchNorm,
    /// Mean pooling to a given size.
    AdaptiveAvgPool2d,
    /// Nearest-neighbour upsampling.
    Upsample,
    /// A polynomial whose coefficients are trained.
    LearnedPolynomial,
    /// A polynomial of degree 3 whose coefficients are trained.
    LearnedCubic,
}

/// The only input's shape, or the refusal that names what is wanted.
pub(crate) fn one_input<'a>(inputs: &[&'a [usize]], wanted: &str) -> Result<&'a [usize], Refusal> {
    match inputs {
        [shape] => Ok(shape),
        _ => Err(Refusal::Inputs(format!("one input, {wanted}"))),
    }
}

/// An image's shape as an array; all ones where it has other dimensions, which the graph's checks rule out.
pub(crate) fn image_shape(shape: &[usize]) -> [usize; 3] {
    shape.try_into().unwrap_or([1; 3])
}
