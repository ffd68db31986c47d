//! The generator of layers whose window slides over an image: convolution and mean pooling.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use he_traits::{Complex64, Generator};

use crate::layers::window::Window;

/// What the taps of a window multiply by.
#[derive(Clone)]
enum Taps {
    /// `[out channel, in channel within its group, tap y, tap x]`.
    Weights(Arc<[f64]>),
    /// The same number at each tap.
    Constant(f64),
}

/// A window sliding over `[channels, height, width]`, by index arithmetic alone: any entry costs O(1).
#[derive(Clone)]
pub struct WindowMap {
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) windows: [Window; 2],
    pub(super) groups: usize,
    taps: Taps,
}

impl WindowMap {
    /// A convolution with `weights` as PyTorch lays them out.
    pub(crate) fn convolution(
        input: [usize; 3],
        output: [usize; 3],
        windows: [Window; 2],
        groups: usize,
        weights: &[f64],
    ) -> WindowMap {
        WindowMap { input, output, windows, groups: groups.max(1), taps: Taps::Weights(weights.into()) }
    }

    /// The sum over each window of each channel by itself, times `factor`.
    pub(crate) fn pooling(
        input: [usize; 3],
        output: [usize; 3],
        windows: [Window; 2],
        factor: f64,
    ) -> WindowMap {
        WindowMap { input, output, windows, groups: input[0].max(1), taps: Taps::Constant(factor) }
    }

    /// The part of a convolution without groups that reads the input's elements `range`: `None` unless those are whole channels.
    pub(super) fn of_channels(&self, range: Range<usize>) -> Option<WindowMap> {
        let [channels, height, width] = self.input;
        let pixels = (height * width).max(1);
        let Taps::Weights(weights) = &self.taps else { return None };
        if self.groups > 1 || !range.start.is_multiple_of(pixels) || !range.end.is_multiple_of(pixels) {
            return None;
        }
        let (from, count) = (range.start / pixels, range.len() / pixels);
        let taps = self.windows[0].kernel * self.windows[1].kernel;
        let weights: Vec<f64> = weights
            .chunks(channels * taps)
            .flat_map(|of_output| of_output.iter().skip(from * taps).take(count * taps).copied())
            .collect();
        Some(WindowMap::convolution([count, height, width], self.output, self.windows, 1, &weights))
    }

    /// Channels in and out of a group.
    pub(super) fn channels_of_a_group(&self) -> (usize, usize) {
        (self.input[0] / self.groups, self.output[0] / self.groups)
    }

    /// What tap `(tap_y, tap_x)` multiplies by, from channel `within` of its group to channel `out`.
    pub(super) fn weight(&self, out: usize, within: usize, tap_y: usize, tap_x: usize) -> f64 {
        match &self.taps {
            Taps::Constant(factor) => *factor,
            Taps::Weights(weights) => {
                let [vertical, horizontal] = &self.windows;
                let (ins, _) = self.channels_of_a_group();
                let index = ((out * ins + within) * vertical.kernel + tap_y) * horizontal.kernel + tap_x;
                weights.get(index).copied().unwrap_or(0.0)
            }
        }
    }
}

impl fmt::Debug for WindowMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowMap({:?} -> {:?}, {:?})", self.input, self.output, self.windows)
    }
}

impl Generator for WindowMap {
    fn shape(&self) -> (usize, usize) {
        (self.output.iter().product(), self.input.iter().product())
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let [channels, out_height, out_width] = self.output;
        let [_, height, width] = self.input;
        let (out, y, x) = (row / (out_height * out_width), row / out_width % out_height, row % out_width);
        if out >= channels {
            return;
        }
        let [vertical, horizontal] = &self.windows;
        let (ins, outs) = self.channels_of_a_group();
        for within in 0..ins {
            let channel = out / outs * ins + within;
            for tap_y in 0..vertical.kernel {
                let Some(in_y) = vertical.place(y, tap_y, height) else { continue };
                for tap_x in 0..horizontal.kernel {
                    let Some(in_x) = horizontal.place(x, tap_x, width) else { continue };
                    let weight = self.weight(out, within, tap_y, tap_x);
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
        let (ins, outs) = self.channels_of_a_group();
        if out >= channels || channel >= in_channels || channel / ins != out / outs {
            return Complex64::ZERO;
        }
        let [vertical, horizontal] = &self.windows;
        match (vertical.tap(y, in_y), horizontal.tap(x, in_x)) {
            (Some(tap_y), Some(tap_x)) => self.weight(out, channel % ins, tap_y, tap_x).into(),
            _ => Complex64::ZERO,
        }
    }
}
