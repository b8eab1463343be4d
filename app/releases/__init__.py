"""Model versions as they live in a fleet: kept as blobs, made active by a row, followed by every replica."""
