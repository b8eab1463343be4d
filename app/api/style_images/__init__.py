"""Style images of one's own: read at once, kept under a handle, refined by a job."""
