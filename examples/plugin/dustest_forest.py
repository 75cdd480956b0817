"""A rival estimator in one file: a random forest on colours."""

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from dustest.estimators import DustEstimator, Estimates

__all__ = ["ForestEstimator"]


class ForestEstimator(DustEstimator):
    """Dust from the colours of a galaxy, learned by a random forest.

    Parameters
    ----------
    n_trees : int, optional
        Number of trees; each gives one draw.
    targets : str or tuple of str, optional
        Quantities to learn.
    random_state : int, Generator or None, optional
        Seed of the forest.
    """

    requires = ("flux", "redshift")
    uncertainty = "ensemble"
    references = (
        """@article{Breiman2001,
  author = {Breiman, Leo},
  title = {Random Forests},
  journal = {Machine Learning},
  volume = {45},
  pages = {5--32},
  year = {2001},
}""",
    )

    def __init__(self, n_trees=100, targets="A_V", random_state=None):
        self.n_trees = n_trees
        self.targets = targets
        self.random_state = random_state

    def _fit(self, batch, y):
        # Without a seed, scikit-learn draws from the global generator of numpy.
        seed = int(np.random.default_rng(self.random_state).integers(2**31))
        self.forest_ = RandomForestRegressor(self.n_trees, random_state=seed)
        self.forest_.fit(self._colours(batch), y[:, 0] if y.shape[1] == 1 else y)

    def _estimate(self, batch):
        colours = self._colours(batch)
        trees = [tree.predict(colours) for tree in self.forest_.estimators_]
        draws = np.reshape(trees, (len(trees), len(batch), -1))
        names = self._target_names
        return Estimates({name: draws[:, :, i].T for i, name in enumerate(names)})

    def _colours(self, batch):
        total = np.nansum(batch.flux, axis=1, keepdims=True)
        return np.column_stack([np.nan_to_num(batch.flux / total), batch.redshift])
