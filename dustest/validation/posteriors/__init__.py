"""Calibration and scores of posteriors, from tables, draws and quantiles."""
