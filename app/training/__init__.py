"""Training: photos and paintings in, a generator and its style rows out."""
