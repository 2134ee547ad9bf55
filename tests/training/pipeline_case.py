"""A pipeline that is killed: python -m tests.training.pipeline_case STAGE --output DIR [its other options]

It ends in the middle of STAGE; of `train`, a few steps after a checkpoint.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
from torch import Tensor

from training import calibrate, export, fit, pipeline
from training.stage import run_stage

STEP = 9


def kill(*_: object, **__: object) -> None:
    """Ends this process without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in(stage: str, output: Path) -> None:
    """Arranges for the end of this process in the middle of a stage."""
    patch = pytest.MonkeyPatch()
    advance = fit._Run.advance

    def step(run: fit._Run, loss: Tensor) -> None:
        if run.step == STEP:
            kill()
        advance(run, loss)
        if run.step == STEP - 2:
            run.save(output / "model")

    match stage:
        case "data":
            patch.setattr(pipeline, "without_near_duplicates", kill)
        case "train":
            patch.setattr(fit._Run, "advance", step)
        case "export":
            patch.setattr(export, "Bundle", kill)
        case "calibrate":
            patch.setattr(calibrate, "replace", kill)
        case _:
            raise ValueError(stage)


if __name__ == "__main__":
    stopped = sys.argv.pop(1)
    kill_in(stopped, Path(sys.argv[sys.argv.index("--output") + 1]))
    run_stage(pipeline.main)
