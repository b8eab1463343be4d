"""pastiche: neural style transfer as a service."""

__version__ = "0.1.0"
