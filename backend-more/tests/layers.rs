//! Whole layers of many values, in batches of eight, against the same numbers in the clear and against single steps.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use backend_more::{Ciphertext, FunctionMethod, More, MoreDecryptor, MoreEvaluator, Parameters, PreparedMap};
use he_traits::wire::{Decode, Encode};
use he_traits::{
    ClientScheme, Complex64, Decryptor, Diagonal, Encryptor, Evaluator, Exact, Function, Keep, KeyNeeds,
    Level, LinearMap, Schedule, Scheme, SparseMatrix, layer_by_steps,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

const SLOTS: usize = 60;
const FUNCTIONS: [Option<Function>; 6] = [
    None,
    Some(Function::Sigmoid),
    Some(Function::Tanh),
    Some(Function::Silu),
    Some(Function::Relu),
    // Its results are checked, so that it never runs in batches.
    Some(Function::Exp),
];

/// The forms in which batches are computed.
const FORMS: [FunctionMethod; 2] = [FunctionMethod::MatrixFunction, FunctionMethod::Compact];

struct Bench {
    rng: ChaCha20Rng,
    parameters: Parameters,
    decryptor: MoreDecryptor,
    server: MoreEvaluator,
    values: Vec<Vec<f64>>,
    encrypted: Vec<Ciphertext>,
}

impl Bench {
    fn new(parameters: Parameters, values: usize, period: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(values as u64);
        let keys = More::keygen(&parameters, &KeyNeeds::default(), &mut rng).unwrap();
        let encryptor = More::encryptor(&parameters, &keys.secret).unwrap();
        let values: Vec<Vec<f64>> =
            (0..values).map(|_| (0..period).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
        let encrypted = values
            .iter()
            .map(|v| encryptor.encrypt(&Diagonal::Real(v.clone()), Level::UNBOUNDED, &mut rng).unwrap())
            .collect();
        Self {
            decryptor: More::decryptor(&parameters, &keys.secret).unwrap(),
            server: More::evaluator(&parameters, keys.evaluation).unwrap(),
            rng,
            parameters,
            values,
            encrypted,
        }
    }

    /// A matrix of small sums, in which some columns are equal and one row is zero, so that both are added up and filled in.
    fn matrix(&mut self, rows: usize, columns: usize) -> Vec<Vec<f64>> {
        let distinct = columns.div_ceil(2);
        let mut matrix = Vec::new();
        for row in 0..rows {
            let own: Vec<f64> = (0..distinct)
                .map(|_| {
                    if row == 1 || self.rng.random_bool(0.3) {
                        0.0
                    } else {
                        self.rng.random_range(-1.0..1.0) * 4.0 / columns as f64
                    }
                })
                .collect();
            matrix.push((0..columns).map(|column| own[column / 2]).collect());
        }
        matrix
    }

    fn prepare(&self, matrix: &[Vec<f64>]) -> PreparedMap {
        let entries = matrix.iter().enumerate().flat_map(|(i, row)| {
            row.iter().enumerate().map(move |(j, value)| (i, j, Complex64::from(*value)))
        });
        let map = SparseMatrix::from_entries(matrix.len(), matrix[0].len(), entries).unwrap();
        let map = Arc::new(LinearMap::new(map));
        self.server.prepare(&map, &Schedule::Matrix, Level::UNBOUNDED, Keep::Encoded).unwrap()
    }

    #[track_caller]
    fn check(&self, results: &[Ciphertext], want: &[Vec<f64>]) {
        assert_eq!(results.len(), want.len());
        for (result, want) in results.iter().zip(want) {
            for (slot, got) in self.decryptor.decrypt(result).unwrap().iter().enumerate() {
                let want = want[slot % want.len()];
                assert!((got - want).abs() < 1e-11 * (1.0 + want.abs()), "slot {slot}: {got}, not {want}");
            }
        }
    }
}

fn layer(matrix: &[Vec<f64>], x: &[f64], bias: &[f64], function: Option<Function>) -> Vec<f64> {
    let one = |(i, row): (usize, &Vec<f64>)| {
        let sum: f64 = row.iter().enumerate().map(|(j, w)| w * x[j % x.len()]).sum();
        let sum = sum + bias[i % bias.len()];
        function.map_or(sum, |function| function.at(sum))
    };
    matrix.iter().enumerate().map(one).collect()
}

/// One thread, so that a few values already run in batches, whatever the machine.
fn on_one_thread(work: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work);
}

fn check(parameters: &Parameters, values: usize, [columns, hidden, rows]: [usize; 3], period: usize) {
    let mut bench = Bench::new(parameters.clone(), values, period);
    let (first, second) = (bench.matrix(hidden, columns), bench.matrix(rows, hidden));
    let maps = [bench.prepare(&first), bench.prepare(&second)];
    let biases: [Vec<f64>; 2] =
        [hidden, rows].map(|rows| (0..rows).map(|_| bench.rng.random_range(-1.0..1.0)).collect());
    let addend = |bias: &[f64]| {
        [bench.server.encode_addend(&Diagonal::Real(bias.to_vec()), Level::UNBOUNDED).unwrap()]
    };
    let addends = biases.each_ref().map(|bias| addend(bias));
    for function in FUNCTIONS {
        let x: Vec<&Ciphertext> = bench.encrypted.iter().collect();
        let hidden_values: Vec<Vec<f64>> =
            bench.values.iter().map(|x| layer(&first, x, &biases[0], function)).collect();
        let hidden = bench.server.layer(&x, &maps[0], Some(&addends[0]), function).unwrap();
        bench.check(&hidden, &hidden_values);
        let by_steps = layer_by_steps(&bench.server, &x, &maps[0], Some(&addends[0]), function).unwrap();
        bench.check(&by_steps, &hidden_values);
        // The second layer takes the first one's batches as they are; out of order, it has to lay new ones.
        let mut order: Vec<usize> = (0..values).collect();
        for _ in 0..2 {
            let x: Vec<&Ciphertext> = order.iter().map(|i| &hidden[*i]).collect();
            let want: Vec<Vec<f64>> = order
                .iter()
                .map(|i| layer(&second, &hidden_values[*i], &[0.0], Some(Function::Sigmoid)))
                .collect();
            let got = bench.server.layer(&x, &maps[1], None, Some(Function::Sigmoid)).unwrap();
            bench.check(&got, &want);
            order.rotate_left(1);
        }
    }
}

#[test]
fn layers_in_batches_of_eight() {
    on_one_thread(|| {
        for method in FORMS {
            let parameters = Parameters::new(SLOTS).unwrap().with_method(method);
            for values in [1, 4, 5, 8, 11, 16] {
                check(&parameters, values, [30, 20, 6], 30);
            }
            // More rows than one piece holds.
            check(&Parameters::new(600).unwrap().with_method(method), 8, [40, 300, 200], 40);
        }
    });
}

#[test]
fn layers_of_short_vectors_and_other_dimensions_and_methods() {
    on_one_thread(|| {
        let parameters = Parameters::new(SLOTS).unwrap();
        check(&parameters, 9, [30, 20, 6], 15);
        check(&parameters.clone().with_dimension(3).unwrap(), 9, [30, 20, 6], 30);
        check(&parameters.with_method(FunctionMethod::Eigendecomposition), 9, [30, 20, 6], 30);
    });
}

#[test]
fn what_comes_from_a_batch_is_a_ciphertext_like_any_other() {
    let check = |method| {
        let mut bench = Bench::new(Parameters::new(SLOTS).unwrap().with_method(method), 8, 30);
        let matrix = bench.matrix(20, 30);
        let map = bench.prepare(&matrix);
        let x: Vec<&Ciphertext> = bench.encrypted.iter().collect();
        let y = bench.server.linear(&x, &map).unwrap();
        let plain: Vec<Vec<f64>> = bench.values.iter().map(|x| layer(&matrix, x, &[0.0], None)).collect();
        let squares: Vec<f64> = plain[3].iter().map(|v| v * v).collect();
        bench.check(&[bench.server.mul(&y[3], &y[3]).unwrap()], &[squares]);
        let sums: Vec<f64> = plain[2].iter().zip(&plain[5]).map(|(a, b)| a + b).collect();
        bench.check(&[bench.server.add(&y[2], &y[5]).unwrap()], &[sums]);
        let tanh = bench.server.exact().unwrap().apply(&y[7], Function::Tanh).unwrap();
        bench.check(&[tanh], &[plain[7].iter().map(|v| v.tanh()).collect()]);
        let again = Ciphertext::from_bytes(&y[4].to_bytes().unwrap(), &bench.parameters).unwrap();
        assert!(again == y[4] && again != y[3]);
        assert_eq!(again.matrix(7), y[4].matrix(7));
    };
    on_one_thread(|| FORMS.into_iter().for_each(check));
}

#[test]
fn a_map_that_adds_up_joins_the_layer_before_it() {
    let check = |method| {
        // More rows than one piece holds.
        let mut bench = Bench::new(Parameters::new(600).unwrap().with_method(method), 11, 40);
        let first = bench.matrix(300, 40);
        // Every column goes to one row with a weight of its own, but for every seventh, which goes nowhere.
        let mut second = vec![vec![0.0; 300]; 100];
        for column in (0..300).filter(|column| column % 7 != 0) {
            second[(17 * column) % 100][column] = bench.rng.random_range(-1.0..1.0);
        }
        let mut twice = second.clone();
        twice[3][5] = 0.5;
        twice[4][5] = 0.5;
        let maps = [&first, &second, &twice].map(|matrix| bench.prepare(matrix));
        let bias: Vec<f64> = (0..300).map(|_| bench.rng.random_range(-1.0..1.0)).collect();
        let addend = [bench.server.encode_addend(&Diagonal::Real(bias.clone()), Level::UNBOUNDED).unwrap()];
        let x: Vec<&Ciphertext> = bench.encrypted.iter().collect();
        let run =
            |bias: Option<&[_]>, function, then| bench.server.layer_then(&x, &maps[0], bias, function, then);
        for function in FUNCTIONS.into_iter().flatten().filter(|function| *function != Function::Exp) {
            for (addend, bias) in [(None, &[0.0][..]), (Some(&addend[..]), &bias)] {
                let of = |x: &Vec<f64>| layer(&second, &layer(&first, x, bias, Some(function)), &[0.0], None);
                let want: Vec<Vec<f64>> = bench.values.iter().map(of).collect();
                bench.check(&run(addend, function, &maps[1]).unwrap().unwrap(), &want);
            }
        }
        // A column with two entries, a map of other values, a function that does not run in batches.
        assert!(run(None, Function::Tanh, &maps[2]).is_none());
        assert!(bench.server.layer_then(&x, &maps[1], None, Function::Tanh, &maps[1]).is_none());
        assert!(run(None, Function::Exp, &maps[1]).is_none());
    };
    on_one_thread(|| FORMS.into_iter().for_each(check));
}
