"""Starts a stage of the training package in a process of its own, so that the service never imports torch."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import service
from models.extras import require

_ROOT = Path(service.__file__).resolve().parent.parent


def run_training(
    module: Literal["training.train", "training.evaluate"],
    arguments: Sequence[str],
    *,
    needs: str | None = None,
) -> int:
    """Runs `python -m module arguments` with this process's input and output; returns its exit code.

    `needs` is a package without which it is not started. A signal reaches the stage, which saves its state
    and ends; then this process ends with the same code, 128 + n for a stage that signal n killed. Raises
    MissingExtraError.
    """
    if needs is not None and importlib.util.find_spec(needs) is None:
        require(needs, "train")
    # -P: a folder `training` where the user stands must not take the place of ours.
    command = [sys.executable, "-P", "-m", module, *arguments]
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    # The terminal sends Ctrl-C to both; the stage decides when to end, this process waits for it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(command, env=environment) as stage:
            ended = signal.signal(signal.SIGTERM, lambda *_: stage.terminate())
            try:
                code = stage.wait()
            finally:
                signal.signal(signal.SIGTERM, ended)
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
