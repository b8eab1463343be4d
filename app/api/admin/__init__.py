"""The operator's routes: style images, trainings and model versions."""
