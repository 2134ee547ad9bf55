"""The tagger taken apart: reading the text, the encoder, and the encoder's operators."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from benchmarks.batches import Batch, Reader
from models.bundle import GRAPH
from models.engine import OUTPUTS, Engine
from models.tagger import TOKENS_PER_BATCH


class Stages:
    """The stages of a bundle's tagger, each to be timed by itself."""

    def __init__(self, *, threads: int, bundle: str) -> None:
        self._graph, self._threads = Path(bundle) / GRAPH, threads
        self._reader = Reader(Path(bundle))
        self._engine = Engine(self._graph, threads=threads)
        self._batches: list[Batch] = []

    def prepare(self, texts: Sequence[str]) -> dict[str, int]:
        """Make the batches for `encode` and `profile`; count their tokens without and with padding."""
        self._batches = self._reader.batches(self._reader.windows(texts), budget=TOKENS_PER_BATCH)
        return {
            "tokens": sum(batch.tokens for batch in self._batches),
            "padded_tokens": sum(batch.ids.size for batch in self._batches),
        }

    def read(self, texts: Sequence[str]) -> None:
        """Normalise, tokenise and cut into windows."""
        self._reader.windows(texts)

    def encode(self) -> None:
        """Run the graph over the prepared batches."""
        for batch in self._batches:
            self._engine.run(batch.ids, batch.mask)

    def profile(self) -> dict[str, list[float]]:
        """Operator -> calls and seconds over the prepared batches, by onnxruntime's profiler."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        with tempfile.TemporaryDirectory() as folder:
            session = onnxruntime.InferenceSession(
                str(self._graph), options, providers=["CPUExecutionProvider"]
            )
            self._run(session)
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            session = onnxruntime.InferenceSession(
                str(self._graph), options, providers=["CPUExecutionProvider"]
            )
            self._run(session)
            return by_operator(Path(session.end_profiling()).read_text(encoding="utf-8"))

    def _run(self, session: onnxruntime.InferenceSession) -> None:
        for batch in self._batches:
            session.run(OUTPUTS, {"ids": batch.ids, "mask": batch.mask})


def by_operator(profile: str) -> dict[str, list[float]]:
    """Operator -> calls and seconds in a profile of onnxruntime, the most time first."""
    found: dict[str, list[float]] = {}
    for event in json.loads(profile):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            total = found.setdefault(event["args"]["op_name"], [0, 0.0])
            total[0] += 1
            total[1] += event["dur"] / 1e6
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))
