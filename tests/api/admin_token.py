"""The operator's token in tests."""

TOKEN = "0123456789abcdef" * 2
