"""Columns and draws of the results of SED fits."""
