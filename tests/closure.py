"""Which distributions an extra brings, read from the metadata of what is installed."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(name: str, extras: Iterable[str] = ()) -> set[str]:
    """`name` and everything that it asks for with `extras`, and what that asks for; canonical names.

    A requirement that is not installed is listed too: one that an optional marker let in would be seen.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), extra) for extra in ("", *extras)]
    while waiting:
        item = waiting.pop()
        if item in found:
            continue
        found.add(item)
        package, extra = item
        try:
            lines = requires(package) or ()
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                child = canonicalize_name(requirement.name)
                waiting += [(child, wanted) for wanted in ("", *requirement.extras)]
    return {str(package) for package, _ in found}
