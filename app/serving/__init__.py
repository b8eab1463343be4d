"""Which models are served now, and how versions are swapped."""
