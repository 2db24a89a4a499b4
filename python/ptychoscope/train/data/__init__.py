"""What a training sees: subsets of scans, groups of neighbours, batches."""
