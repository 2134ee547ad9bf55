"""What comments are sorted by: touchpoints, service-quality dimensions, emotions and journey stages."""

from models.taxonomy.entries import Dimension, Label, Language, Stage, Touchpoint, Words
from models.taxonomy.taxonomy import Taxonomy

__all__ = ["Dimension", "Label", "Language", "Stage", "Taxonomy", "Touchpoint", "Words"]
