"""Makes the ONNX files of the tests: small networks with seeded weights, one input, and the output of onnxruntime for it.

    pip install onnx onnxruntime numpy && python make.py

Each network is written node by node, in the operators and attributes that PyTorch's exporter uses.
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
RNG = np.random.default_rng(1)


class Graph:
    def __init__(self, shape):
        self.nodes, self.constants, self.shape, self.last = [], [], shape, "input"

    def constant(self, value):
        name = f"c{len(self.constants)}"
        value = value if isinstance(value, np.ndarray) else np.array(value)
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape):
        fan = int(np.prod(shape[1:])) or 1
        return self.constant((RNG.uniform(-1, 1, shape) * 1.5 / np.sqrt(fan)).astype(np.float32))

    def node(self, operator, *inputs, **attributes):
        output = f"v{len(self.nodes)}"
        inputs = inputs or (self.last,)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], f"/{operator}_{len(self.nodes)}", **attributes))
        self.last = output
        return output

    def save(self, name, opset):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *self.shape])],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, HERE / f"{name}.onnx")
        x = RNG.uniform(-1, 1, (2, *self.shape)).astype(np.float32)
        session = onnxruntime.InferenceSession(str(HERE / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        y = session.run(None, {"input": x})[0]
        for kind, value in (("input", x), ("output", y)):
            (HERE / f"{name}.{kind}.pb").write_bytes(numpy_helper.from_array(value, kind).SerializeToString())
        print(name, x.shape, y.shape)


def conv(g, ins, outs, kernel=3, padding=1, stride=1, groups=1, x=None):
    return g.node("Conv", x or g.last, g.weight(outs, ins // groups, kernel, kernel), g.weight(outs),
                  kernel_shape=[kernel] * 2, pads=[padding] * 4, strides=[stride] * 2, dilations=[1, 1], group=groups)


def norm(g, channels):
    positive = g.constant(RNG.uniform(0.5, 2, channels).astype(np.float32))
    return g.node("BatchNormalization", g.last, g.weight(channels), g.weight(channels), g.weight(channels), positive,
                  epsilon=1e-5, momentum=0.9)


def unet():
    g = Graph((1, 8, 8))
    conv(g, 1, 4)
    norm(g, 4)
    skip = g.node("Mul", g.last, g.last)
    g.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    conv(g, 4, 6)
    g.node("Pow", g.last, g.constant(np.float32(2)))
    up = g.node("ConvTranspose", g.last, g.weight(6, 4, 3, 3), g.weight(4), kernel_shape=[3, 3], strides=[2, 2],
                pads=[1, 1, 1, 1], output_padding=[1, 1], dilations=[1, 1], group=1)
    g.node("Concat", up, skip, axis=1)
    conv(g, 8, 1)
    g.save("unet", 17)


def residual():
    g = Graph((4, 8, 8))
    x = conv(g, 4, 8)
    gate = g.node("Sigmoid", x)
    x = g.node("Mul", x, gate)
    conv(g, 8, 8, stride=2, groups=2)
    left = norm(g, 8)
    right = conv(g, 8, 8, kernel=1, padding=0, stride=2, x=x)
    body = g.node("Add", left, right)
    g.node("GlobalAveragePool")
    g.node("Flatten", axis=1)
    g.node("Gemm", g.last, g.weight(2, 8), g.weight(2), transB=1)
    g.node("Relu")
    g.node("Gemm", g.last, g.weight(8, 2), g.weight(8), transB=1)
    gate = g.node("Sigmoid")
    gate = g.node("Reshape", gate, g.constant(np.array([-1, 8, 1, 1])))
    g.node("Mul", gate, body)
    g.node("ReduceMean", axes=[2, 3], keepdims=0)
    g.node("MatMul", g.last, g.weight(8, 5))
    g.node("Add", g.constant(RNG.uniform(-1, 1, 5).astype(np.float32)), g.last)
    g.save("residual", 13)


def small():
    g = Graph((2, 4, 6))
    g.node("Div", g.last, g.constant(np.float32(0.5)))
    g.node("Sub", g.last, g.constant(RNG.uniform(-1, 1, (2, 1, 1)).astype(np.float32)))
    first = g.node("Resize", g.last, "", g.constant(np.array([1, 1, 2, 3], np.float32)), mode="nearest",
                   coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    conv(g, 2, 2)
    g.node("Gelu")
    g.node("Sub", first, g.last)
    g.node("Tanh")
    g.node("Reshape", g.last, g.constant(np.array([0, 2, -1])))
    g.node("Unsqueeze", g.last, g.constant(np.array([2])))
    g.node("Squeeze", g.last, g.constant(np.array([-2])))
    g.node("Identity")
    g.node("Flatten", axis=1)
    g.node("Gemm", g.last, g.weight(288, 3), alpha=0.5)
    g.save("small", 20)


def refused():
    g = Graph((1, 4, 4))
    conv(g, 1, 2)
    g.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    g.save("refused", 17)


if __name__ == "__main__":
    unet()
    residual()
    small()
    refused()
