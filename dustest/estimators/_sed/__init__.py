"""What `BagpipesEstimator` is made of: models, tables of them, posteriors, and Bagpipes itself.

Nothing here is public. Modules are imported one by one, since some of them need Bagpipes.
"""
