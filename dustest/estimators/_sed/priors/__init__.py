"""Priors of SED models."""
