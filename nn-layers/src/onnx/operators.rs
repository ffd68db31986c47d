//! Operator by operator: which layer each ONNX node is.

use super::attributes::Attributes;
use super::import::{Importer, Refused, Value};
use super::proto::NodeProto;
use crate::layers::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Conv2d, ConvTranspose2d, Dropout,
    Flatten, Layer, Linear, Mul, Reshape, Upsample,
};
use crate::tensor::{Tensor, numel};

type Made = Result<Value, Refused>;

/// The value that `node` makes.
pub(super) fn value(net: &mut Importer, node: &NodeProto) -> Made {
    match &*node.op_type {
        "Conv" => convolution(net, node),
        "ConvTranspose" => transposed(net, node),
        "Gemm" => gemm(net, node),
        "MatMul" => matmul(net, node),
        "BatchNormalization" => batch_norm(net, node),
        "AveragePool" => average_pool(net, node),
        "GlobalAveragePool" => unary(net, node, AdaptiveAvgPool2d::global()),
        "ReduceMean" => reduce_mean(net, node),
        "Relu" => unary(net, node, Activation::Relu),
        "Tanh" => unary(net, node, Activation::Tanh),
        "Sigmoid" => sigmoid(net, node),
        "Gelu" if Attributes(node).text("approximate", "none") == "none" => {
            unary(net, node, Activation::Gelu)
        }
        "Pow" => power(net, node),
        "Add" => sum(net, node, 1.0),
        "Sub" => sum(net, node, -1.0),
        "Mul" => product(net, node, |factor| factor),
        "Div" => product(net, node, f64::recip),
        "Concat" => concat(net, node),
        "Flatten" => flatten(net, node),
        "Reshape" | "Squeeze" | "Unsqueeze" => reshape(net, node),
        "Resize" | "Upsample" => resize(net, node),
        "Dropout" => unary(net, node, Dropout::new(0.0)),
        "Identity" => Ok(net.input(node, 0)?),
        "Constant" => match Attributes(node).get("value").and_then(|attribute| attribute.t.as_ref()) {
            Some(tensor) => Ok(Value::Constant(super::constant::tensor(tensor)?)),
            None => Err("only tensors are read as constants".to_owned().into()),
        },
        other => Err(format!("operator {other} is not supported; {}", instead(other)).into()),
    }
}

/// What could stand in an operator's place.
fn instead(operator: &str) -> &'static str {
    match operator {
        "MaxPool" | "GlobalMaxPool" => "train with mean pooling: a maximum has no short polynomial",
        "LeakyRelu" | "PRelu" | "Elu" | "HardSigmoid" | "HardSwish" | "Softplus" | "Clip" => {
            "train with ReLU, SiLU, GELU, sigmoid, tanh or a square"
        }
        "Softmax" | "LogSoftmax" => {
            "leave it out: a network's outputs are logits, and softmax belongs to the client"
        }
        "InstanceNormalization" | "LayerNormalization" | "GroupNormalization" => {
            "train with batch normalisation: its figures are fixed after training"
        }
        "LSTM" | "GRU" | "RNN" | "Loop" | "If" | "Scan" => {
            "unroll the network into layers without control flow"
        }
        "Pad" => "give the padding to the convolution",
        _ => "build it from the layers that `nn_layers::Layer` lists",
    }
}

fn unary(net: &mut Importer, node: &NodeProto, layer: impl Into<Layer>) -> Made {
    let x = net.node(node, 0)?;
    net.layer(node, layer, &[x], Vec::new())
}

fn with_bias<'a>(weight: Tensor, bias: Option<Tensor>) -> Vec<(&'a str, Tensor)> {
    std::iter::once(("weight", weight)).chain(bias.map(|bias| ("bias", bias))).collect()
}

fn weight_of(net: &Importer, node: &NodeProto) -> Result<Tensor, String> {
    net.constant(node, 1)?.ok_or_else(|| "has no weight".to_owned())
}

fn groups(attributes: &Attributes<'_>) -> Result<usize, String> {
    usize::try_from(attributes.int("group", 1)).map_err(|_| "the number of groups is negative".to_owned())
}

