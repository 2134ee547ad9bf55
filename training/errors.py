"""The error tree of `training`."""

from models.errors import HuiyinError


class TrainingError(HuiyinError):
    """A stage of the training cannot go on."""


class CorpusError(TrainingError):
    """A corpus breaks its format; the message names the file and the line."""


class CheckpointError(TrainingError):
    """A checkpoint does not fit what is asked of it."""
