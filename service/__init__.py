"""What people use: the command line and the file formats around the tagger."""
