"""The engine: a loaded generator made fast, and the one thread that feeds it."""
