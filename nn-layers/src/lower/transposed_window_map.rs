//! The generator of transposed convolutions.

use std::fmt;
use std::sync::Arc;

use he_traits::{Complex64, Generator};

use crate::layers::window::Window;

/// The transpose of a convolution, by index arithmetic alone: any entry costs O(1).
#[derive(Clone)]
pub struct TransposedWindowMap {
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    /// Those of the convolution, which goes from the output to the input.
    pub(super) windows: [Window; 2],
    pub(super) groups: usize,
    /// `[in channel, out channel within its group, tap y, tap x]`.
    weights: Arc<[f64]>,
}

impl TransposedWindowMap {
    pub(crate) fn new(
        input: [usize; 3],
        output: [usize; 3],
        windows: [Window; 2],
        groups: usize,
        weights: &[f64],
    ) -> TransposedWindowMap {
        TransposedWindowMap { input, output, windows, groups: groups.max(1), weights: weights.into() }
    }

    /// What tap `(tap_y, tap_x)` multiplies by, from `channel` to channel `within` of its group.
    pub(super) fn weight(&self, channel: usize, within: usize, tap_y: usize, tap_x: usize) -> f64 {
        let [vertical, horizontal] = &self.windows;
        let outs = self.output[0] / self.groups;
        let index = ((channel * outs + within) * vertical.kernel + tap_y) * horizontal.kernel + tap_x;
        self.weights.get(index).copied().unwrap_or(0.0)
    }
}

/// The place of the input whose `tap` lies on place `out` of the output.
fn source(window: &Window, out: usize, tap: usize, length: usize) -> Option<usize> {
    let offset = (out + window.padding).checked_sub(tap * window.dilation)?;
    (offset % window.stride == 0).then_some(offset / window.stride).filter(|place| *place < length)
}

impl fmt::Debug for TransposedWindowMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransposedWindowMap({:?} -> {:?}, {:?})", self.input, self.output, self.windows)
    }
}

impl Generator for TransposedWindowMap {
    fn shape(&self) -> (usize, usize) {
        (self.output.iter().product(), self.input.iter().product())
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let [channels, out_height, out_width] = self.output;
        let [in_channels, height, width] = self.input;
        let (out, y, x) = (row / (out_height * out_width), row / out_width % out_height, row % out_width);
        if out >= channels {
            return;
        }
        let [vertical, horizontal] = &self.windows;
        let (ins, outs) = (in_channels / self.groups, channels / self.groups);
        for channel in (out / outs * ins)..(out / outs + 1) * ins {
            for tap_y in 0..vertical.kernel {
                let Some(in_y) = source(vertical, y, tap_y, height) else { continue };
                for tap_x in 0..horizontal.kernel {
                    let Some(in_x) = source(horizontal, x, tap_x, width) else { continue };
                    let weight = self.weight(channel, out % outs, tap_y, tap_x);
                    if weight != 0.0 {
                        visit((channel * height + in_y) * width + in_x, weight.into());
                    }
                }
            }
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        let [channels, out_height, out_width] = self.output;
        let [in_channels, height, width] = self.input;
        let (out, y, x) = (row / (out_height * out_width), row / out_width % out_height, row % out_width);
        let (channel, in_y, in_x) = (column / (height * width), column / width % height, column % width);
        let (ins, outs) = (in_channels / self.groups, channels / self.groups);
        if out >= channels || channel >= in_channels || channel / ins != out / outs {
            return Complex64::ZERO;
        }
        let [vertical, horizontal] = &self.windows;
        // The convolution reads place `y` of the output with the tap of its window at `in_y`.
        match (vertical.tap(in_y, y), horizontal.tap(in_x, x)) {
            (Some(tap_y), Some(tap_x)) => self.weight(channel, out % outs, tap_y, tap_x).into(),
            _ => Complex64::ZERO,
        }
    }
}
