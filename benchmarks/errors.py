"""The errors of `benchmarks`."""

from models.errors import HuiyinError


class BenchmarkError(HuiyinError):
    """A measurement cannot be made; the message says what is missing. The other parts go on without it."""
