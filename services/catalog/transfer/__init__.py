"""What a changed tensor may travel as: lossless deltas between a version and its parent."""
