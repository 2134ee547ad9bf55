"""The network as an ONNX graph with int8 matrix products, built by hand.

Why by hand: the ranges of the activations must be fixed when the model is made (one range over a batch would
let a comment's neighbours change its tags), and onnxruntime's fused operators for a whole attention block
take no quantised form that its own tools produce. Weights are int8 per output column, activations uint8 per
tensor; normalisation, residuals, softmax and the heads stay in float.

Initialisers carry the names of the torch parameters (`NAME` or `NAME.int8` with `NAME.scale`), so that
`training.warm_start` can load a graph back into the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.network import Network

MS: Final = "com.microsoft"
OPSET: Final = 20
IR_VERSION: Final = 10
OUTPUTS: Final = ("labels", "emotion", "satisfaction", "loyalty", "attention")
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Range:
    """The values that an activation is expected to take; what lies outside is clipped.

    `smooth`, if any, is what each channel is divided by first, and each input of the weight multiplied by
    (SmoothQuant: Xiao et al. 2023): a few channels after a layer norm are many times larger than the rest,
    and one scale for all of them would leave the rest a handful of steps. Shape: (channels,)
    `outliers`, if any, are channels that bypass the integers (LLM.int8(): Dettmers et al. 2022): single ones
    after a GELU are ten times larger than all others, at a few tokens only. Shape: (outliers,)
    """

    low: float
    high: float
    smooth: Array | None = None
    outliers: Array | None = None

    def quantised(self) -> tuple[Array, Array]:
        """Scale and zero point of uint8, so that 0.0 is exact."""
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        scale = max(high - low, 1e-6) / 255.0
        return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def quantised_columns(weight: Array) -> tuple[Array, Array]:
    """Symmetric int8 per column. Shapes: (inputs, outputs) -> (inputs, outputs), (outputs,)."""
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / 127.0
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def build_graph(network: Network, ranges: Mapping[str, Range] | None) -> onnx.ModelProto:
    """The graph of a BERT network; in float where `ranges` is None.

    `ranges` names the input of each linear layer, as `training.quantise` measures it: under
    `encoder.encoder.layer.0`, and so on, `attention.self`, `attention.output.dense`, `intermediate.dense` and
    `output.dense`.

    Inputs: ids and mask, int32, Shape: (batch, tokens). Outputs: the fields of `models.network.Logits`.
    """
    builder = _Builder(network, ranges)
    hidden = builder.embeddings()
    for layer in range(network.encoder.config.num_hidden_layers):
        hidden = builder.layer(f"encoder.encoder.layer.{layer}", hidden)
    builder.heads(hidden)
    return builder.model()


class _Builder:
    def __init__(self, network: Network, ranges: Mapping[str, Range] | None) -> None:
        self.state = {name: value.detach().float().numpy() for name, value in network.state_dict().items()}
        self.config = network.encoder.config
        self.head_config = network.heads.config
        self.ranges = ranges
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    # ---- pieces -------------------------------------------------------------------------------------------

    def constant(self, name: str, value: Array) -> str:
        if name not in self.initialisers:
            self.initialisers[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.state[name])

    def op(self, kind: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any) -> str:
        result = output or f"{kind}_{len(self.nodes)}"
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result], name=name, domain=domain, **attributes))
        return result

    def dense(self, hidden: str, weight: Array, bias: Array, name: str, source: str) -> str:
        """hidden @ weight + bias. Shapes: weight (inputs, outputs), bias (outputs,)."""
        if self.ranges is None:
            product = self.op("MatMul", hidden, self.constant(f"{name}.weight", weight))
            return self.op("Add", product, self.constant(f"{name}.bias", bias))
        quantised, scale, zero = self.quantise(hidden, source)
        outliers = self.ranges[source].outliers
        inside = self.smoothed(weight, source)
        if outliers is not None:
            inside = inside.copy()
            inside[outliers] = 0.0
        values, scales = quantised_columns(inside)
        product = self.op(
            "MatMulIntegerToFloat",
            quantised,
            self.constant(f"{name}.weight.int8", values),
            scale,
            self.constant(f"{name}.weight.scale", scales),
            zero,
            self.constant(f"zeros.{len(scales)}", np.zeros(len(scales), np.int8)),
            self.constant(f"{name}.bias", bias),
            domain=MS,
        )
        if outliers is None:
            return product
        picked = self.op("Gather", hidden, self.constant(f"{source}.input.outliers", outliers), axis=-1)
        beside = self.op("MatMul", picked, self.constant(f"{name}.weight.outliers", weight[outliers]))
        return self.op("Add", product, beside)

    def quantise(self, hidden: str, source: str) -> tuple[str, str, str]:
        assert self.ranges is not None
        scale, zero = self.ranges[source].quantised()
        smooth = self.ranges[source].smooth
        if smooth is not None:
            hidden = self.op("Mul", hidden, self.constant(f"{source}.input.smooth", 1.0 / smooth))
        names = self.constant(f"{source}.input.scale", scale), self.constant(f"{source}.input.zero", zero)
        return self.op("QuantizeLinear", hidden, *names), *names

    def smoothed(self, weight: Array, source: str) -> Array:
        smooth = None if self.ranges is None else self.ranges[source].smooth
        return weight if smooth is None else weight * smooth[:, None]

    def normalised(self, hidden: str, residual: str, name: str) -> str:
        return self.op(
            "SkipLayerNormalization",
            residual,
            hidden,
            self.weight(f"{name}.weight"),
            self.weight(f"{name}.bias"),
            domain=MS,
            epsilon=self.config.layer_norm_eps,
        )

    # ---- the network --------------------------------------------------------------------------------------

    def embeddings(self) -> str:
        prefix = "encoder.embeddings"
        words = self.state[f"{prefix}.word_embeddings.weight"]
        if self.ranges is None:
            looked_up = self.op("Gather", self.weight(f"{prefix}.word_embeddings.weight"), "ids")
        else:
            # Rows of the vocabulary are the columns of its transpose: one scale a word.
            values, scales = quantised_columns(words.T)
            name = f"{prefix}.word_embeddings.weight"
            rows = self.op("Gather", self.constant(f"{name}.int8", values.T), "ids")
            row_scales = self.op("Gather", self.constant(f"{name}.scale", scales[:, None]), "ids")
            looked_up = self.op("Mul", self.op("Cast", rows, to=TensorProto.FLOAT), row_scales)
        # Every comment is of segment 0, so its embedding is part of every position's.
        segment = self.weight(f"{prefix}.token_type_embeddings.weight")
        first = self.op("Gather", segment, self.constant("index.0", np.array(0, np.int64)), axis=0)
        tokens = self.op("Gather", self.op("Shape", "ids"), self.constant("index.1", np.array([1], np.int64)))
        positions = self.op(
            "Slice",
            self.weight(f"{prefix}.position_embeddings.weight"),
            self.constant("slice.start", np.array([0], np.int64)),
            tokens,
            self.constant("slice.axis", np.array([0], np.int64)),
        )
        placed = self.op("Add", self.op("Add", looked_up, positions), first)
        return self.op(
            "LayerNormalization",
            placed,
            self.weight(f"{prefix}.LayerNorm.weight"),
            self.weight(f"{prefix}.LayerNorm.bias"),
            epsilon=self.config.layer_norm_eps,
        )

    def layer(self, prefix: str, hidden: str) -> str:
        attended = self.attention(f"{prefix}.attention.self", hidden)
        output = self.linear(f"{prefix}.attention.output.dense", attended)
        hidden = self.normalised(output, hidden, f"{prefix}.attention.output.LayerNorm")
        inner = self.op("Gelu", self.linear(f"{prefix}.intermediate.dense", hidden), domain=MS)
        outer = self.linear(f"{prefix}.output.dense", inner)
        return self.normalised(outer, hidden, f"{prefix}.output.LayerNorm")

    def linear(self, name: str, hidden: str) -> str:
        return self.dense(hidden, self.state[f"{name}.weight"].T, self.state[f"{name}.bias"], name, name)

    def attention(self, prefix: str, hidden: str) -> str:
        """Queries, keys and values in one product, then the fused attention of onnxruntime."""
        parts = ("query", "key", "value")
        weight = np.concatenate([self.state[f"{prefix}.{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([self.state[f"{prefix}.{part}.bias"] for part in parts])
        heads = self.config.num_attention_heads
        bias_name = self.constant(f"{prefix}.bias", bias)
        if self.ranges is None:
            joined = self.constant(f"{prefix}.weight", weight)
            return self.op("Attention", hidden, joined, bias_name, "mask", domain=MS, num_heads=heads)
        quantised, scale, zero = self.quantise(hidden, prefix)
        values, scales = quantised_columns(self.smoothed(weight, prefix))
        return self.op(
            "QAttention",
            quantised,
            self.constant(f"{prefix}.weight.int8", values),
            bias_name,
            scale,
            self.constant(f"{prefix}.weight.scale", scales),
            "mask",
            zero,
            self.constant(f"zeros.{len(scales)}", np.zeros(len(scales), np.int8)),
            domain=MS,
            num_heads=heads,
        )

    def heads(self, hidden: str) -> None:
        width = self.config.hidden_size
        labels = self.head_config.labels
        keys = self.float_linear("heads.key", hidden)
        queries = self.constant("heads.queries", self.state["heads.queries"])
        scaled = self.constant("heads.scale", np.array(1.0 / np.sqrt(width), np.float32))
        keys = self.op("Transpose", keys, perm=[0, 2, 1])
        scores = self.op("MatMul", self.op("Mul", queries, scaled), keys)
        present = self.op("Cast", "mask", to=TensorProto.FLOAT)
        one = self.constant("one", np.array(1, np.float32))
        far = self.constant("far", np.array(-1e4, np.float32))
        blocked = self.op("Mul", self.op("Sub", one, present), far)
        blocked = self.op("Unsqueeze", blocked, self.constant("axis.1", np.array([1], np.int64)))
        attention = self.op("Softmax", self.op("Add", scores, blocked), axis=-1)
        pooled = self.op("MatMul", attention, hidden)
        mixed = self.op("Gelu", self.float_linear("heads.mix", pooled), domain=MS)
        pooled = self.op(
            "LayerNormalization",
            self.op("Add", pooled, mixed),
            self.weight("heads.norm.weight"),
            self.weight("heads.norm.bias"),
            epsilon=1e-5,
        )
        by_label = self.op(
            "MatMul",
            self.op("Transpose", self.rows(pooled, 0, labels), perm=[1, 0, 2]),
            self.weight("heads.label_weight"),
        )
        by_label = self.op("Transpose", by_label, perm=[1, 0, 2])
        self.op("Add", by_label, self.weight("heads.label_bias"), output="labels")
        for place, head in enumerate(("emotion", "satisfaction", "loyalty")):
            row = self.op(
                "Gather", pooled, self.constant(f"row.{place}", np.array(labels + place, np.int64)), axis=1
            )
            self.float_linear(f"heads.{head}", row, output=head)
        self.op("Identity", self.rows(attention, 0, labels), output="attention")

    def float_linear(self, name: str, hidden: str, output: str = "") -> str:
        product = self.op("MatMul", hidden, self.constant(f"{name}.weight", self.state[f"{name}.weight"].T))
        return self.op("Add", product, self.weight(f"{name}.bias"), output=output)

    def rows(self, value: str, start: int, end: int) -> str:
        bounds = [self.constant(f"bound.{edge}", np.array([edge], np.int64)) for edge in (start, end)]
        return self.op("Slice", value, *bounds, self.constant("axis.1", np.array([1], np.int64)))

    def model(self) -> onnx.ModelProto:
        labels = self.head_config.labels
        shapes: dict[str, list[str | int]] = {
            "labels": ["batch", labels, self.state["heads.label_bias"].shape[1]],
            "emotion": ["batch", len(self.state["heads.emotion.bias"])],
            "satisfaction": ["batch", len(self.state["heads.satisfaction.bias"])],
            "loyalty": ["batch", len(self.state["heads.loyalty.bias"])],
            "attention": ["batch", labels, "tokens"],
        }
        tokens: list[str | int] = ["batch", "tokens"]
        graph = helper.make_graph(
            self.nodes,
            "huiyin",
            [helper.make_tensor_value_info(name, TensorProto.INT32, tokens) for name in ("ids", "mask")],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in OUTPUTS],
            list(self.initialisers.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="huiyin")
