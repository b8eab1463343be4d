"""Model versions of the whole fleet: their rows, their files, and which of them is active."""
