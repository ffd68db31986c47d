//! Convolution straight from the image, without the matrix of windows: for few channels, writing that matrix and reading it
//! again costs as much as the product.
//!
//! A tile of output channels (as many as a vector has places) by two vectors of places stays in registers while every tap of every channel
//! is added to it. The horizontal stride must be 1; the rest is free.
#![expect(
    clippy::indexing_slicing,
    reason = "dense kernel: every range follows from shapes checked with the graph"
)]

use pulp::{Arch, Simd, WithSimd};

use crate::layers::window::Window;

/// A convolution that this kernel takes, with its figures worked out.
#[derive(Debug)]
pub(crate) struct Direct {
    windows: [Window; 2],
    /// Channels, height, width.
    input: [usize; 3],
    output: [usize; 3],
    /// Height and width with the zeros around.
    padded: [usize; 2],
    /// First places of the vectors that cover an output line; the last one may overlap the one before.
    vectors: Vec<usize>,
    arch: Arch,
    lanes: usize,
}

impl Direct {
    /// The convolution of `input` channels to `output` channels, or `None` where the matrix product is the better way: the
    /// processor has short vectors, the stride is not 1, or lines fill the vectors badly.
    pub(crate) fn new(windows: [Window; 2], input: [usize; 3], output: [usize; 3]) -> Option<Direct> {
        let [vertical, horizontal] = windows;
        let arch = Arch::new();
        let lanes = arch.dispatch(Lanes);
        let width = output[2];
        let vectors = width.div_ceil(lanes);
        let well_filled = width >= lanes && 4 * width >= 3 * lanes * vectors;
        if horizontal.stride != 1 || !well_filled || !(4..=8).contains(&lanes) {
            return None;
        }
        let padded = [input[1] + 2 * vertical.padding, input[2] + 2 * horizontal.padding];
        let vectors = (0..vectors).map(|index| (index * lanes).min(width - lanes)).collect();
        Some(Direct { windows, input, output, padded, vectors, arch, lanes })
    }

    fn taps(&self) -> usize {
        self.input[0] * self.windows[0].kernel * self.windows[1].kernel
    }

    /// Values that [`Direct::pack`] writes.
    pub(crate) fn packed_len(&self) -> usize {
        self.output[0] * self.taps()
    }

    /// Values of the image with zeros around; [`Direct::run`] writes to the inside alone.
    pub(crate) fn padded_len(&self) -> usize {
        self.input[0] * self.padded[0] * self.padded[1]
    }

    /// Reorders `weight` (`[outputs, inputs, kernel height, kernel width]`) so that a tile reads it in order.
    pub(crate) fn pack(&self, weight: &[f64], packed: &mut [f64]) {
        let taps = self.taps();
        let mut places = packed.iter_mut();
        for (first, count) in tiles(self.output[0], self.lanes) {
            for tap in 0..taps {
                for (channel, place) in (first..first + count).zip(&mut places) {
                    *place = weight[channel * taps + tap];
                }
            }
        }
    }

    /// Convolves one image: `padded` holds zeros outside of the image, `packed` the weights.
    pub(crate) fn run(
        &self,
        image: &[f64],
        padded: &mut [f64],
        packed: &[f64],
        bias: Option<&[f64]>,
        out: &mut [f64],
    ) {
        let [_, height, width] = self.input;
        let [padded_height, padded_width] = self.padded;
        let [top, left] = self.windows.map(|window| window.padding);
        let planes = padded.chunks_exact_mut(padded_height * padded_width);
        for (plane, channel) in planes.zip(image.chunks_exact(height * width)) {
            let lines = plane.chunks_exact_mut(padded_width).skip(top);
            for (line, source) in lines.zip(channel.chunks_exact(width)) {
                line[left..left + width].copy_from_slice(source);
            }
        }
        let job = Job { direct: self, padded, packed, bias, out };
        self.arch.dispatch(job);
    }
}

