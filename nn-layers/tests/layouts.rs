//! Layouts are injective, packing and unpacking undo each other, generators agree with themselves.

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use common::random;
use he_traits::{Complex64, Diagonal, Generator};
use nn_layers::Layout;
use nn_layers::layers::{Conv2d, Operation};
use nn_layers::lower::{Lowered, Operator};
use nn_layers::pack::PackedMap;
use proptest::prelude::*;

fn layout() -> impl Strategy<Value = Layout> {
    (1usize..20, 1usize..8, 1usize..8, 1usize..5, 0usize..9, 0u32..14, any::<bool>()).prop_map(
        |(channels, height, width, gap, spare, slots, dense)| {
            let shape = [channels, height, width];
            if dense {
                // Any number of slots, not only powers of two.
                Layout::dense(&shape, (1 << slots) + spare)
            } else {
                Layout::multiplexed(&shape, gap, gap * width + spare, 1 << slots)
            }
        },
    )
}

proptest! {
    #[test]
    fn places_and_elements_are_inverse(layout in layout()) {
        let mut taken = vec![None; layout.places()];
        for element in 0..layout.elements() {
            let place = layout.place(element);
            prop_assert!(place < layout.places());
            prop_assert_eq!(taken[place], None, "two elements at place {}", place);
            taken[place] = Some(element);
        }
        for (place, element) in taken.into_iter().enumerate() {
            prop_assert_eq!(layout.element(place), element);
        }
    }

    #[test]
    fn places_fit_the_slots(layout in layout()) {
        prop_assert_eq!(layout.slots() % layout.period(), 0);
        prop_assert_eq!(layout.places() % layout.period(), 0);
        prop_assert_eq!(layout.blocks(), (layout.places() / layout.slots()).max(1));
    }

    #[test]
    fn unpacking_undoes_packing(layout in layout(), seed in 0u64..100) {
        let values = random(&[layout.elements()], seed).into_data();
        let blocks = layout.pack(&values).unwrap();
        let repeated: Vec<Vec<f64>> = blocks
            .iter()
            .map(|block| match block {
                Diagonal::Real(values) => values.iter().copied().cycle().take(layout.slots()).collect(),
                _ => unreachable!(),
            })
            .collect();
        prop_assert_eq!(layout.unpack(&repeated).unwrap(), values);
    }

    #[test]
    fn entries_are_those_of_the_rows(
        channels in 1usize..4, kernel in 1usize..4, stride in 1usize..3, padding in 0usize..2, dilation in 1usize..3,
        gap in 1usize..3,
    ) {
        let layer = Conv2d::new(2 * channels, 4, kernel).groups(2).stride(stride).padding(padding).dilation(dilation);
        let shape = [2 * channels, 7, 6];
        let output = layer.output_shape(&[&shape]);
        prop_assume!(output.is_ok());
        let output = output.unwrap();
        let weight = random(&[4, channels, kernel, kernel], 5);
        let bias = random(&[4], 6);
        let lowered = layer.lower(&[&shape], &output, &[&weight, &bias]);
        let Lowered::Affine { maps, .. } = lowered else { unreachable!() };
        let map = PackedMap::new(
            maps[0].clone(),
            Layout::multiplexed(&shape, 1, 6, 128),
            Layout::multiplexed(&output, gap, 6 * gap, 128),
        );
        let (rows, columns) = map.shape();
        for row in 0..rows {
            let mut dense = vec![Complex64::ZERO; columns];
            map.row(row, &mut |column, entry| dense[column] += entry);
            for (column, expected) in dense.iter().enumerate() {
                prop_assert_eq!(map.entry(row, column), *expected);
            }
        }
    }
}

#[test]
fn composition_is_the_product() {
    let (a, b) = (random(&[3, 5], 1), random(&[5, 4], 2));
    let operator =
        |t: &nn_layers::Tensor, columns| Operator::matrix(nn_layers::lower::DenseMap::new(columns, t.data()));
    let (a, b) = (operator(&a, 5), operator(&b, 4));
    let x = random(&[4], 3).into_data();
    let product = a.scaled(2.0).after(&b, 12).unwrap();
    let expected = a.apply(&b.apply(&x));
    for (got, expected) in product.apply(&x).iter().zip(expected) {
        assert!((got - 2.0 * expected).abs() < 1e-14);
    }
    assert!(a.after(&b, 11).is_none(), "more entries than allowed");
}
