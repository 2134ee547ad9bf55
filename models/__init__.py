"""What a comment means: taxonomy, text, bundle, tagger, baseline. No web, no database, no training."""
