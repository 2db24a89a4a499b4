"""Live scans: from a detector's socket to the image, every frame accounted for."""
