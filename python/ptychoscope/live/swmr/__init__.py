"""A detector's HDF5 file that grows while it is read (SWMR), followed by a process of its own."""
