"""Real comments of 21 domains, annotated by the guideline with every label (`comments/`).

Licence: that of the public set each comment was drawn from, in the row's `licence`; most state none. Labels:
all, made by a language model that read each comment under the written guideline.
"""

from typing import Final

from training.corpus import read_comments
from training.sources.base import Source

SOURCE: Final = Source(
    name="annotated",
    origin="public comments of 21 domains, annotated for this project by a language model",
    licence="as each row says; mostly none stated",
    labels="all",
    files={"train": ("comments/train.jsonl",), "dev": ("comments/dev.jsonl",)},
    read=read_comments,
)
