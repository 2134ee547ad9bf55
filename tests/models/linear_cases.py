"""A linear model small enough to know by heart, for the tests of what is built on it."""

from dataclasses import replace

import numpy as np

from models.calibration import Calibration
from models.linear import LinearModel, Outputs
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS
from models.taxonomy import Taxonomy

TAXONOMY = Taxonomy.load()
OUTPUTS = Outputs.of(TAXONOMY)
NEGATIVE, NEUTRAL, POSITIVE = range(OUTPUTS.sentiment.start, OUTPUTS.sentiment.stop)
TERMS = ("w前台", "w早餐", "w差", "w不错", "w再也", "p前台 态度")


def column(label: str) -> int:
    return OUTPUTS.labels.index(label)


def small_model() -> LinearModel:
    """前台 is staff and assurance, 早餐 is product; 差 is bad, 不错 is good; 再也 loses the customer."""
    weights = np.zeros((len(TERMS), len(OUTPUTS)), np.float32)
    bias = np.zeros(len(OUTPUTS), np.float32)
    bias[: len(OUTPUTS.labels)] = -4.0
    bias[NEUTRAL] = 0.5
    bias[OUTPUTS.emotion.start + EMOTIONS.index("neutral")] = 1.0
    bias[OUTPUTS.satisfaction.start + 2] = 1.0
    bias[OUTPUTS.loyalty.start + LOYALTIES.index("none")] = 2.0

    def teach(term: str, *places: int) -> None:
        weights[TERMS.index(term), list(places)] = 8.0

    teach("w前台", column("staff"), column("assurance"))
    teach("w早餐", column("product"))
    emotion, satisfaction = OUTPUTS.emotion.start, OUTPUTS.satisfaction.start
    teach("w差", OUTPUTS.sentiment.start + SENTIMENTS.index("negative"), satisfaction)
    teach("w差", emotion + EMOTIONS.index("anger"))
    teach("w不错", OUTPUTS.sentiment.start + SENTIMENTS.index("positive"), satisfaction + 4)
    teach("w不错", emotion + EMOTIONS.index("satisfaction"))
    teach("w再也", OUTPUTS.loyalty.start + LOYALTIES.index("detractor"))
    return LinearModel(
        name="small",
        taxonomy=TAXONOMY,
        vocabulary=TERMS,
        idf=np.ones(len(TERMS), np.float32),
        weights=weights,
        bias=bias,
        calibration=Calibration(thresholds=dict.fromkeys(OUTPUTS.labels, 0.5)),
        metrics={"held_out": {"sentiment_accuracy": 0.5}},
        training={"seed": 1},
        identity="small@000000000000",
    )


def named(name: str) -> LinearModel:
    return replace(small_model(), name=name)
