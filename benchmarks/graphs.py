"""The weights of a bundle as other graphs: float, dynamic int8, and with standard operators only."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import onnx
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from benchmarks.standard_onnx import standardised
from models.bundle import GRAPH
from training.graph import build_graph
from training.warm_start import load_bundle

Form = Literal["static", "float", "dynamic", "standard_static", "standard_float"]


def write_graphs(bundle: Path, folder: Path, *, standard: bool) -> dict[Form, Path]:
    """Write every form of the bundle's weights (its int8 weights, made float again) into the folder.

    static: the released graph itself. float: the same operators in float32. dynamic: the float graph through
    onnxruntime's `quantize_dynamic`. standard_static, standard_float: only where `standard` is set; the first
    two with standard ONNX operators, for runtimes that do not know those of onnxruntime.
    """
    network = load_bundle(bundle, dropout=0.0).network.eval()
    paths: dict[Form, Path] = {"static": bundle / GRAPH, "float": folder / "float.onnx"}
    onnx.save(build_graph(network, None), paths["float"])
    paths["dynamic"] = folder / "dynamic.onnx"
    quantise_dynamically(paths["float"], paths["dynamic"])
    if standard:
        paths["standard_static"] = folder / "standard_static.onnx"
        paths["standard_float"] = folder / "standard_float.onnx"
        onnx.save(standardised(onnx.load(paths["static"])), paths["standard_static"])
        onnx.save(standardised(onnx.load(paths["float"])), paths["standard_float"])
    return paths


def quantise_dynamically(source: Path, target: Path) -> None:
    """onnxruntime's own dynamic int8 of the matrices that are int8 in the released graph too.

    The fused `Attention` becomes `QAttention`; onnxruntime cannot tell the type of its outputs, hence
    `DefaultTensorType`. The heads stay in float, as in the released graph.
    """
    heads = [
        node.name
        for node in onnx.load(source).graph.node
        if node.op_type == "MatMul" and not any(".layer." in name for name in node.input)
    ]
    with _silent():
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Attention"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=heads,
            extra_options={"DefaultTensorType": TensorProto.FLOAT, "MatMulConstBOnly": True},
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Without onnxruntime's advice to optimise the graph first: ours is built optimised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
