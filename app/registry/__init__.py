"""Models on disk: versions that never change, verified before use."""
