"""Iterative transfer: a picture optimised until its features are those of the photo and the painting."""
