"""The running service under load."""
