"""The routes of jobs: creation, listing, events, results."""
