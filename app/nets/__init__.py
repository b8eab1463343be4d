"""The networks: torch modules that read no files and no settings."""
