"""Figures of one galaxy, from the results of estimators."""
