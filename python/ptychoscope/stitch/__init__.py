"""Overlapping patches become one image: canvases in C++ and on devices."""
