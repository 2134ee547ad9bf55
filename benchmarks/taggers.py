"""Our own two: the neural tagger and the linear baseline, as a program that imports them uses them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.tags import TagsComments


class _Contender:
    """What is measured of both."""

    def __init__(self, model: "TagsComments") -> None:
        self._model = model

    def one_by_one(self, texts: Sequence[str]) -> None:
        """A call for each comment, as where comments come in one at a time."""
        for text in texts:
            self._model.tag([text])

    def bulk(self, texts: Sequence[str]) -> None:
        """All comments in one call."""
        self._model.tag(list(texts))


class TaggerContender(_Contender):
    """The tagger with a bundle."""

    def __init__(self, *, threads: int, bundle: str) -> None:
        from models.tagger import Tagger

        super().__init__(Tagger.load(bundle, threads=threads))


class BaselineContender(_Contender):
    """jieba, TF-IDF and linear models; None is the one that is shipped."""

    def __init__(self, *, threads: int, folder: str | None) -> None:
        from models.baseline import Baseline

        del threads  # it uses one
        super().__init__(Baseline.load(folder))
