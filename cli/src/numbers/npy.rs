//! NumPy's format.

use std::io::Read;
use std::path::Path;

use nn_layers::Tensor;
use npyz::{Deserialize, NpyFile, Order, WriterBuilder};

use super::failed;
use crate::failure::Failure;

/// All numbers of an array `[N, ..shape]`, `[..shape]` or `[N, elements]` of floats or integers.
///
/// `bytes` is how many there are in `file`.
pub(super) fn read(path: &Path, file: impl Read, bytes: u64, shape: &[usize]) -> Result<Vec<f64>, Failure> {
    let array = NpyFile::new(file).map_err(|error| failed(path, error))?;
    let got: Vec<u64> = array.shape().to_vec();
    let expected: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
    let elements: u64 = expected.iter().product();
    let fits = got == expected || got.get(1..).is_some_and(|rest| rest == expected || rest == [elements]);
    if !fits {
        let reason = format!("an array {got:?} is no batch of samples {shape:?}");
        return Err(failed(path, reason));
    }
    if array.order() != Order::C {
        return Err(failed(path, "the array is in Fortran's order; save it with numpy.ascontiguousarray"));
    }
    // An element takes a byte at least: what a header claims is held against what is there.
    if got.iter().try_fold(1u64, |product, length| product.checked_mul(*length)).is_none_or(|n| n > bytes) {
        return Err(failed(path, format!("an array {got:?} does not fit into a file of {bytes} bytes")));
    }
    let kind = array.dtype().descr();
    macro_rules! of_type {
        ($array:expr, $($type:ty)+) => {{
            let array = $array;
            $(let array = match numbers::<$type, _>(array, |value| value as f64) {
                Ok(numbers) => return numbers.map_err(|error| failed(path, error)),
                Err(array) => array,
            };)+
            let _ = array;
        }};
    }
    of_type!(array, f64 f32 u8 i8 u16 i16 u32 i32 u64 i64);
    Err(failed(path, format!("it holds {kind}, but floats of 4 or 8 bytes or integers are needed")))
}

/// The numbers when they are of type `T`, the file again when they are not.
fn numbers<T: Deserialize, R: Read>(
    array: NpyFile<R>,
    convert: impl Fn(T) -> f64,
) -> Result<std::io::Result<Vec<f64>>, NpyFile<R>> {
    array.try_data::<T>().map(|data| data.map(|value| value.map(&convert)).collect())
}

/// An array of doubles.
pub(super) fn bytes(values: &Tensor) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shape: Vec<u64> = values.shape().iter().map(|length| *length as u64).collect();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values.data().iter().copied())?;
    writer.finish()?;
    Ok(bytes)
}
