"""Pictures of images and results, made with Pillow alone."""
