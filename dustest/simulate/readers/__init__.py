"""Readers of files of other simulations."""
