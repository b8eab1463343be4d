"""From style images to a candidate version: trainings, their scores, and what a version is published with."""
