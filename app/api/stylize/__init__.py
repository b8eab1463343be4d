"""`POST /v1/stylize`: the route, its options, the pipeline, and the cache of results."""
