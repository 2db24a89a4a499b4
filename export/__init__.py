"""Export: a checkpoint becomes a bundle that runs without torch."""
