"""Reading of catalogues: requested columns, recognised columns, units and plausibility."""
