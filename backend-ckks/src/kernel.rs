//! The inner loops: transforms, products and base conversion on single limbs.

mod portable;

pub(crate) use portable::{
    add, convert, forward, inverse, multiply, overflow, permute, scale, subtract, subtract_and_scale,
};
