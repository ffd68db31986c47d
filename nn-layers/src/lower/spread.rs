//! Generators of layers that copy or average values: upsampling, repetition, adaptive pooling.

use he_traits::{Complex64, Generator};

use crate::layers::region;

/// Each of `length` values `repeat` times in a row.
#[derive(Debug, Clone)]
pub struct RepeatMap {
    length: usize,
    repeat: usize,
}

impl RepeatMap {
    pub(crate) fn new(length: usize, repeat: usize) -> RepeatMap {
        RepeatMap { length, repeat: repeat.max(1) }
    }
}

impl Generator for RepeatMap {
    fn shape(&self) -> (usize, usize) {
        (self.length * self.repeat, self.length)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        if row / self.repeat < self.length {
            visit(row / self.repeat, Complex64::ONE);
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        if row / self.repeat == column && column < self.length { Complex64::ONE } else { Complex64::ZERO }
    }
}

/// Each pixel of `[channels, height, width]` as a rectangle of copies.
#[derive(Debug, Clone)]
pub struct UpsampleMap {
    input: [usize; 3],
    factor: [usize; 2],
}

impl UpsampleMap {
    pub(crate) fn new(input: [usize; 3], factor: [usize; 2]) -> UpsampleMap {
        UpsampleMap { input, factor: factor.map(|factor| factor.max(1)) }
    }

    fn source(&self, row: usize) -> usize {
        let [_, height, width] = self.input;
        let [vertical, horizontal] = self.factor;
        let (out_height, out_width) = (height * vertical, width * horizontal);
        let (channel, y, x) = (row / (out_height * out_width), row / out_width % out_height, row % out_width);
        (channel * height + y / vertical) * width + x / horizontal
    }
}

impl Generator for UpsampleMap {
    fn shape(&self) -> (usize, usize) {
        let columns: usize = self.input.iter().product();
        (columns * self.factor.iter().product::<usize>(), columns)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        if row < self.shape().0 {
            visit(self.source(row), Complex64::ONE);
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        if row < self.shape().0 && self.source(row) == column { Complex64::ONE } else { Complex64::ZERO }
    }
}

/// Means over the regions of adaptive pooling.
#[derive(Debug, Clone)]
pub struct RegionMap {
    input: [usize; 3],
    output: [usize; 2],
}

impl RegionMap {
    pub(crate) fn new(input: [usize; 3], output: [usize; 2]) -> RegionMap {
        RegionMap { input, output }
    }

    /// Channel, lines and columns of the region of an output element, and the share of each value.
    fn region(&self, row: usize) -> (usize, (usize, usize), (usize, usize), f64) {
        let [_, height, width] = self.input;
        let [out_height, out_width] = self.output;
        let lines = region(row / out_width % out_height, out_height, height);
        let columns = region(row % out_width, out_width, width);
        let count = (lines.1 - lines.0) * (columns.1 - columns.0);
        (row / (out_height * out_width), lines, columns, 1.0 / count as f64)
    }
}

impl Generator for RegionMap {
    fn shape(&self) -> (usize, usize) {
        let [channels, height, width] = self.input;
        (channels * self.output.iter().product::<usize>(), channels * height * width)
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        if row >= self.shape().0 {
            return;
        }
        let [_, height, width] = self.input;
        let (channel, lines, columns, share) = self.region(row);
        for y in lines.0..lines.1 {
            for x in columns.0..columns.1 {
                visit((channel * height + y) * width + x, share.into());
            }
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        if row >= self.shape().0 {
            return Complex64::ZERO;
        }
        let [_, height, width] = self.input;
        let (channel, lines, columns, share) = self.region(row);
        let (in_channel, y, x) = (column / (height * width), column / width % height, column % width);
        let inside = (lines.0..lines.1).contains(&y) && (columns.0..columns.1).contains(&x);
        if in_channel == channel && inside { share.into() } else { Complex64::ZERO }
    }
}