fn convolution(net: &mut Importer, node: &NodeProto) -> Made {
    let attributes = Attributes(node);
    let (weight, bias) = (weight_of(net, node)?, net.constant(node, 2)?);
    let &[out_channels, ins, height, width] = weight.shape() else {
        return Err(
            format!("a weight of shape {:?} is not for images of two dimensions", weight.shape()).into()
        );
    };
    let groups = groups(&attributes)?;
    let layer = Conv2d {
        in_channels: ins.saturating_mul(groups),
        out_channels,
        kernel: [height, width],
        stride: attributes.pair("strides", 1)?,
        padding: attributes.padding()?,
        dilation: attributes.pair("dilations", 1)?,
        groups,
        bias: bias.is_some(),
    };
    let x = net.node(node, 0)?;
    net.layer(node, layer, &[x], with_bias(weight, bias))
}

fn transposed(net: &mut Importer, node: &NodeProto) -> Made {
    let attributes = Attributes(node);
    let (weight, bias) = (weight_of(net, node)?, net.constant(node, 2)?);
    let &[in_channels, outs, height, width] = weight.shape() else {
        return Err(
            format!("a weight of shape {:?} is not for images of two dimensions", weight.shape()).into()
        );
    };
    if attributes.get("output_shape").is_some() {
        return Err("output_shape: give output_padding instead".to_owned().into());
    }
    let groups = groups(&attributes)?;
    let layer = ConvTranspose2d {
        in_channels,
        out_channels: outs.saturating_mul(groups),
        kernel: [height, width],
        stride: attributes.pair("strides", 1)?,
        padding: attributes.padding()?,
        output_padding: attributes.pair("output_padding", 0)?,
        dilation: attributes.pair("dilations", 1)?,
        groups,
        bias: bias.is_some(),
    };
    let x = net.node(node, 0)?;
    net.layer(node, layer, &[x], with_bias(weight, bias))
}

fn transposed_matrix(matrix: &Tensor) -> Result<Tensor, String> {
    let &[rows, columns] = matrix.shape() else {
        return Err(format!("a weight of shape {:?} is no matrix", matrix.shape()));
    };
    let column = |column: usize| matrix.data().iter().skip(column).step_by(columns.max(1));
    Ok(Tensor::from_parts(vec![columns, rows], (0..columns).flat_map(column).copied().collect()))
}

fn scaled(tensor: Tensor, factor: f64) -> Tensor {
    let shape = tensor.shape().to_vec();
    Tensor::from_parts(shape, tensor.into_data().into_iter().map(|x| x * factor).collect())
}

fn linear(net: &mut Importer, node: &NodeProto, weight: Tensor, bias: Option<Tensor>) -> Made {
    let &[out_features, in_features] = weight.shape() else {
        return Err(format!("a weight of shape {:?} is no matrix", weight.shape()).into());
    };
    let layer = Linear { in_features, out_features, bias: bias.is_some() };
    let x = net.node(node, 0)?;
    net.layer(node, layer, &[x], with_bias(weight, bias))
}

fn gemm(net: &mut Importer, node: &NodeProto) -> Made {
    let attributes = Attributes(node);
    if attributes.int("transA", 0) != 0 {
        return Err("transA: the batch must be the first dimension".to_owned().into());
    }
    let weight = weight_of(net, node)?;
    let weight = if attributes.int("transB", 0) == 0 { transposed_matrix(&weight)? } else { weight };
    let outs = weight.shape().first().copied().unwrap_or(0);
    let bias = net.constant(node, 2)?.map(|bias| match bias.data() {
        [one] => Tensor::from_parts(vec![outs], vec![*one; outs]),
        values => Tensor::from_parts(vec![values.len()], values.to_vec()),
    });
    let bias = bias.map(|bias| scaled(bias, attributes.float("beta", 1.0)));
    linear(net, node, scaled(weight, attributes.float("alpha", 1.0)), bias)
}

fn matmul(net: &mut Importer, node: &NodeProto) -> Made {
    let weight = transposed_matrix(&weight_of(net, node)?)?;
    linear(net, node, weight, None)
}

