"""Running a graph: the one file to change for another runtime.

onnxruntime, because its int8 kernels gave equal outputs for a comment alone and in any batch, which
OpenVINO's did not, and its start-up and memory are a fraction (`benchmarks/RESULTS.md`).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoModel,
    NoSuchFile,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as OperatorUnknown

from models.errors import BundleCorrupt, InputError

INPUTS: Final = ("ids", "mask")
OUTPUTS: Final = ("labels", "emotion", "satisfaction", "loyalty", "attention")
Ids = NDArray[np.int32]

# onnxruntime's errors share no base class of their own. These are what a graph can be refused with.
_REFUSALS: Final = (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoModel,
    NoSuchFile,
    OperatorUnknown,
    RuntimeException,
)


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux; cpu_count() knows nothing of the cores one was given
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Engine:
    """An onnxruntime session with one thread per core that the process may use.

    Raises:
        BundleCorrupt: onnxruntime refuses the graph, or it has other inputs or outputs than ours.
        InputError: `threads` is below 1.
    """

    def __init__(self, graph: Path | bytes, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads is {threads}; give 1 or more, or nothing for one per core")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = usable_cores() if threads is None else threads
        options.inter_op_num_threads = 1
        # What it logs as an error it also raises; on standard error it would only stand beside our message.
        options.log_severity_level = 4
        source, name = (graph, "the graph") if isinstance(graph, bytes) else (str(graph), str(graph))
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except _REFUSALS as error:
            raise BundleCorrupt(
                f"{name}: onnxruntime cannot load it: {error}; install the model again"
            ) from error
        for what, found, needed in (
            ("inputs", self._session.get_inputs(), INPUTS),
            ("outputs", self._session.get_outputs(), OUTPUTS),
        ):
            names = tuple(value.name for value in found)
            if names != needed:
                raise BundleCorrupt(f"{name}: the graph has the {what} {names}; needed are {needed}")
        self.sizes: dict[str, tuple[int | str, ...]] = {
            value.name: tuple(value.shape) for value in self._session.get_outputs()
        }
        """The shape of each output; an axis whose length varies has a name."""

    def run(self, ids: Ids, mask: Ids) -> Sequence[NDArray[np.float32]]:
        """The outputs of `OUTPUTS` for a padded batch. Shapes: ids and mask (batch, tokens)."""
        outputs: Sequence[NDArray[np.float32]] = self._session.run(OUTPUTS, {"ids": ids, "mask": mask})
        return outputs
