"""Blobs by key, in a folder or in S3."""