fn batch_norm(net: &mut Importer, node: &NodeProto) -> Made {
    let names = ["weight", "bias", "running_mean", "running_var"];
    let mut parameters = Vec::new();
    for (name, index) in names.into_iter().zip(1..) {
        let tensor = net.constant(node, index)?.ok_or_else(|| format!("{name} is missing"))?;
        parameters.push((name, tensor));
    }
    let features = parameters.first().map_or(0, |(_, weight)| weight.data().len());
    let layer = BatchNorm::new(features).eps(Attributes(node).float("epsilon", 1e-5));
    let x = net.node(node, 0)?;
    net.layer(node, layer, &[x], parameters)
}

fn average_pool(net: &mut Importer, node: &NodeProto) -> Made {
    let attributes = Attributes(node);
    let padding = attributes.padding()?;
    if padding != [0, 0] && attributes.int("count_include_pad", 0) == 0 {
        return Err("padding is not counted: pool with count_include_pad=True".to_owned().into());
    }
    if attributes.int("ceil_mode", 0) != 0 {
        return Err("ceil_mode: pool with ceil_mode=False".to_owned().into());
    }
    if attributes.pair("dilations", 1)? != [1, 1] {
        return Err("dilated pooling: use a convolution".to_owned().into());
    }
    let layer = AvgPool2d {
        kernel: attributes.pair("kernel_shape", 1)?,
        stride: attributes.pair("strides", 1)?,
        padding,
    };
    unary(net, node, layer)
}

/// A list of numbers, from an attribute (older operator sets) or a constant input.
fn integers(net: &Importer, node: &NodeProto, name: &str, index: usize) -> Result<Option<Vec<i64>>, String> {
    match Attributes(node).get(name) {
        Some(attribute) => Ok(Some(attribute.ints.clone())),
        None => {
            Ok(net.constant(node, index)?.map(|tensor| tensor.data().iter().map(|x| *x as i64).collect()))
        }
    }
}

fn reduce_mean(net: &mut Importer, node: &NodeProto) -> Made {
    let (id, shape) = net.node(node, 0)?;
    let mut axes = integers(net, node, "axes", 1)?.unwrap_or_default();
    axes.iter_mut().filter(|axis| **axis < 0).for_each(|axis| *axis += 4);
    axes.sort_unstable();
    let (&[channels, ..], [2, 3], 3) = (&*shape, &*axes, shape.len()) else {
        return Err(format!(
            "mean over axes {axes:?} of {shape:?}: only the mean of whole planes is supported"
        )
        .into());
    };
    let mean = net.layer(node, AdaptiveAvgPool2d::global(), &[(id, shape)], Vec::new())?;
    if Attributes(node).int("keepdims", 1) != 0 {
        return Ok(mean);
    }
    behind(net, node, "flat", Reshape::new(&[channels]), mean)
}

/// A second layer for one ONNX node.
fn behind(net: &mut Importer, node: &NodeProto, suffix: &str, layer: impl Into<Layer>, value: Value) -> Made {
    let Value::Node(id, shape) = value else { return Ok(value) };
    let name = if node.name.is_empty() { String::new() } else { format!("{}.{suffix}", node.name) };
    let renamed = NodeProto { name, ..node.clone() };
    net.layer(&renamed, layer, &[(id, shape)], Vec::new())
}

fn sigmoid(net: &mut Importer, node: &NodeProto) -> Made {
    let x = net.node(node, 0)?;
    let made = net.layer(node, Activation::Sigmoid, std::slice::from_ref(&x), Vec::new())?;
    if let Value::Node(id, _) = &made {
        net.sigmoids.insert(*id, x.0);
    }
    Ok(made)
}

fn power(net: &mut Importer, node: &NodeProto) -> Made {
    match net.constant(node, 1)?.as_ref().map(Tensor::data) {
        Some([exponent]) if *exponent == 2.0 => unary(net, node, Activation::Square),
        Some([exponent]) if *exponent == 1.0 => Ok(net.input(node, 0)?),
        other => {
            Err(format!("exponent {other:?}: only squares are supported; multiply for higher powers").into())
        }
    }
}

