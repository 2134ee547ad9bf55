"""The graph built by hand computes what the torch network computes."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from numpy.typing import NDArray
from torch import nn

from models.engine import INPUTS, OUTPUTS, Engine
from models.windows import WindowReader
from tests import small_model
from training.checkpoint import TrainedModel
from training.fit import padded
from training.graph import Range, build_graph, quantised_columns
from training.quantise import RANK, activation_ranges, best_range

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return small_model.random_model()


@pytest.fixture(scope="module")
def sequences(model: TrainedModel) -> list[list[int]]:
    """Token ids of texts of many lengths, a full window among them."""
    texts = [*small_model.starter_texts(40), "好", "".join(small_model.starter_texts(10))]
    reader = WindowReader(model.tokenizer, window=320, overlap=64)
    return [window.ids for window in reader.read(texts)]


@pytest.fixture(scope="module")
def float_engine(model: TrainedModel) -> Engine:
    return Engine(build_graph(model.network, None).SerializeToString(), threads=1)


@pytest.fixture(scope="module")
def int8_engine(model: TrainedModel, sequences: list[list[int]]) -> Engine:
    ranges = activation_ranges(model.network, sequences, pad=1)
    return Engine(build_graph(model.network, ranges).SerializeToString(), threads=1)


def run(engine: Engine, batch: Sequence[list[int]]) -> dict[str, Floats]:
    ids, mask = (tensor.numpy().astype(np.int32) for tensor in padded(batch, pad=1))
    return dict(zip(OUTPUTS, engine.run(ids, mask), strict=True))


def torch_run(model: TrainedModel, batch: Sequence[list[int]]) -> dict[str, Floats]:
    with torch.no_grad():
        logits = model.network(*padded(batch, pad=1))
    return {name: getattr(logits, name).numpy() for name in OUTPUTS}


@pytest.mark.parametrize("places", [slice(0, 1), slice(0, 8), slice(8, None), slice(None)])
def test_the_float_graph_is_the_network(
    model: TrainedModel, sequences: list[list[int]], float_engine: Engine, places: slice
) -> None:
    batch = sequences[places]
    expected, found = torch_run(model, batch), run(float_engine, batch)
    for name in OUTPUTS:
        assert found[name].shape == expected[name].shape
        assert np.abs(found[name] - expected[name]).max() < 1e-4, name


def test_the_int8_graph_is_close_to_the_network(
    model: TrainedModel, sequences: list[list[int]], int8_engine: Engine
) -> None:
    expected, found = torch_run(model, sequences), run(int8_engine, sequences)
    for name in OUTPUTS:
        error = np.abs(found[name] - expected[name])
        spread = expected[name].std()
        assert error.mean() < 0.05 * spread, name
        assert error.max() < 0.6 * spread or name == "attention", name
    agree = found["labels"].argmax(-1) == expected["labels"].argmax(-1)
    assert agree.mean() > 0.97


@pytest.mark.parametrize("kind", ["float_engine", "int8_engine"])
def test_neighbours_and_padding_change_nothing(
    sequences: list[list[int]], kind: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(kind)
    together = run(engine, sequences)
    for row, ids in enumerate(sequences):
        alone = run(engine, [ids])
        for name in OUTPUTS:
            beside = together[name][row]
            if name == "attention":
                assert np.abs(beside[:, len(ids) :]).max(initial=0) == 0, "padding is never looked at"
                beside = beside[:, : len(ids)]
            assert np.abs(beside - alone[name][0]).max() < 1e-4, name


def test_every_matrix_of_the_encoder_is_int8(model: TrainedModel, sequences: list[list[int]]) -> None:
    graph = build_graph(model.network, activation_ranges(model.network, sequences, pad=1)).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QAttention") == small_model.LAYERS
    assert kinds.count("MatMulIntegerToFloat") == 3 * small_model.LAYERS
    large = [tensor for tensor in graph.initializer if tensor.name.startswith("encoder.encoder.layer")]
    floats = [one for one in large if one.data_type == onnx.TensorProto.FLOAT and len(one.dims) > 1]
    # But for the few channels that bypass the integers.
    assert all(one.name.endswith(".weight.outliers") and one.dims[0] < RANK for one in floats)


def test_a_channel_that_is_far_larger_than_the_rest_costs_little(sequences: list[list[int]]) -> None:
    model = small_model.random_model()
    with torch.no_grad():
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            model.network.get_parameter(f"encoder.encoder.layer.0.{part}.weight")[3] = 40.0
        model.network.get_parameter("encoder.encoder.layer.0.intermediate.dense.bias")[5] = 60.0
    batch = sequences[:20]
    expected = torch_run(model, batch)["labels"]
    errors = []
    for ranges in (activation_ranges(model.network, sequences, pad=1), unsmoothed(model, sequences)):
        engine = Engine(build_graph(model.network, ranges).SerializeToString(), threads=1)
        errors.append(np.abs(run(engine, batch)["labels"] - expected).mean())
    assert errors[0] < 0.05 * expected.std()
    assert errors[0] < 0.5 * errors[1]


def unsmoothed(model: TrainedModel, sequences: list[list[int]]) -> dict[str, Range]:
    """One range a layer, over all of its channels."""
    seen: dict[str, list[Floats]] = {}
    handles = []
    for name, module in model.network.named_modules():
        if ".layer." in name and isinstance(module, nn.Linear):
            values = seen.setdefault(name.removesuffix(".query"), [])
            handles.append(
                module.register_forward_pre_hook(
                    lambda _module, inputs, values=values: values.append(inputs[0].numpy().ravel())
                )
            )
    for ids in sequences:
        torch_run(model, [ids])
    for handle in handles:
        handle.remove()
    return {name: best_range(np.concatenate(values)) for name, values in seen.items()}


def test_the_graph_tells_its_inputs_and_outputs(model: TrainedModel) -> None:
    graph = build_graph(model.network, None).graph
    labels = model.network.heads.config.labels
    assert tuple(value.name for value in graph.input) == INPUTS
    sizes = {
        value.name: [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]
        for value in graph.output
    }
    assert sizes == {
        "labels": ["batch", labels, 4],
        "emotion": ["batch", 10],
        "satisfaction": ["batch", 5],
        "loyalty": ["batch", 3],
        "attention": ["batch", labels, "tokens"],
    }


def test_equal_networks_give_equal_bytes() -> None:
    one, other = (build_graph(small_model.random_model(seed=3).network, None) for _ in range(2))
    assert one.SerializeToString() == other.SerializeToString()


@given(np_st.arrays(np.float32, (6, 4), elements=st.floats(-100, 100, width=32)))
def test_quantised_weights_are_off_by_half_a_step_at_most(weight: Floats) -> None:
    values, scale = quantised_columns(weight)
    assert (values.dtype.name, scale.dtype.name) == ("int8", "float32")
    assert (values.shape, scale.shape) == (weight.shape, (4,))
    assert (np.abs(values * scale - weight) <= scale * 0.501 + 1e-7).all()


def test_a_column_of_zeros_stays_zero() -> None:
    weight = np.array([[0.0, 1.27], [0.0, -1.27]], np.float32)
    values, scale = quantised_columns(weight)
    assert values.tolist() == [[0, 127], [0, -127]]
    assert scale[1] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero"),
    [
        (-1.0, 1.55, 0.01, 100),
        (0.0, 2.55, 0.01, 0),
        (-2.55, 0.0, 0.01, 255),
        (1.0, 2.55, 0.01, 0),  # zero always has a place, also below every value
        (-2.55, -1.0, 0.01, 255),  # and above
        (0.0, 0.0, 1e-6 / 255, 0),  # nothing ever comes
    ],
)
def test_a_range_has_a_place_for_zero(low: float, high: float, scale: float, zero: int) -> None:
    found_scale, found_zero = Range(low, high).quantised()
    assert float(found_scale) == pytest.approx(scale, rel=1e-5)
    assert int(found_zero) == zero
    assert (found_scale.dtype.name, found_zero.dtype.name) == ("float32", "uint8")
