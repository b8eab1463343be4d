"""Networks in the ways in which they can be run."""
