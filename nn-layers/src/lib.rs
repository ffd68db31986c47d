//! henna's layer library: from a network to encrypted steps, on any scheme.
