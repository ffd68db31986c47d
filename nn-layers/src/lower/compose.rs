//! Two maps by windows, one after the other, as one map by windows: without its matrix.
//!
//! The second map's padding reads zeros outside the value between them, where the first map continued would read the edge of the image. The two
//! agree only where no window beyond the edge of the value between reaches into the image; other pairs are left to sparse matrices.

use super::{TransposedWindowMap, WindowMap};
use crate::layers::window::Window;

/// `second` after `first`, two convolutions or poolings.
pub(super) fn windows(second: &WindowMap, first: &WindowMap) -> Option<WindowMap> {
    // A reshape may lie between them.
    if first.output != second.input {
        return None;
    }
    let [[_, height, width], [_, height_between, width_between]] = [first.input, first.output];
    let windows = [
        window(&second.windows[0], &first.windows[0], height, height_between)?,
        window(&second.windows[1], &first.windows[1], width, width_between)?,
    ];
    let (ins, middles) = first.channels_of_a_group();
    let (wide, outs) = second.channels_of_a_group();
    // A first map of each channel by itself keeps the second one's groups; otherwise both must be whole.
    let alone = ins == 1 && middles == 1;
    if !alone && (first.groups > 1 || second.groups > 1) {
        return None;
    }
    let within = if alone { wide } else { ins };
    let mut kernel = Kernel::new([second.output[0], within], &windows);
    for out in 0..second.output[0] {
        for channel in 0..wide {
            let middle = out / outs * wide + channel;
            each_tap(&second.windows, &mut |[y, x]| {
                let outer = second.weight(out, channel, y, x);
                each_tap(&first.windows, &mut |[inner_y, inner_x]| {
                    let at = [
                        y * second.windows[0].dilation * first.windows[0].stride + inner_y,
                        x * second.windows[1].dilation * first.windows[1].stride + inner_x,
                    ];
                    if alone {
                        kernel.add([out, channel], at, outer * first.weight(middle, 0, inner_y, inner_x));
                    } else {
                        for input in 0..ins {
                            kernel.add(
                                [out, input],
                                at,
                                outer * first.weight(middle, input, inner_y, inner_x),
                            );
                        }
                    }
                });
            });
        }
    }
    Some(WindowMap::convolution(first.input, second.output, windows, second.groups, &kernel.weights))
}

/// The window that the windows of `second` see through those of `first`.
fn window(second: &Window, first: &Window, length: usize, between: usize) -> Option<Window> {
    // Places beyond either end of the value between: their windows lie in the first map's padding, or past the image.
    let before = first.kernel <= first.stride + first.padding;
    let behind = between * first.stride >= length + first.padding;
    let exact = second.padding == 0 || (before && behind);
    (first.dilation == 1 && exact).then(|| Window {
        kernel: (second.kernel - 1) * second.dilation * first.stride + first.kernel,
        stride: first.stride * second.stride,
        padding: second.padding * first.stride + first.padding,
        dilation: 1,
    })
}

/// `second`, a convolution of stride 1, after the transposed convolution `first`.
pub(super) fn after_transposed(
    second: &WindowMap,
    first: &TransposedWindowMap,
) -> Option<TransposedWindowMap> {
    let windows = [
        transposed(&second.windows[0], &first.windows[0])?,
        transposed(&second.windows[1], &first.windows[1])?,
    ];
    if first.groups > 1 || second.groups > 1 || first.output != second.input {
        return None;
    }
    let [ins, middles, outs] = [first.input[0], first.output[0], second.output[0]];
    let mut kernel = Kernel::new([ins, outs], &windows);
    for (out, middle) in (0..outs).flat_map(|out| (0..middles).map(move |middle| (out, middle))) {
        each_tap(&second.windows, &mut |[y, x]| {
            let outer = second.weight(out, middle, y, x);
            let turned = [second.windows[0].kernel - 1 - y, second.windows[1].kernel - 1 - x];
            each_tap(&first.windows, &mut |[inner_y, inner_x]| {
                for input in 0..ins {
                    let at = [turned[0] + inner_y, turned[1] + inner_x];
                    kernel.add([input, out], at, outer * first.weight(input, middle, inner_y, inner_x));
                }
            });
        });
    }
    Some(TransposedWindowMap::new(first.input, second.output, windows, 1, &kernel.weights))
}

fn transposed(second: &Window, first: &Window) -> Option<Window> {
    // Without padding nothing was cut off: outside the value between there is nothing.
    let exact = second.padding == 0 || first.padding == 0;
    let simple = second.stride == 1 && second.dilation == 1 && first.dilation == 1;
    let padding = (second.kernel - 1 + first.padding).checked_sub(second.padding)?;
    (exact && simple).then_some(Window {
        kernel: first.kernel + second.kernel - 1,
        stride: first.stride,
        padding,
        dilation: 1,
    })
}

fn each_tap(windows: &[Window; 2], visit: &mut dyn FnMut([usize; 2])) {
    for y in 0..windows[0].kernel {
        for x in 0..windows[1].kernel {
            visit([y, x]);
        }
    }
}

/// Sums of products, a weight each of `[channels, channels, tap y, tap x]`.
struct Kernel {
    weights: Vec<f64>,
    shape: [usize; 3],
}

impl Kernel {
    fn new([first, second]: [usize; 2], windows: &[Window; 2]) -> Kernel {
        let [height, width] = [windows[0].kernel, windows[1].kernel];
        Kernel { weights: vec![0.0; first * second * height * width], shape: [second, height, width] }
    }

    fn add(&mut self, [first, second]: [usize; 2], [y, x]: [usize; 2], product: f64) {
        let [channels, height, width] = self.shape;
        if let Some(weight) = self.weights.get_mut(((first * channels + second) * height + y) * width + x) {
            *weight += product;
        }
    }
}
