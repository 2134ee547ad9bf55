"""From scores to believable probabilities: what `training.calibrate` sets and a bundle carries."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from models.errors import BundleCorrupt

HEADS: Final = ("touchpoints", "servqual", "emotion", "satisfaction", "loyalty")
DEFAULT_THRESHOLD: Final = 0.5
COLDEST: Final = 0.05
HOTTEST: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How the scores of one model are read.

    temperature: per head, what scores are divided by before the softmax (Guo et al. 2017).
    thresholds: per label, the probability from which it counts as present.
    second_emotion: the probability from which a second emotion is given.
    believed: the sentiment confidence below which a comment is `uncertain` (`low_confidence`).
    """

    temperature: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(HEADS, 1.0))
    thresholds: Mapping[str, float] = field(default_factory=dict)
    second_emotion: float = 0.3
    believed: float = 0.5

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object, *, source: str) -> "Calibration":
        """Strict: every field, no other, numbers in range; `source` is the file. Raises BundleCorrupt."""
        names = [one.name for one in fields(cls)]
        if not isinstance(data, dict) or sorted(data) != sorted(names):
            raise _refused(source, f"holds {_keys(data)}; it must have exactly {', '.join(names)}")
        temperature, thresholds = data["temperature"], data["thresholds"]
        if not isinstance(temperature, dict) or sorted(temperature) != sorted(HEADS):
            raise _refused(source, f"has temperatures of {_keys(temperature)}; needed: {', '.join(HEADS)}")
        if not isinstance(thresholds, dict):
            raise _refused(source, f"has {_keys(thresholds)} as thresholds; they must be an object, by label")
        for head, value in temperature.items():
            if not _within(value, COLDEST, HOTTEST):
                raise _refused(
                    source, f"has the temperature {value!r} for {head}; allowed: {COLDEST} to {HOTTEST}"
                )
        shares = {**thresholds, "second_emotion": data["second_emotion"], "believed": data["believed"]}
        for name, value in shares.items():
            if not _within(value, 0.0, 1.0):
                raise _refused(source, f"has the threshold {value!r} for {name}; allowed: 0 to 1")
        return cls(**data)


def _within(value: object, low: float, high: float) -> bool:
    """Whether it is a number (JSON's true is none) in the range."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _keys(value: object) -> str:
    return ", ".join(sorted(value)) if isinstance(value, dict) else f"a {type(value).__name__}"


def _refused(source: str, what: str) -> BundleCorrupt:
    return BundleCorrupt(f"{source}: the calibration {what}; copy or install the model again")
