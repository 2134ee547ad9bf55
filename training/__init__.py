"""How a model is made: one runnable file per stage, one file per data source. Needs the extra `train`."""

from models.extras import check

check("torch", "train")
