//! Tensors of an ONNX file.

use super::proto::TensorProto;
use crate::tensor::{Tensor, checked_numel};

/// Numbers of ONNX' data types that are read.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
const DOUBLE: i32 = 11;

/// The tensor in `f64`; in words, why not.
pub(super) fn tensor(proto: &TensorProto) -> Result<Tensor, String> {
    if proto.data_location != 0 {
        return Err(format!("tensor {} lies in another file: export with all weights inside", proto.name));
    }
    let shape = proto.dims.iter().map(|length| usize::try_from(*length)).collect::<Result<Vec<usize>, _>>();
    let shape = shape.map_err(|_| format!("tensor {} has a negative dimension", proto.name))?;
    let raw = &*proto.raw_data;
    let data: Vec<f64> = match proto.data_type {
        FLOAT if raw.is_empty() => proto.float_data.iter().map(|x| f64::from(*x)).collect(),
        FLOAT => numbers(raw, |bytes: [u8; 4]| f64::from(f32::from_le_bytes(bytes))),
        DOUBLE if raw.is_empty() => proto.double_data.clone(),
        DOUBLE => numbers(raw, f64::from_le_bytes),
        INT64 if raw.is_empty() => proto.int64_data.iter().map(|x| *x as f64).collect(),
        INT64 => numbers(raw, |bytes: [u8; 8]| i64::from_le_bytes(bytes) as f64),
        other => {
            return Err(format!(
                "tensor {} is of ONNX data type {other}, not float, double or int64",
                proto.name
            ));
        }
    };
    match checked_numel(&shape) {
        Some(count) if count == data.len() => Ok(Tensor::from_parts(shape, data)),
        _ => Err(format!("tensor {} of shape {shape:?} holds {} values", proto.name, data.len())),
    }
}

fn numbers<const SIZE: usize>(raw: &[u8], number: impl Fn([u8; SIZE]) -> f64) -> Vec<f64> {
    raw.chunks_exact(SIZE).filter_map(|bytes| bytes.try_into().ok()).map(number).collect()
}
