//! From channels to vectors: within training, a change of layout.

use he_traits::Result;
use he_traits::algebra::{Algebra, Gather};

use super::{Gradients, Pass, Seen, channels_of, index_of};

pub(super) struct FlattenPass {
    /// `None` where the values lie image by image already.
    reorder: Option<Gather>,
}

impl FlattenPass {
    pub(super) fn new(input: &[usize], images: usize) -> Result<FlattenPass> {
        let (channels, map) = channels_of(input);
        if channels == 1 {
            return Ok(FlattenPass { reorder: None });
        }
        let mut indices = Vec::with_capacity(images * channels * map);
        for image in 0..images {
            for channel in 0..channels {
                let first = (channel * images + image) * map;
                indices.extend((first..first + map).map(index_of));
            }
        }
        Ok(FlattenPass { reorder: Some(Gather::new(1, images * channels * map, indices)?) })
    }
}

impl<A: Algebra> Pass<A> for FlattenPass {
    fn forward(
        &self,
        algebra: &A,
        inputs: &[&A::Tensor],
        _parameters: &[A::Tensor],
    ) -> Result<(A::Tensor, Option<A::Tensor>)> {
        Ok(match (inputs, &self.reorder) {
            ([x, ..], Some(reorder)) => (algebra.gather(x, reorder)?, None),
            ([x, ..], None) => ((*x).clone(), None),
            ([], _) => (algebra.constants(&[]), None),
        })
    }

    fn backward(
        &self,
        algebra: &A,
        seen: &Seen<'_, A::Tensor>,
        gradient: &A::Tensor,
    ) -> Result<Gradients<A::Tensor>> {
        let input = match &self.reorder {
            _ if !seen.wants_inputs => None,
            Some(reorder) => Some(algebra.scatter_add(gradient, reorder)?),
            None => Some(gradient.clone()),
        };
        Ok(Gradients { inputs: vec![input], parameters: Vec::new() })
    }
}
