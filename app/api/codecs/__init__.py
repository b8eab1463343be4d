"""Decoding and encoding beside the event loop: who is admitted, in which order, and the threads."""
