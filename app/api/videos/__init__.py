"""Clips: a job paints them frame by frame."""
