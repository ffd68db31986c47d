//! Index arithmetic of a window that slides over an image: shared by convolution and pooling.

use he_traits::algebra::Gather;

use super::Refusal;

/// A window along one dimension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Length of the window, in taps.
    pub(crate) kernel: usize,
    /// Distance between neighbouring windows.
    pub(crate) stride: usize,
    /// Zeros added at each end of the image.
    pub(crate) padding: usize,
    /// Distance between neighbouring taps.
    pub(crate) dilation: usize,
}

impl Window {
    /// Number of windows over `length` values: floor((length + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.
    pub(crate) fn outputs(&self, length: usize) -> Result<usize, Refusal> {
        if self.kernel == 0 || self.stride == 0 || self.dilation == 0 {
            return Err(Refusal::Figures("kernel, stride and dilation must be at least 1".to_owned()));
        }
        let span = self.dilation.checked_mul(self.kernel - 1).and_then(|taps| taps.checked_add(1));
        let padded = self.padding.checked_mul(2).and_then(|padding| padding.checked_add(length));
        match (span, padded) {
            (Some(span), Some(padded)) if span <= padded => Ok((padded - span) / self.stride + 1),
            (Some(span), Some(padded)) => Err(Refusal::Figures(format!(
                "a window of {span} does not fit into {padded} ({length} and {} of padding at each end)",
                self.padding
            ))),
            _ => Err(Refusal::Figures("kernel or padding is too large to count".to_owned())),
        }
    }

    /// Place in the image of `length` values that tap `tap` of output `output` covers, `None` in the padding.
    pub(crate) fn place(&self, output: usize, tap: usize, length: usize) -> Option<usize> {
        (output * self.stride + tap * self.dilation).checked_sub(self.padding).filter(|&place| place < length)
    }

    /// The tap of the window at output `output` that lies on `place` of the image.
    pub(crate) fn tap(&self, output: usize, place: usize) -> Option<usize> {
        let offset = (place + self.padding).checked_sub(output * self.stride)?;
        let tap = offset / self.dilation;
        (offset % self.dilation == 0 && tap < self.kernel).then_some(tap)
    }

    /// The outputs `from..to` of `outputs` for which tap `tap` lies inside the image of `length` values, and the place of the
    /// first of them in the image.
    pub(crate) fn inside(&self, tap: usize, length: usize, outputs: usize) -> (usize, usize, usize) {
        let offset = tap * self.dilation;
        let from = self.padding.saturating_sub(offset).div_ceil(self.stride).min(outputs);
        // Output o reads place o · stride + offset - padding, which must be below `length`.
        let limit = (length + self.padding).saturating_sub(offset).div_ceil(self.stride);
        let to = limit.clamp(from, outputs);
        (from, to, (from * self.stride + offset).saturating_sub(self.padding))
    }
}

/// For every tap, image and output place (in that order), the index of the value that the tap covers within `images` maps that
/// lie one after the other; [`Gather::ZERO`] outside of the image.
pub(crate) fn window_indices(
    [vertical, horizontal]: [Window; 2],
    input: &[usize],
    output: &[usize],
    images: usize,
) -> Vec<u32> {
    let (&[_, height, width], &[_, out_height, out_width]) = (input, output) else { return Vec::new() };
    let mut indices = Vec::new();
    for tap_y in 0..vertical.kernel {
        let rows: Vec<Option<usize>> = (0..out_height).map(|o| vertical.place(o, tap_y, height)).collect();
        for tap_x in 0..horizontal.kernel {
            let columns: Vec<Option<usize>> =
                (0..out_width).map(|o| horizontal.place(o, tap_x, width)).collect();
            for image in 0..images {
                let first = image * height * width;
                for row in &rows {
                    indices.extend(columns.iter().map(|column| match (row, column) {
                        (Some(row), Some(column)) => {
                            u32::try_from(first + row * width + column).unwrap_or(Gather::ZERO)
                        }
                        _ => Gather::ZERO,
                    }));
                }
            }
        }
    }
    indices
}
