"""A graph of `training.graph` with standard ONNX operators only.

onnxruntime's own operators become what they stand for: an int8 product becomes DequantizeLinear, MatMul and
Add (the form that other runtimes recognise and fuse into int8 products), a fused attention its single steps.
Weights, scales and ranges stay the same.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MS: Final = "com.microsoft"
BLOCKED: Final = -1e4
"""What onnxruntime's attention adds to the scores of padding."""


def standardised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network. Raises KeyError on an operator of onnxruntime that our graphs do not use."""
    return _Rewriter(model).rewritten()


class _Rewriter:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.source = model
        self.nodes: list[onnx.NodeProto] = []
        self.added: dict[str, onnx.TensorProto] = {}
        self.rules: dict[str, Callable[[onnx.NodeProto], None]] = {
            "MatMulIntegerToFloat": self.product,
            "QAttention": self.quantised_attention,
            "Attention": self.float_attention,
            "SkipLayerNormalization": self.skip_normalisation,
            "Gelu": self.gelu,
        }
        self.shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}

    def rewritten(self) -> onnx.ModelProto:
        for node in self.source.graph.node:
            if node.domain == MS:
                self.rules[node.op_type](node)
            else:
                self.nodes.append(node)
        graph = helper.make_graph(
            self.nodes,
            self.source.graph.name,
            self.source.graph.input,
            self.source.graph.output,
            [*self.source.graph.initializer, *self.added.values()],
        )
        opsets = [opset for opset in self.source.opset_import if opset.domain != MS]
        return helper.make_model(graph, opset_imports=opsets, ir_version=self.source.ir_version)

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        result = output or f"standard_{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result], name=result, **attributes))
        return result

    def constant(self, name: str, value: Any, kind: type[np.generic] = np.int64) -> str:
        name = f"standard.{name}"
        self.added.setdefault(name, numpy_helper.from_array(np.array(value, kind), name))
        return name

    # ---- operators ----------------------------------------------------------------------------------------

    def product(self, node: onnx.NodeProto) -> None:
        left, weight, scale, weight_scale, zero, weight_zero, bias = node.input
        dense = self.op("DequantizeLinear", weight, weight_scale, weight_zero, axis=1)
        multiplied = self.op("MatMul", self.op("DequantizeLinear", left, scale, zero), dense)
        self.op("Add", multiplied, bias, output=node.output[0])

    def quantised_attention(self, node: onnx.NodeProto) -> None:
        hidden, weight, bias, scale, weight_scale, mask, zero, weight_zero = node.input
        dense = self.op("DequantizeLinear", weight, weight_scale, weight_zero, axis=1)
        self.attention(node, self.op("DequantizeLinear", hidden, scale, zero), dense, bias, mask)

    def float_attention(self, node: onnx.NodeProto) -> None:
        hidden, weight, bias, mask = node.input
        self.attention(node, hidden, weight, bias, mask)

    def attention(self, node: onnx.NodeProto, hidden: str, weight: str, bias: str, mask: str) -> None:
        """Scaled dot products; `node` names the heads, the weight's shape and the output."""
        width = self.shapes[node.input[1]][1] // 3
        heads = helper.get_node_attr_value(node, "num_heads")
        size = width // heads
        joined = self.op("Add", self.op("MatMul", hidden, weight), bias)
        by_head = self.constant(f"by_head.{size}", [0, 0, heads, size])
        parts = []
        # Keys are laid down transposed, so that queries times keys is one product.
        for part, order in enumerate(([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])):
            bounds = [self.constant(f"bound.{edge * width}", [edge * width]) for edge in (part, part + 1)]
            cut = self.op("Slice", joined, *bounds, self.constant("axis.2", [2]))
            parts.append(self.op("Transpose", self.op("Reshape", cut, by_head), perm=order))
        scale = self.constant(f"scale.{size}", size**-0.5, np.float32)
        scores = self.op("Mul", self.op("MatMul", parts[0], parts[1]), scale)
        shares = self.op("Softmax", self.op("Add", scores, self.blocked(mask)), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", shares, parts[2]), perm=[0, 2, 1, 3])
        self.op("Reshape", mixed, self.constant(f"joined.{width}", [0, 0, width]), output=node.output[0])

    def blocked(self, mask: str) -> str:
        """Added to the scores. Shape: (batch, 1, 1, tokens)."""
        absent = self.op(
            "Sub", self.constant("one", 1, np.float32), self.op("Cast", mask, to=TensorProto.FLOAT)
        )
        far = self.op("Mul", absent, self.constant("far", BLOCKED, np.float32))
        return self.op("Unsqueeze", far, self.constant("axes.1.2", [1, 2]))

    def skip_normalisation(self, node: onnx.NodeProto) -> None:
        left, right, weight, bias = node.input
        epsilon = helper.get_node_attr_value(node, "epsilon")
        total = self.op("Add", left, right)
        self.op("LayerNormalization", total, weight, bias, output=node.output[0], axis=-1, epsilon=epsilon)

    def gelu(self, node: onnx.NodeProto) -> None:
        self.op("Gelu", node.input[0], output=node.output[0])
