"""The error tree of `service`. Every message says what came, what is allowed and what to do.

    HuiyinError                 models.errors: the root of all
      ServiceError
        UsageError              options that cannot go together
        InputFileError          a file cannot be read as comments
          TextColumnError       which column holds the comments is not clear
        OutputError             the output cannot be written

At the edge of the program each becomes one line on standard error and an exit code.
"""

from typing import ClassVar

from models.errors import HuiyinError


class ServiceError(HuiyinError):
    """Root of every error of the service; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 2


class UsageError(ServiceError):
    """Options were given that cannot go together, or one is missing."""


class InputFileError(ServiceError):
    """A file cannot be read as comments: missing, of an unknown form, broken from the start."""


class TextColumnError(InputFileError):
    """Which column holds the comments is not clear; the message lists the columns."""


class OutputError(ServiceError):
    """The output cannot be written: disk full, no permission, no such folder. Nothing was left behind."""

    exit_code: ClassVar[int] = 1
