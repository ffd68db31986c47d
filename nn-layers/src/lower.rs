//! What a layer is under encryption: a linear map with a bias, or a function of every value by itself.
//!
//! Layers state their maps between *elements* of tensors (numbered as they lie in memory, the last dimension fastest);
//! where an element lies in a ciphertext is the business of [`pack`](crate::pack) alone.

mod compose;
mod dense;
mod operator;
mod products;
mod quadratic;
mod spread;
mod transposed_window_map;
mod view;
mod window_map;

pub use dense::DenseMap;
pub use operator::Operator;
pub use products::ProductsMap;
pub use quadratic::Quadratic;
pub use spread::{RegionMap, RepeatMap, UpsampleMap};
pub use transposed_window_map::TransposedWindowMap;
pub use window_map::WindowMap;

use crate::layers::{Activation, Chebyshev};

/// The encrypted form of a layer, between elements of tensors.
#[derive(Debug, Clone)]
pub enum Lowered {
    /// The network's input: nothing to compute.
    Input,
    /// `sum of maps[k] x_k + bias`, with one map for each input.
    Affine {
        /// One map an input, in order.
        maps: Vec<Operator>,
        /// One number an output element; `None` for zeros.
        bias: Option<Vec<f64>>,
    },
    /// A function of every value by itself.
    Pointwise(Activation),
    /// A polynomial of the network's own, of every value by itself.
    Polynomial(Chebyshev),
    /// A polynomial of degree 2 of every value by itself.
    Quadratic(Quadratic),
    /// `(maps[0] x_0) · (maps[1] x_1)`, element by element.
    Product([Operator; 2]),
}

impl Lowered {
    /// A single map with a bias.
    pub fn affine(map: Operator, bias: Option<Vec<f64>>) -> Lowered {
        Lowered::Affine { maps: vec![map], bias }
    }
}
