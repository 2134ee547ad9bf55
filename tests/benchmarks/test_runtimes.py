"""The same weights in other forms say the same; dynamic ranges let a comment's neighbours change its tags."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from benchmarks.graphs import Form, write_graphs
from benchmarks.runtime_choice import Differences, differences_of
from benchmarks.runtimes import OnnxRuntime
from tests.small_model import starter_texts

TEXTS = starter_texts(40)


@pytest.fixture(scope="module")
def graphs(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Form, Path]:
    return write_graphs(small_bundle, tmp_path_factory.mktemp("graphs"), standard=True)


def _probabilities(bundle: Path, graph: Path, *, budget: int | None) -> NDArray[np.float64]:
    """Shape: (comments, values)."""
    run = OnnxRuntime(threads=1, bundle=str(bundle), graph=str(graph))
    return np.array(run.probabilities(TEXTS, budget=budget))


@pytest.mark.parametrize(
    ("form", "like", "at_most"),
    [
        # the same arithmetic in single steps
        ("standard_float", "float", 1e-4),
        # the same rounding, then float products in place of int8 ones
        ("standard_static", "static", 1e-2),
        # rounding of the activations, with fixed ranges and with ranges by batch
        ("static", "float", 0.2),
        ("dynamic", "float", 0.2),
    ],
)
def test_the_forms_agree(
    small_bundle: Path, graphs: dict[Form, Path], form: Form, like: Form, at_most: float
) -> None:
    found, expected = (_probabilities(small_bundle, graphs[each], budget=None) for each in (form, like))
    assert found.shape == expected.shape == (len(TEXTS), 21 * 4 + 10 + 5 + 3)
    assert np.abs(found - expected).max() < at_most
    # probabilities that differ from comment to comment: agreement means something
    assert expected.std(axis=0).max() > 0.05


def test_standard_graphs_hold_standard_operators_only(graphs: dict[Form, Path]) -> None:
    for form in ("standard_static", "standard_float"):
        model = onnx.load(graphs[form])
        onnx.checker.check_model(model, full_check=True)
        assert {node.domain for node in model.graph.node} == {""}


def test_the_dynamic_graph_multiplies_int8_with_ranges_by_batch(graphs: dict[Form, Path]) -> None:
    kinds = {node.op_type for node in onnx.load(graphs["dynamic"]).graph.node}
    assert {"DynamicQuantizeLinear", "MatMulInteger", "QAttention"} <= kinds
    assert "Attention" not in kinds


def test_only_dynamic_ranges_depend_on_the_neighbours(small_bundle: Path, graphs: dict[Form, Path]) -> None:
    def moved(form: Form) -> float:
        alone = _probabilities(small_bundle, graphs[form], budget=None)
        batched = _probabilities(small_bundle, graphs[form], budget=512)
        return float(np.abs(alone - batched).max())

    assert moved("static") < 1e-5
    assert moved("dynamic") > 1e-3


def test_the_rounds_go_over_every_batch_of_a_budget(small_bundle: Path, graphs: dict[Form, Path]) -> None:
    class Counting(OnnxRuntime):
        rows: list[int]

        def infer(self, ids: NDArray[np.int32], mask: NDArray[np.int32]) -> list[NDArray[np.float32]]:
            self.rows.append(len(ids))
            return list(super().infer(ids, mask))

    run = Counting(threads=1, bundle=str(small_bundle), graph=str(graphs["static"]))
    run.rows = []
    run.prepare(TEXTS, budgets=(64, 1024))
    for budget in (64, 1024):
        run.run(budget)
    small = run.rows.index(max(run.rows))
    assert sum(run.rows) == 2 * len(TEXTS)
    assert small > 4, "the larger budget makes fewer and larger batches"


def test_differences() -> None:
    alone = [[0.5, 0.5], [0.2, 0.8]]
    one_budget, another = [[0.5, 0.5], [0.25, 0.75]], [[0.5, 0.5], [0.2, 0.8]]
    found = differences_of(alone, [one_budget, another], [[0.6, 0.4], [0.2, 0.8]])
    assert found == pytest.approx(Differences(alone=0.05, moved=0.5, to_float=0.1))
