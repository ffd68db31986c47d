//! The clear result that encrypted runs are held against.

use super::Program;
use crate::clear;
use crate::error::Result;
use crate::tensor::Tensor;

impl Program {
    /// The same polynomial network on a batch in the clear: what an encrypted run must agree with.
    ///
    /// # Shapes
    /// `inputs` is `[N, ..]` with the network's input shape; the result is `[N, ..]` with its output shape.
    ///
    /// # Errors
    /// As [`clear::run`].
    pub fn clear(&self, inputs: &Tensor) -> Result<Tensor> {
        clear::run(&self.network, &self.weights, inputs)
    }
}
