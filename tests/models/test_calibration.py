import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import HEADS, Calibration
from models.errors import BundleCorrupt


def data(**changes: Any) -> dict[str, Any]:
    return {**Calibration(thresholds={"staff": 0.4}).to_dict(), **changes}


def test_what_is_written_is_read() -> None:
    calibration = Calibration(
        temperature={head: 0.5 + place for place, head in enumerate(HEADS)},
        thresholds={"staff": 0.0, "price": 1.0},
        second_emotion=0.25,
        believed=0.6,
    )
    stored = json.loads(json.dumps(calibration.to_dict()))
    assert Calibration.from_dict(stored, source="m.json") == calibration


def test_without_settings_scores_are_read_as_they_are() -> None:
    assert set(Calibration().temperature.values()) == {1.0}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        # form
        (None, "holds a NoneType; it must have exactly temperature, thresholds, second_emotion, believed"),
        ([1, 2], "holds a list"),
        ("temperature", "holds a str"),
        ({}, "holds ; it must have exactly"),
        (data(margin=0.1), "holds believed, margin, second_emotion, temperature, thresholds"),  # unknown key
        ({key: value for key, value in data().items() if key != "believed"}, "it must have exactly"),
        # temperatures
        (data(temperature=1.0), "has temperatures of a float"),
        (data(temperature=[1.0] * 5), "has temperatures of a list"),
        (data(temperature={"emotion": 1.0}), "has temperatures of emotion; needed: touchpoints"),
        (data(temperature=dict.fromkeys((*HEADS, "tone"), 1.0)), "has temperatures of emotion, loyalty"),
        (
            data(temperature=dict.fromkeys(HEADS, 0.0)),
            "the temperature 0.0 for touchpoints; allowed: 0.05 to 20",
        ),
        (data(temperature=dict.fromkeys(HEADS, -1)), "the temperature -1 for touchpoints"),
        (data(temperature=dict.fromkeys(HEADS, "1.0")), "the temperature '1.0' for touchpoints"),
        (data(temperature=dict.fromkeys(HEADS, True)), "the temperature True for touchpoints"),  # JSON's true
        (data(temperature=dict.fromkeys(HEADS, float("inf"))), "the temperature inf for"),  # JSON's 1e999
        (data(temperature=dict.fromkeys(HEADS, float("nan"))), "the temperature nan for"),
        (data(temperature=dict.fromkeys(HEADS)), "the temperature None for"),
        # thresholds
        (data(thresholds=[0.5]), "has a list as thresholds; they must be an object"),
        (data(thresholds=None), "has a NoneType as thresholds"),
        (data(thresholds={"staff": "0.5"}), "the threshold '0.5' for staff; allowed: 0 to 1"),
        (data(thresholds={"staff": 1.01}), "the threshold 1.01 for staff"),
        (data(thresholds={"staff": -0.1}), "the threshold -0.1 for staff"),
        (data(thresholds={"staff": [0.5]}), r"the threshold \[0.5\] for staff"),
        (data(second_emotion=2), "the threshold 2 for second_emotion"),
        (data(believed=False), "the threshold False for believed"),
    ],
)
def test_what_makes_no_sense_is_refused(found: object, message: str) -> None:
    with pytest.raises(BundleCorrupt, match=f"^m.json: the calibration .*{message}") as caught:
        Calibration.from_dict(found, source="m.json")
    assert str(caught.value).endswith("copy or install the model again")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(data())), JSON)
def test_any_value_is_read_or_refused(key: str, value: object) -> None:
    with suppress(BundleCorrupt):
        Calibration.from_dict(data(**{key: value}), source="m.json")
