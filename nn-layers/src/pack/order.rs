//! The order of the planes of an image that is split into parts.

/// Which planes of an image that is split lie side by side.
///
/// ```
/// use nn_layers::pack::Order;
///
/// // Two groups of three channels, in four parts: part 1 of channel 3, the first one of the second group.
/// let order = Order::Parts { groups: 2 };
/// assert_eq!(order.plane([3, 1], 6, 4), 8 + 1);
/// assert_eq!(order.at(9, 6, 4), Some([3, 1]));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// All parts of a channel, then those of the next one.
    #[default]
    Channels,
    /// One part of all channels, then the next part: where pixels that are pooled lie in different ciphertexts at the same slot, pooling is
    /// addition. Of the channels, the first one of each of so many groups, then the second ones: a convolution in so many groups takes as few
    /// rotations between channels as one of them alone.
    Parts {
        /// Groups of channels; where they do not divide the channels, those lie in order.
        groups: usize,
    },
}

impl Order {
    /// Planes that so many channels of so many parts take. Parts start at powers of two, so that they lie alike in ciphertexts.
    pub fn planes(self, channels: usize, parts: usize) -> usize {
        match self {
            Order::Channels => channels * parts,
            // The last part needs no padding.
            Order::Parts { .. } => parts.saturating_sub(1) * channels.next_power_of_two() + channels,
        }
    }

    /// The plane of one part of one channel.
    pub fn plane(self, [channel, part]: [usize; 2], channels: usize, parts: usize) -> usize {
        match self {
            Order::Channels => channel * parts + part,
            Order::Parts { groups } => {
                let (groups, each) = grouped(groups, channels);
                part * channels.next_power_of_two() + channel % each * groups + channel / each
            }
        }
    }

    /// Channel and part of a plane, `None` for one that is padding.
    pub fn at(self, plane: usize, channels: usize, parts: usize) -> Option<[usize; 2]> {
        match self {
            Order::Channels => Some([plane / parts, plane % parts]),
            Order::Parts { groups } => {
                let (groups, each) = grouped(groups, channels);
                let stride = channels.next_power_of_two();
                let (part, number) = (plane / stride, plane % stride);
                (part < parts && number < channels).then(|| [number % groups * each + number / groups, part])
            }
        }
    }
}

/// Groups that divide the channels, and the channels of each: one group where they do not.
fn grouped(groups: usize, channels: usize) -> (usize, usize) {
    match groups {
        0 => (1, channels.max(1)),
        _ if !channels.is_multiple_of(groups) || channels == 0 => (1, channels.max(1)),
        _ => (groups, channels / groups),
    }
}
