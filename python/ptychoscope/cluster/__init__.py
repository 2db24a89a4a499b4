"""Work on several processes or machines, by Dask's `distributed`: a task a scan, or a range of its frames."""
