//! henna's tests across backends, and the benchmarks that compare them.
