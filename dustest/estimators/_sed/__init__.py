"""Private parts of `BagpipesEstimator`: models, tables, posteriors, and the engine of Bagpipes.

Modules are imported one by one, since some of them need Bagpipes.
"""
