//! The MORE scheme (n x n matrices over the reals) for henna: no security, and the attacks that show it.

mod kernel;
mod product;
