"""Padding and resizing of signals, images and volumes, sampling at points, and pixel shuffling."""
