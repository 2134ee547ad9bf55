"""How a model is made: one runnable file per stage, one file per data source."""
