"""Weibo posts with one of six emotions: SMP2020-EWECT, the usual topics and those on the virus of 2020.

Licence: none stated. Labels: the dominant emotion, as the set of ours that theirs may be. Only the train
files are read; `benchmarks` gives dev and test to the scoring.
"""

from typing import Final

from models.tags import Emotion
from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, row_id

_NAME: Final = "smp2020"
_EMOTIONS: Final[dict[str, frozenset[Emotion]]] = {
    "happy": frozenset({"joy", "satisfaction", "gratitude"}),
    "angry": frozenset({"anger", "disgust"}),
    "sad": frozenset({"disappointment", "frustration"}),
    "fear": frozenset({"anxiety"}),
    "surprise": frozenset({"surprise"}),
    "neutral": frozenset({"neutral"}),
}


def _convert(row: Row, _: Taxonomy) -> Comment:
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="weibo",
        emotion=_EMOTIONS[row.name("emotion", tuple(_EMOTIONS))],
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="SMP2020-EWECT, emotions of Weibo posts",
    licence="none stated",
    labels="emotions",
    files={"train": ("public/smp2020_usual_train.jsonl", "public/smp2020_virus_train.jsonl")},
    read=converted(_NAME, _convert),
)
