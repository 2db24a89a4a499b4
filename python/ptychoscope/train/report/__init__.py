"""What a training leaves to look at: one HTML page."""
