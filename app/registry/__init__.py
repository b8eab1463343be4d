"""Models on disk: immutable versions, verified before use."""
