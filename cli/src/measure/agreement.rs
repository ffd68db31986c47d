//! How near decrypted outputs are to the clear run of the same network.

use models::metrics::top_class;
use models::registry::Targets;
use nn_layers::Tensor;

use crate::record::Agreement;

/// Compares outputs `[n, ..]`: `encrypted` against `clear`, the same network, and that against `original`.
pub(crate) fn agreement(
    encrypted: &Tensor,
    clear: &Tensor,
    original: &Tensor,
    targets: &Targets,
) -> Agreement {
    let values = clear.data().len();
    let errors: Vec<f64> = differences(encrypted, clear).collect();
    let worst = errors.iter().copied().fold(0.0, f64::max);
    let mean = errors.iter().sum::<f64>() / values.max(1) as f64;
    let clear_rms = rms(clear.data().iter().copied());
    let bits = |error: f64| (error > 0.0).then(|| -error.log2());
    Agreement {
        values,
        worst_error: worst,
        mean_error: mean,
        worst_bits: bits(worst),
        mean_bits: bits(mean),
        clear_rms,
        worst_relative: worst / clear_rms,
        rms_relative: rms(errors.iter().copied()) / clear_rms,
        same_class: matches!(targets, Targets::Classes(_)).then(|| same_class(encrypted, clear)),
        approximation_relative: rms(differences(clear, original)) / rms(original.data().iter().copied()),
    }
}

fn differences<'a>(a: &'a Tensor, b: &'a Tensor) -> impl Iterator<Item = f64> + 'a {
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs())
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (count, squares) = values.fold((0usize, 0.0), |(count, sum), value| (count + 1, sum + value * value));
    (squares / count.max(1) as f64).sqrt()
}

/// Share of samples whose largest score is that of the same class.
fn same_class(a: &Tensor, b: &Tensor) -> f64 {
    let classes = (a.data().len() / a.batch().max(1)).max(1);
    let pairs = a.data().chunks(classes).zip(b.data().chunks(classes));
    let same = pairs.filter(|(a, b)| top_class(a) == top_class(b) && top_class(a).is_some()).count();
    same as f64 / a.batch().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data: &[f64]) -> Tensor {
        Tensor::new(&[2, data.len() / 2], data.to_vec()).unwrap()
    }

    #[test]
    fn errors_become_bits_and_shares() {
        let clear = tensor(&[3.0, 4.0, -4.0, 3.0]);
        let encrypted = tensor(&[3.0, 4.25, -4.0, 3.0]);
        let a = agreement(&encrypted, &clear, &clear, &Targets::Classes(vec![1, 1]));
        assert_eq!((a.worst_bits, a.mean_bits, a.same_class), (Some(2.0), Some(4.0), Some(1.0)));
        assert!((a.clear_rms - 12.5f64.sqrt()).abs() < 1e-12);
        assert!((a.worst_relative - 0.25 / 12.5f64.sqrt()).abs() < 1e-12);
        assert!((a.rms_relative - 0.125 / 12.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(a.approximation_relative, 0.0);
    }

    #[test]
    fn no_difference_has_no_bits_and_other_classes_show() {
        let clear = tensor(&[1.0, 2.0, 3.0, 4.0]);
        let values = Targets::Values(clear.clone());
        let same = agreement(&clear, &clear, &clear, &values);
        assert_eq!((same.worst_bits, same.same_class), (None, None));
        let swapped = tensor(&[2.0, 1.0, 3.0, 4.0]);
        let other = agreement(&swapped, &clear, &swapped, &Targets::Classes(vec![1, 1]));
        assert_eq!(other.same_class, Some(0.5));
        assert!(other.approximation_relative > 0.1);
    }
}
