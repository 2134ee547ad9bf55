import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.bundle import GRAPH
from models.engine import INPUTS, OUTPUTS, Engine, usable_cores
from models.errors import BundleCorrupt, InputError


def graph_of(
    *, inputs: tuple[str, ...] = INPUTS, outputs: tuple[str, ...] = OUTPUTS, kind: str = "Add"
) -> bytes:
    """A graph whose outputs are all the sum of its inputs."""
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        [helper.make_node(kind, [inputs[0], inputs[-1]], [name]) for name in outputs],
        "sums",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def without_weights() -> bytes:
    """A graph that names a weight it does not hold."""
    model = onnx.load_from_string(graph_of())
    model.graph.node[0].input[1] = "lost"
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (b"", "onnxruntime cannot load it"),
        (b"not a graph", "onnxruntime cannot load it: .*INVALID_PROTOBUF"),
        (graph_of()[:-40], "onnxruntime cannot load it"),  # half a file
        (without_weights(), "onnxruntime cannot load it"),
        (graph_of(kind="NoSuchOperator"), "onnxruntime cannot load it: .*NoSuchOperator"),
        (graph_of(outputs=("labels", "emotion")), r"has the outputs \('labels', 'emotion'\); needed are"),
        (graph_of(outputs=OUTPUTS[::-1]), "has the outputs"),  # in another order
        (
            graph_of(inputs=("ids", "attention_mask")),
            r"has the inputs \('ids', 'attention_mask'\); needed are",
        ),
        (graph_of(inputs=("ids", "mask", "segment")), "has the inputs"),
    ],
)
def test_a_graph_that_is_none_of_ours_is_refused(tmp_path: Path, graph: bytes, message: str) -> None:
    with pytest.raises(BundleCorrupt, match=f"^the graph: .*{message}"):
        Engine(graph, threads=1)
    (tmp_path / "g.onnx").write_bytes(graph)
    with pytest.raises(BundleCorrupt, match=f"g.onnx: .*{message}"):
        Engine(tmp_path / "g.onnx", threads=1)


def test_a_missing_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match=r"none\.onnx: onnxruntime cannot load it"):
        Engine(tmp_path / "none.onnx", threads=1)


def test_refusing_says_nothing_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BundleCorrupt):
        Engine(without_weights(), threads=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(threads: int) -> None:
    with pytest.raises(
        InputError, match=f"threads is {threads}; give 1 or more, or nothing for one per core"
    ):
        Engine(b"", threads=threads)


def test_outputs_have_the_shapes_that_the_engine_tells(small_bundle: Path) -> None:
    engine = Engine(small_bundle / GRAPH, threads=1)
    ids = np.array([[0, 7, 8, 2], [0, 7, 2, 1]], np.int32)
    outputs = engine.run(ids, (ids != 1).astype(np.int32))
    assert len(outputs) == len(OUTPUTS)
    lengths = {"batch": 2, "tokens": 4}
    for name, output in zip(OUTPUTS, outputs, strict=True):
        expected = tuple(lengths[size] if isinstance(size, str) else size for size in engine.sizes[name])
        assert output.shape == expected
        assert output.dtype == np.float32


def test_a_graph_from_memory_is_the_graph_from_the_file(small_bundle: Path) -> None:
    ids = np.array([[0, 7, 8, 2]], np.int32)
    mask = np.ones_like(ids)
    from_file = Engine(small_bundle / GRAPH, threads=1).run(ids, mask)
    from_memory = Engine((small_bundle / GRAPH).read_bytes(), threads=1).run(ids, mask)
    assert all(np.array_equal(one, other) for one, other in zip(from_file, from_memory, strict=True))


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7}, raising=False)
    assert usable_cores() == 3


def test_where_the_system_does_not_say_every_core_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # macOS, Windows
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
