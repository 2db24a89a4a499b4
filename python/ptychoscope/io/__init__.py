"""Reading and writing scans: one file per format."""
