"""Which models are served now, and how another version takes the place of one."""
