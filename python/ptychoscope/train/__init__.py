"""Training: torch and Lightning live here and in `ptychoscope.export`, nowhere else."""
