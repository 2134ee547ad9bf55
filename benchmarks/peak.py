"""What the machine can do: the rate of large int8 matrix products, and how much of them a graph needs."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PRODUCTS: Final = ("MatMulIntegerToFloat", "QAttention")
"""Operators of our graphs that multiply int8 matrices; their second input is the weight."""


class Product(NamedTuple):
    """A session that multiplies, and its left matrix. Shape: (size, size)."""

    session: onnxruntime.InferenceSession
    left: NDArray[np.uint8]


class Peak:
    """Square products of uint8 with int8 (`MatMulInteger`), the weight known beforehand as in a network."""

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._made: dict[int, Product] = {}

    def multiply(self, size: int) -> list[int]:
        """One product of two matrices of that size; the first row of the result."""
        if size not in self._made:
            self._made[size] = self._make(size)
        session, left = self._made[size]
        (product,) = session.run(None, {"left": left})
        first: list[int] = product[0].tolist()
        return first

    def _make(self, size: int) -> Product:
        random = np.random.default_rng(0)
        left = random.integers(0, 256, (size, size)).astype(np.uint8)
        right = random.integers(-127, 128, (size, size)).astype(np.int8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
            "peak",
            [helper.make_tensor_value_info("left", TensorProto.UINT8, [size, size])],
            [helper.make_tensor_value_info("product", TensorProto.INT32, [size, size])],
            [numpy_helper.from_array(right, "right")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return Product(session, left)


def operations(size: int) -> float:
    """Operations of a square product, in units of 1e9: a multiply-add counts as two."""
    return 2.0 * size**3 / 1e9


def int8_multiply_adds(graph: Path) -> dict[str, int]:
    """Operator -> multiply-adds that the int8 matrices of a graph need for one token."""
    model = onnx.load(graph, load_external_data=False).graph
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.initializer}
    found: dict[str, int] = {}
    for node in model.node:
        if node.op_type in PRODUCTS:
            found[node.op_type] = found.get(node.op_type, 0) + sizes[node.input[1]]
    return found
