//! Figures of Vizitiu et al. 2020 that are not scores: those stand with the models.

/// Runtimes in seconds, as printed: 8 threads of the authors' machine.
pub(super) struct Runtimes {
    pub(super) model: &'static str,
    /// An epoch of training, encrypted and clear.
    pub(super) epoch: [f64; 2],
    /// Inference, encrypted and clear.
    pub(super) inference: [f64; 2],
    /// Images of it, where the paper says how many.
    pub(super) images: Option<usize>,
    /// Encryption of as many, where the paper says it.
    pub(super) encryption: Option<f64>,
}

/// All of them.
pub(super) const RUNTIMES: [Runtimes; 3] = [
    Runtimes {
        model: "cnn-mnist",
        epoch: [444.6, 13.0],
        inference: [20.4, 0.54],
        images: Some(10_000),
        encryption: Some(0.39),
    },
    Runtimes {
        model: "fcnn-wbc",
        epoch: [0.66, 0.021],
        inference: [0.102, 0.006],
        images: None,
        encryption: None,
    },
    Runtimes {
        model: "cnn-angio",
        epoch: [1075.0, 34.5],
        inference: [26.4, 0.8],
        images: Some(702),
        encryption: None,
    },
];

/// Those of a model.
pub(super) fn runtimes(model: &str) -> Option<&'static Runtimes> {
    RUNTIMES.iter().find(|runtimes| runtimes.model == model)
}
