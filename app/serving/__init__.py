"""The models that are served, and how their versions are swapped."""
