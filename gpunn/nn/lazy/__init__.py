"""Layers that learn the number of their inputs from the first input."""
