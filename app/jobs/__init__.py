"""Slow work as durable jobs: the ledger, its queue, and the workers."""
