"""Moving pictures: clips, GIFs and animated WebP read frame by frame within bounds, and written."""
