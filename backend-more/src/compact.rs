//! The compact form: two numbers for the four entries of a matrix.
//!
//! All ciphertexts of one key commute, and lie in the two-dimensional algebra of all a I + b T, for any one ciphertext T whose eigenvalues differ, moved and scaled so that
//! T^2 = I. Everyone who sees a ciphertext has such a T. What makes this fast is what breaks the scheme: a + b and a - b are the message and the random number.

/// T of one key. It is no secret: any ciphertext gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Basis {
    /// The entries (0, 0), (0, 1) and (1, 0) of T; (1, 1) is the first one's negative.
    half: f64,
    upper: f64,
    lower: f64,
    /// 1 over the sum of their squares.
    norm: f64,
}

impl Basis {
    /// T from that one of the matrices whose eigenvalues lie farthest apart; `None` when in none they differ.
    pub(crate) fn of(matrices: impl Iterator<Item = [f64; 4]>) -> Option<Self> {
        let mut best = (0.0, [0.0; 3]);
        for [a, b, c, d] in matrices {
            let half = 0.5 * (a - d);
            let square = half * half + b * c;
            if square > best.0 {
                best = (square, [half, b, c]);
            }
        }
        let (square, entries) = best;
        let [half, upper, lower] = entries.map(|entry| entry / square.sqrt());
        let norm = 1.0 / (half * half + upper * upper + lower * lower);
        (square > 0.0 && norm.is_finite()).then_some(Self { half, upper, lower, norm })
    }

    /// a and b of the matrix in the algebra that lies nearest.
    #[inline(always)]
    pub(crate) fn compact(&self, [p, q, r, s]: [f64; 4]) -> [f64; 2] {
        // Half the difference of the diagonal and both entries off it are b times those of T.
        let slope = self.norm * (self.half * 0.5 * (p - s) + self.upper * q + self.lower * r);
        [0.5 * (p + s), slope]
    }

    /// The entries of a I + b T.
    #[inline(always)]
    pub(crate) fn expand(&self, [a, b]: [f64; 2]) -> [f64; 4] {
        [a + b * self.half, b * self.upper, b * self.lower, a - b * self.half]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_the_algebra_comes_back() {
        // S diag(3, -1) S^-1 for S = [[1, 2], [3, 4]], and another number of the same key.
        let number = |m: f64, r: f64| [-2.0 * m + 3.0 * r, m - r, -6.0 * m + 6.0 * r, 3.0 * m - 2.0 * r];
        let basis = Basis::of([number(1.0, 1.0), number(3.0, -1.0), number(0.1, 0.2)].into_iter()).unwrap();
        let matrix = number(0.7, 0.4);
        let [a, b] = basis.compact(matrix);
        let mut lanes = [a + b, a - b];
        lanes.sort_by(f64::total_cmp);
        assert!((lanes[0] - 0.4).abs() < 1e-14 && (lanes[1] - 0.7).abs() < 1e-14, "{lanes:?}");
        for (got, want) in basis.expand([a, b]).iter().zip(matrix) {
            assert!((got - want).abs() < 1e-14);
        }
        assert_eq!(Basis::of([number(2.0, 2.0)].into_iter()), None);
    }
}
