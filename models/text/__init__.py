"""Reading a comment: normalising, clause spans, privacy masking."""
