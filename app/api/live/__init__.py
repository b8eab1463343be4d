"""`/v1/live`: frames in, painted frames out, over a WebSocket."""
