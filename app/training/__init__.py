"""Training: photos and style images in, a generator and its style rows out."""
