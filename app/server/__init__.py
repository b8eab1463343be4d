"""The HTTP server: uvicorn with h11, bounds on what a connection may cost, and an end that loses nothing."""
