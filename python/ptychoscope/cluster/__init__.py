"""Work on more than one process or machine, by Dask's `distributed`: a task a scan."""
