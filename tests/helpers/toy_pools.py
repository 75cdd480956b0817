"""Pools of models of toy likelihoods."""

import numpy as np

__all__ = ["PriorPool"]


class PriorPool:
    """Models drawn from the prior, each with its own dust."""

    n_columns = 1

    def __init__(self, models):
        self.models, self.axes = models, np.arange(models.cube.shape[1])
        self.log_density = self.log_density_at(models.cube)
        self.take = models.take

    def log_density_at(self, cube):
        return np.full(len(cube), np.log(len(self.models)))
