"""The comments that come with this package (`training/starter/train.jsonl`): original texts, all labels.

Licence: Apache-2.0. `training/starter/test.jsonl` is not reachable from here: it is never trained on.
"""

from typing import Final

from training.corpus import read_comments
from training.sources.base import Source

SOURCE: Final = Source(
    name="starter",
    origin="written for this project",
    licence="Apache-2.0",
    labels="all",
    files={"train": ("starter/train.jsonl",)},
    read=read_comments,
    carried=True,
)
