"""Uploading: what is placed here goes to a bundler, each item until it is acknowledged."""
