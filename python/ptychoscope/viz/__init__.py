"""Pictures of results, made with Pillow alone."""
