"""Dust laws: their curves, how they are composed, and their names; a law is one file."""