/// One number a channel (of the first dimension behind the batch) from a constant that is broadcast over a value of `shape`.
fn per_channel(constant: &Tensor, shape: &[usize]) -> Result<Vec<f64>, String> {
    let channels = shape.first().copied().unwrap_or(1);
    let along: Vec<usize> = constant.shape().iter().copied().skip_while(|length| *length == 1).collect();
    match (constant.data(), &*along) {
        ([one], _) => Ok(vec![*one; channels]),
        // Behind the channel, each dimension of the value is there, of length 1.
        (values, [length, ones @ ..])
            if *length == channels && ones.len() + 1 == shape.len() && numel(ones) == 1 =>
        {
            Ok(values.to_vec())
        }
        _ => Err(format!(
            "a constant of shape {:?} over {shape:?}: one number, or one a channel",
            constant.shape()
        )),
    }
}

/// `factor x + addend` with one figure a channel, as a normalisation.
fn affine(
    net: &mut Importer,
    node: &NodeProto,
    x: NodeIdAndShape,
    factor: Vec<f64>,
    addend: Vec<f64>,
) -> Made {
    let features = factor.len();
    let of = |values: Vec<f64>| Tensor::from_parts(vec![features], values);
    let parameters = vec![
        ("weight", of(factor)),
        ("bias", of(addend)),
        ("running_mean", of(vec![0.0; features])),
        ("running_var", of(vec![1.0; features])),
    ];
    net.layer(node, BatchNorm::new(features).eps(0.0), &[x], parameters)
}

type NodeIdAndShape = (crate::graph::NodeId, Vec<usize>);

fn sum(net: &mut Importer, node: &NodeProto, sign: f64) -> Made {
    match (net.input(node, 0)?, net.input(node, 1)?) {
        (Value::Node(a, shape), Value::Constant(b)) => {
            let addend: Vec<f64> = per_channel(&b, &shape)?.into_iter().map(|x| sign * x).collect();
            affine(net, node, (a, shape), vec![1.0; addend.len()], addend)
        }
        (Value::Constant(a), Value::Node(b, shape)) => {
            let addend = per_channel(&a, &shape)?;
            affine(net, node, (b, shape), vec![sign; addend.len()], addend)
        }
        (Value::Node(a, first), Value::Node(b, second)) if sign > 0.0 => {
            net.layer(node, Add, &[(a, first), (b, second)], Vec::new())
        }
        (Value::Node(a, first), Value::Node(b, second)) => {
            let channels = second.first().copied().unwrap_or(1);
            let renamed = NodeProto { name: format!("{}.negated", node.name), ..node.clone() };
            let renamed = if node.name.is_empty() { node } else { &renamed };
            let negated = affine(net, renamed, (b, second), vec![-1.0; channels], vec![0.0; channels])?;
            let Value::Node(b, second) = negated else { return Ok(negated) };
            net.layer(node, Add, &[(a, first), (b, second)], Vec::new())
        }
        _ => Err("a sum of constants: export with constant folding".to_owned().into()),
    }
}

fn product(net: &mut Importer, node: &NodeProto, factor: impl Fn(f64) -> f64) -> Made {
    let divides = node.op_type == "Div";
    match (net.input(node, 0)?, net.input(node, 1)?) {
        (Value::Node(a, shape), Value::Constant(b)) => {
            let factors: Vec<f64> = per_channel(&b, &shape)?.into_iter().map(factor).collect();
            let zeros = vec![0.0; factors.len()];
            affine(net, node, (a, shape), factors, zeros)
        }
        _ if divides => {
            Err("division by a computed value has no short polynomial: divide by constants".to_owned().into())
        }
        (Value::Constant(a), Value::Node(b, shape)) => {
            let factors = per_channel(&a, &shape)?;
            let zeros = vec![0.0; factors.len()];
            affine(net, node, (b, shape), factors, zeros)
        }
        (Value::Node(a, first), Value::Node(b, second)) => {
            // x · sigmoid(x) is PyTorch's SiLU.
            for (x, gate, shape) in [(a, b, &first), (b, a, &first)] {
                if net.sigmoids.get(&gate) == Some(&x) {
                    return net.layer(node, Activation::Silu, &[(x, shape.clone())], Vec::new());
                }
            }
            let swap = numel(&first) < numel(&second);
            let (a, b) = ((a, first), (b, second));
            net.layer(node, Mul, &if swap { [b, a] } else { [a, b] }, Vec::new())
        }
        _ => Err("a product of constants: export with constant folding".to_owned().into()),
    }
}

