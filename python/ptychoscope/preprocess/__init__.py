"""Before anything reads a scan: orientation, frames, positions, the scale of the probe, groups."""
