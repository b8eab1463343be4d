"""The HTTP server: uvicorn with h11, limits on each connection, and a graceful shutdown."""
