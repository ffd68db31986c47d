//! Layouts are injective, packing and unpacking undo each other, generators agree with themselves.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use std::sync::Arc;

use common::random;
use he_traits::{Complex64, Diagonal, Generator};
use nn_layers::Layout;
use nn_layers::layers::{AvgPool2d, Conv2d, ConvTranspose2d, Operation};
use nn_layers::lower::{Lowered, Operator};
use nn_layers::pack::{BlockSums, Order, PackedMap};
use proptest::prelude::*;

fn layout() -> impl Strategy<Value = Layout> {
    (1usize..20, 1usize..8, 1usize..8, 1usize..5, 0usize..9, 0u32..14, 0..7).prop_map(
        |(channels, height, width, gap, spare, slots, kind)| {
            let shape = [channels, height, width];
            match kind {
                // Any number of slots, not only powers of two.
                0 => Layout::dense(&shape, (1 << slots) + spare),
                1 => Layout::multiplexed(&shape, gap, gap * width + spare, 1 << slots),
                2 => Layout::rows(&shape, gap, gap * width + spare, spare * channels, 1 << slots),
                3 => Layout::row_vector(channels * height, width * spare, 1 << slots),
                4 => Layout::column(channels * height, width + spare, 1 << slots),
                5 => Layout::split(&shape, gap, width.div_ceil(gap) + spare, 1 << slots).unwrap(),
                _ => {
                    let (groups, grid) = (spare / 2, [width.div_ceil(gap) + spare, spare * channels]);
                    let order = Order::Parts { groups };
                    Layout::split_in(order, &shape, gap, grid, 1 << slots).unwrap()
                }
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
            for slot in taken.iter_mut().skip(place).take(layout.copies()) {
                prop_assert_eq!(*slot, None, "two elements at place {}", place);
                *slot = Some(element);
            }
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
            .map(|block| block.real("clear").unwrap().iter().copied().cycle().take(layout.slots()).collect())
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

proptest! {
    /// Pooling and a convolution between images in parts: a map of sums gives the same as one of all ciphertexts, and its generator agrees with itself.
    #[test]
    fn maps_of_sums_are_those_of_the_ciphertexts(
        groups in 1usize..3, each in 1usize..3, side in 5usize..10, phases in 1usize..5, slots in 3u32..8, seed in 0u64..100,
    ) {
        let channels = groups * each;
        let shape = [channels, side, side];
        let (pool, pooled) = by_windows(1, shape, [0, 2, 2, 0], seed).unwrap();
        let (conv, output) = grouped(pooled, groups, seed);
        let operator = conv.after(&pool, u64::MAX).unwrap();
        let row = side.div_ceil(phases);
        let order = Order::Parts { groups };
        let input = Layout::split_in(order, &shape, phases, [row, 1], 1 << slots).unwrap();
        let output = Layout::multiplexed(&output, 1, output[2], 1 << slots);
        let sums = BlockSums::new(&operator, &input).map(Arc::new);
        let map = PackedMap::new(operator.clone(), input.clone(), output.clone()).of_sums(sums.clone());
        let x = random(&[operator.columns()], seed + 9).into_data();
        let block = |block: Diagonal| block.real("clear").unwrap().iter().copied().cycle().take(input.slots()).collect();
        let blocks: Vec<Vec<f64>> = input.pack(&x).unwrap().into_iter().map(block).collect();
        let read: Vec<f64> = match &sums {
            None => blocks.concat(),
            Some(sums) => {
                prop_assert!(sums.sums().len() < blocks.len());
                let slot = |sum: &[usize], slot: usize| sum.iter().map(|block| blocks[*block][slot]).sum();
                sums.sums().iter().flat_map(|sum| (0..input.slots()).map(move |at| slot(sum, at))).collect()
            }
        };
        let expected = operator.apply(&x);
        let (rows, columns) = map.shape();
        for row in 0..rows {
            let mut dense = vec![Complex64::ZERO; columns];
            map.row(row, &mut |column, entry| dense[column] += entry);
            let mut got = 0.0;
            for (column, entry) in dense.iter().enumerate() {
                prop_assert_eq!(map.entry(row, column), *entry);
                got += entry.re * read[column];
            }
            let expected = output.element(row).map_or(0.0, |element| expected[element]);
            prop_assert!((got - expected).abs() < 1e-12, "{} and {}", got, expected);
        }
    }
}

/// A convolution of 1 x 1 or 2 x 2 in groups, two channels out of each.
fn grouped(input: [usize; 3], groups: usize, seed: u64) -> (Operator, [usize; 3]) {
    let kernel = 1 + seed as usize % 2;
    let weight = random(&[2 * groups, input[0] / groups, kernel, kernel], seed);
    let layer = Conv2d::new(input[0], 2 * groups, kernel).groups(groups).without_bias();
    let output = layer.output_shape(&[&input]).unwrap();
    let Lowered::Affine { mut maps, .. } = layer.lower(&[&input], &output, &[&weight]) else {
        unreachable!()
    };
    (maps.remove(0), output.try_into().unwrap())
}

/// A convolution, a mean pool or a transposed convolution with random figures, and its operator; `None` where the figures make none.
fn by_windows(
    kind: usize,
    shape: [usize; 3],
    figures: [usize; 4],
    seed: u64,
) -> Option<(Operator, [usize; 3])> {
    let [outs, kernel, stride, padding] = figures;
    let [channels, ..] = shape;
    let weight = match kind {
        0 => random(&[outs, channels, kernel, kernel], seed),
        _ => random(&[channels, outs, kernel, kernel], seed),
    };
    let no_bias = random(&[outs], seed + 1);
    let lower = |layer: &dyn Operation, parameters: &[&nn_layers::Tensor]| {
        let output = layer.output_shape(&[&shape]).ok()?;
        let Lowered::Affine { mut maps, .. } = layer.lower(&[&shape], &output, parameters) else {
            unreachable!()
        };
        Some((maps.remove(0), output.try_into().ok()?))
    };
    match kind {
        0 => {
            lower(&Conv2d::new(channels, outs, kernel).stride(stride).padding(padding), &[&weight, &no_bias])
        }
        1 => lower(&AvgPool2d::new(kernel).stride(stride), &[]),
        _ => {
            let layer = ConvTranspose2d::new(channels, outs, kernel).stride(stride).padding(padding);
            lower(&layer, &[&weight, &no_bias])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn maps_by_windows_compose_to_their_product(
        kinds in [0usize..3, 0usize..2], figures in [[1usize..4, 1..4, 1..4, 0..3], [1usize..4, 1..4, 1..4, 0..3]],
        seed in 0u64..100,
    ) {
        let first = by_windows(kinds[0], [2, 7, 6], figures[0], seed);
        prop_assume!(first.is_some());
        let (first, between) = first.unwrap();
        let second = by_windows(kinds[1], between, figures[1], seed + 2);
        prop_assume!(second.is_some());
        let (second, _) = second.unwrap();
        let x = random(&[first.columns()], seed + 4).into_data();
        let expected = second.apply(&first.apply(&x));
        let got = second.after(&first, u64::MAX).unwrap().apply(&x);
        for (got, expected) in got.iter().zip(&expected) {
            prop_assert!((got - expected).abs() < 1e-12, "{} and {}", got, expected);
        }
    }
}

/// Where no edge is in the way, composing makes no matrix: the limit of entries does not matter.
#[test]
fn pooling_and_upsampling_compose_without_a_matrix() {
    let shape = [2, 8, 8];
    let (pool, pooled) = by_windows(1, shape, [0, 2, 2, 0], 1).unwrap();
    let (up, raised) = by_windows(2, shape, [3, 2, 2, 0], 2).unwrap();
    for (first, between) in [(pool, pooled), (up, raised)] {
        let (conv, _) = by_windows(0, between, [4, 3, 1, 1], 3).unwrap();
        let x = random(&[first.columns()], 4).into_data();
        let composed = conv.after(&first, 0).expect("no matrix is needed");
        let expected = conv.apply(&first.apply(&x));
        assert!(composed.apply(&x).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }
    // The same as a part of a concatenation: three channels from the second on of five.
    let (up, raised) = by_windows(2, shape, [3, 2, 2, 0], 2).unwrap();
    let pixels = raised[1] * raised[2];
    let placed = Operator::embedding(3 * pixels, pixels, 5 * pixels);
    let (conv, _) = by_windows(0, [5, raised[1], raised[2]], [4, 3, 1, 1], 3).unwrap();
    let x = random(&[up.columns()], 4).into_data();
    let part = placed.after(&up, 0).unwrap();
    let expected = conv.apply(&part.apply(&x));
    let composed = conv.after(&part, 0).expect("no matrix is needed");
    assert!(composed.apply(&x).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    // Two convolutions with padding: the second one's zeros are not what the first one continued would give.
    let (conv, same) = by_windows(0, shape, [2, 3, 1, 1], 5).unwrap();
    let (again, _) = by_windows(0, same, [2, 3, 1, 1], 6).unwrap();
    assert!(again.after(&conv, 0).is_none());
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
