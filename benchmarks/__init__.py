"""Measurements. Run one as a module from the root of the repository: `python -m benchmarks.service.serve`."""
