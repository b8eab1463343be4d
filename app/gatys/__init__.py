"""Iterative transfer: an image is optimised until its features are those of the photo and the style image."""
