"""NTNDArray of EPICS PVAccess, as areaDetector publishes its images."""
