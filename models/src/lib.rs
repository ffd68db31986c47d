//! The networks of the papers that henna reproduces: definitions, data, weights, metrics.
