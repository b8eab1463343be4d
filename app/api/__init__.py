"""HTTP and nothing else: routes parse, call one thing, and answer."""