fn concat(net: &mut Importer, node: &NodeProto) -> Made {
    let inputs = (0..node.input.len()).map(|index| net.node(node, index)).collect::<Result<Vec<_>, _>>()?;
    let rank = inputs.first().map_or(0, |(_, shape)| shape.len() as i64 + 1);
    let axis = Attributes(node).int("axis", 1);
    if axis != 1 && axis.saturating_add(rank) != 1 {
        return Err(format!("concatenation along axis {axis}: only along the channels (1)").into());
    }
    net.layer(node, Concat, &inputs, Vec::new())
}

fn flatten(net: &mut Importer, node: &NodeProto) -> Made {
    match Attributes(node).int("axis", 1) {
        1 => unary(net, node, Flatten),
        axis => Err(format!("axis {axis}: the batch must stay the first dimension").into()),
    }
}

fn reshape(net: &mut Importer, node: &NodeProto) -> Made {
    let (id, shape) = net.node(node, 0)?;
    let wanted = integers(net, node, "axes", 1)?.unwrap_or_default();
    let signed = |length: &usize| i64::try_from(*length).unwrap_or(i64::MAX);
    let new: Vec<i64> = match &*node.op_type {
        "Reshape" => {
            let Some((_batch, image)) = wanted.split_first() else {
                return Err("has no shape".to_owned().into());
            };
            let copied = |(index, length): (usize, &i64)| match length {
                0 => shape.get(index).map_or(0, signed),
                other => *other,
            };
            image.iter().enumerate().map(copied).collect()
        }
        "Squeeze" => {
            let rank = signed(&(shape.len() + 1));
            let gone = |axis: i64| wanted.contains(&axis) || wanted.contains(&(axis - rank));
            shape.iter().zip(1..).filter(|(_, axis)| !gone(*axis)).map(|(length, _)| signed(length)).collect()
        }
        _ => {
            let rank = signed(&(shape.len() + 1 + wanted.len()));
            let added = |axis: i64| wanted.contains(&axis) || wanted.contains(&(axis - rank));
            let mut old = shape.iter().map(signed);
            (1..rank).map(|axis| if added(axis) { 1 } else { old.next().unwrap_or(1) }).collect()
        }
    };
    let known: i64 =
        new.iter().filter(|length| **length > 0).fold(1, |product, length| product.saturating_mul(*length));
    let rest = signed(&numel(&shape)).checked_div(known).unwrap_or(0);
    let image = new.iter().map(|length| usize::try_from(if *length == -1 { rest } else { *length }));
    let image = image
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| format!("cannot reshape {shape:?} to {wanted:?}"))?;
    net.layer(node, Reshape::new(&image), &[(id, shape)], Vec::new())
}

fn resize(net: &mut Importer, node: &NodeProto) -> Made {
    let attributes = Attributes(node);
    match &*attributes.text("mode", "nearest") {
        "nearest" => {}
        other => return Err(format!("mode {other}: upsample with mode=\"nearest\"").into()),
    }
    let (id, shape) = net.node(node, 0)?;
    let given = |index: usize| -> Result<Option<Tensor>, String> {
        Ok(net.constant(node, index)?.filter(|tensor| !tensor.data().is_empty()))
    };
    let factors: Vec<f64> = match (given(2)?, given(3)?) {
        (Some(scales), _) => scales.data().to_vec(),
        (None, Some(sizes)) => {
            let old = std::iter::once(1).chain(shape.iter().copied());
            let whole = sizes.data().iter().enumerate();
            whole
                .zip(old)
                .map(|((index, size), old)| if index == 0 { 1.0 } else { size / old as f64 })
                .collect()
        }
        (None, None) => return Err("has neither scales nor sizes".to_owned().into()),
    };
    let whole = |factor: f64| (factor >= 1.0 && factor.fract() == 0.0).then_some(factor as usize);
    match &*factors {
        [batch, channels, vertical, horizontal] if *batch == 1.0 && *channels == 1.0 => {
            match (whole(*vertical), whole(*horizontal)) {
                (Some(vertical), Some(horizontal)) => {
                    net.layer(node, Upsample { factor: [vertical, horizontal] }, &[(id, shape)], Vec::new())
                }
                _ => Err(format!("factors {factors:?}: only whole ones").into()),
            }
        }
        _ => Err(format!("factors {factors:?}: only height and width can grow").into()),
    }
}
