"""Where the released bundle lies; the training stages start from it unless told otherwise."""

from models.tagger import RELEASED

__all__ = ["RELEASED"]
