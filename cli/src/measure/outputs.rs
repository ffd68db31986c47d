//! The outputs of the first samples, as numbers and, where they are images, as pictures.

use models::registry::Targets;
use nn_layers::Tensor;

use crate::failure::Failure;
use crate::picture::{self, Size};
use crate::record::{OutputPictures, OutputSample};

/// Samples whose outputs stand in the record one by one.
const SAMPLES: usize = 64;
/// Numbers of an output that stand there at most.
const NUMBERS: usize = 1024;
/// Samples whose outputs are drawn.
const DRAWN: usize = 8;

/// The first outputs of both runs, `[n, ..]` each.
pub(super) fn first(
    clear: &Tensor,
    encrypted: &Tensor,
    targets: &Targets,
) -> Result<Vec<OutputSample>, Failure> {
    let row = |tensor: &Tensor, sample: usize| tensor.rows(sample, sample + 1).into_data();
    let numbers = |values: &[f64]| {
        values.iter().take(NUMBERS).map(|value| value.is_finite().then_some(*value)).collect::<Vec<_>>()
    };
    (0..clear.batch().min(SAMPLES))
        .map(|sample| {
            let both = [row(clear, sample), row(encrypted, sample)];
            let pictures = Size::of(clear)
                .filter(|_| sample < DRAWN)
                .map(|size| drawn(&both, size, is_mask(targets)))
                .transpose()?;
            let [clear, encrypted] = both.each_ref().map(|values| numbers(values));
            Ok(OutputSample { sample, clear, encrypted, pictures })
        })
        .collect()
}

/// Whether the targets are 0 and 1 alone: then the outputs are logits.
fn is_mask(targets: &Targets) -> bool {
    match targets {
        Targets::Values(values) => values.data().iter().all(|value| *value == 0.0 || *value == 1.0),
        Targets::Classes(_) => false,
    }
}

/// Logits are drawn as the probabilities that they stand for.
fn drawn(both: &[Vec<f64>; 2], size: Size, logits: bool) -> Result<OutputPictures, Failure> {
    let shown = both.each_ref().map(|values| match logits {
        true => values.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        false => values.clone(),
    });
    let [clear, encrypted] = both;
    let apart: Vec<f64> =
        clear.iter().zip(encrypted).map(|(clear, encrypted)| (clear - encrypted).abs()).collect();
    let range = if logits { [0.0, 1.0] } else { picture::range(&shown[0]) };
    let [_, largest] = picture::range(&apart);
    Ok(OutputPictures {
        width: size.width,
        height: size.height,
        clear: picture::encoded(&shown[0], size, Some(range))?,
        encrypted: picture::encoded(&shown[1], size, Some(range))?,
        difference: picture::encoded(&apart, size, Some([0.0, largest]))?,
        largest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_drawn_and_long_outputs_cut() {
        let clear = Tensor::new(&[2, 1, 40, 40], vec![1.0; 3200]).unwrap();
        let mut values = vec![1.0; 3200];
        values[7] = 1.5;
        let encrypted = Tensor::new(&[2, 1, 40, 40], values).unwrap();
        let mask = Targets::Values(Tensor::zeros(&[2, 1, 40, 40]));
        let outputs = first(&clear, &encrypted, &mask).unwrap();
        assert_eq!(outputs[0].clear.len(), NUMBERS);
        let pictures = outputs[0].pictures.as_ref().unwrap();
        assert_eq!((pictures.width, pictures.largest), (40, 0.5));
        assert_ne!(pictures.clear, pictures.encrypted);
        assert_eq!(outputs[1].pictures.as_ref().unwrap().largest, 0.0);
        let rows = Tensor::zeros(&[2, 10]);
        assert!(first(&rows, &rows, &Targets::Classes(vec![0, 0])).unwrap()[0].pictures.is_none());
    }
}