/// Everything that the kernel reads and writes, on its way through the choice of the processor's vectors.
struct Job<'a> {
    direct: &'a Direct,
    padded: &'a [f64],
    packed: &'a [f64],
    bias: Option<&'a [f64]>,
    out: &'a mut [f64],
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Job { direct, padded, mut packed, bias, out } = self;
        let [outputs, out_height, out_width] = direct.output;
        let map = out_height * out_width;
        for (first, count) in tiles(outputs, direct.lanes) {
            let (weight, rest) = packed.split_at(count * direct.taps());
            packed = rest;
            let bias = bias.map(|bias| &bias[first..first + count]);
            let out = &mut out[first * map..(first + count) * map];
            match count {
                8 => tile::<S, 8>(simd, direct, padded, weight, bias, out),
                4 => tile::<S, 4>(simd, direct, padded, weight, bias, out),
                2 => tile::<S, 2>(simd, direct, padded, weight, bias, out),
                _ => tile::<S, 1>(simd, direct, padded, weight, bias, out),
            }
        }
    }
}

/// N output channels of all places.
#[inline(always)]
fn tile<S: Simd, const N: usize>(
    simd: S,
    direct: &Direct,
    padded: &[f64],
    weight: &[f64],
    bias: Option<&[f64]>,
    out: &mut [f64],
) {
    let [_, out_height, out_width] = direct.output;
    let mut start = [0.0; N];
    if let Some(bias) = bias {
        start.copy_from_slice(bias);
    }
    for line in 0..out_height {
        for pair in direct.vectors.chunks(2) {
            let places = [pair[0], pair[pair.len() - 1]];
            let sums = places_of_line::<S, N>(simd, direct, padded, weight, start, line, places);
            for (channel, sums) in sums.iter().enumerate() {
                let target = &mut out[(channel * out_height + line) * out_width..][..out_width];
                for (sum, place) in sums.iter().zip(places) {
                    simd.partial_store_f64s(&mut target[place..place + S::F64_LANES], *sum);
                }
            }
        }
    }
}

/// N output channels of two vectors of places in one line: the sums stay in registers.
#[inline(always)]
fn places_of_line<S: Simd, const N: usize>(
    simd: S,
    direct: &Direct,
    padded: &[f64],
    weight: &[f64],
    start: [f64; N],
    line: usize,
    [first, second]: [usize; 2],
) -> [[S::f64s; 2]; N] {
    let [vertical, horizontal] = direct.windows;
    let [height, width] = direct.padded;
    let mut sums = start.map(|bias| [simd.splat_f64s(bias); 2]);
    let mut taps = weight.as_chunks::<N>().0.iter();
    for plane in padded.chunks_exact(height * width) {
        for tap_y in 0..vertical.kernel {
            let source = &plane[(line * vertical.stride + tap_y * vertical.dilation) * width..][..width];
            for tap_x in 0..horizontal.kernel {
                let at = tap_x * horizontal.dilation;
                let a = S::as_simd_f64s(&source[first + at..][..S::F64_LANES]).0[0];
                let b = S::as_simd_f64s(&source[second + at..][..S::F64_LANES]).0[0];
                let Some(weights) = taps.next() else { return sums };
                for channel in 0..N {
                    let weight = simd.splat_f64s(weights[channel]);
                    sums[channel] = [
                        simd.mul_add_e_f64s(weight, a, sums[channel][0]),
                        simd.mul_add_e_f64s(weight, b, sums[channel][1]),
                    ];
                }
            }
        }
    }
    sums
}

/// Number of `f64` in a vector of this processor.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        S::F64_LANES
    }
}

/// Output channels in tiles of `largest`, the rest in smaller powers of two: (first channel, channels).
fn tiles(outputs: usize, largest: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = outputs - first;
        let count = left.checked_ilog2().map_or(0, |log| largest.min(1 << log));
        first += count;
        (count > 0).then_some((first - count, count))
    })
}
