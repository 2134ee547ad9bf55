"""The same weights on several runtimes, batch by batch as the tagger forms them."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from benchmarks.batches import Batch, Reader
from models.decode import softmax
from models.engine import OUTPUTS, Ids

Outputs = Sequence[NDArray[np.float32]]


def openvino_installed() -> bool:
    """OpenVINO is measured where it is there; huiyin does not need it."""
    return find_spec("openvino") is not None


class GraphRun(ABC):
    """A graph on a runtime."""

    def __init__(self, *, bundle: str) -> None:
        self._reader = Reader(Path(bundle))
        self._batches: dict[int, list[Batch]] = {}

    @abstractmethod
    def infer(self, ids: Ids, mask: Ids) -> Outputs:
        """The outputs of one batch, in the order of `OUTPUTS`."""

    def prepare(self, texts: Sequence[str], budgets: Sequence[int]) -> None:
        """Make the batches that `run` goes through, for each budget of padded tokens."""
        windows = self._reader.windows(texts)
        self._batches = {budget: self._reader.batches(windows, budget=budget) for budget in budgets}

    def run(self, budget: int) -> None:
        """Go through the batches of a budget."""
        for batch in self._batches[budget]:
            self.infer(batch.ids, batch.mask)

    def probabilities(self, texts: Sequence[str], *, budget: int | None) -> list[list[float]]:
        """Every probability of every window before calibration; alone where the budget is None."""
        windows = self._reader.windows(texts)
        batches = (
            self._reader.alone(windows) if budget is None else self._reader.batches(windows, budget=budget)
        )
        found: dict[int, list[float]] = {}
        for batch in batches:
            outputs = self.infer(batch.ids, batch.mask)[: OUTPUTS.index("attention")]
            for row, place in enumerate(batch.places):
                found[place] = [float(value) for output in outputs for value in softmax(output[row]).ravel()]
        return [found[place] for place in range(len(windows))]


class OnnxRuntime(GraphRun):
    """onnxruntime, set up as the tagger sets it up."""

    def __init__(self, *, threads: int, bundle: str, graph: str) -> None:
        super().__init__(bundle=bundle)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def infer(self, ids: Ids, mask: Ids) -> Outputs:
        """The outputs of one batch."""
        outputs: Outputs = self._session.run(OUTPUTS, {"ids": ids, "mask": mask})
        return outputs


class OpenVino(GraphRun):
    """OpenVINO with a stream for each core, which was its fastest; a batch alone runs on one stream."""

    def __init__(self, *, threads: int, bundle: str, graph: str) -> None:
        super().__init__(bundle=bundle)
        # By name: it has types of its own, but is not among our dependencies.
        self._openvino = importlib.import_module("openvino")
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = self._openvino.Core().compile_model(graph, "CPU", settings)
        self._outputs = [compiled.output(name) for name in OUTPUTS]
        self._request = compiled.create_infer_request()
        self._queue = self._openvino.AsyncInferQueue(compiled, threads)
        self._queue.set_callback(_copied)

    def infer(self, ids: Ids, mask: Ids) -> Outputs:
        """The outputs of one batch."""
        found = self._request.infer({"ids": ids, "mask": mask})
        return [found[output].copy() for output in self._outputs]

    def run(self, budget: int) -> None:
        """Several batches at a time, as OpenVINO is meant to be used for throughput."""
        for batch in self._batches[budget]:
            self._queue.start_async({"ids": batch.ids, "mask": batch.mask})
        self._queue.wait_all()


def _copied(request: Any, _user: object) -> None:
    """What the caller of `infer` gets is copied too."""
    for name in OUTPUTS:
        request.get_tensor(name).data.copy()
