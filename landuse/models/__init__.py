"""Backbones as data, heads, and the runtimes that run them."""
