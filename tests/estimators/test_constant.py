import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError

from dustest import ConstantEstimator
from dustest.data import InputError
from dustest.testing import make_check_sample


class TestConstant:
    def test_agrees_with_scikit_learn(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(50, 3)), rng.exponential(size=50)
        ours = ConstantEstimator().fit(X, y)
        theirs = DummyRegressor(strategy="median").fit(X, y)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
        low = DummyRegressor(strategy="quantile", quantile=0.16).fit(X, y)
        np.testing.assert_allclose(ours.predict_quantiles(X, [0.16])[:, 0], low.predict(X))

    def test_several_targets(self):
        sample, truth = make_check_sample()
        control = ConstantEstimator(("A_V", "E_BV", "log_sSFR")).fit(sample, truth)
        assert control.predict(sample).shape == (4, 3)
        table = control.estimate(sample)
        np.testing.assert_allclose(table["R_V"], 4.05)
        np.testing.assert_allclose(table["log_sSFR"], np.median(truth["log_sSFR"]))

    def test_order_of_columns_is_that_of_the_targets(self):
        X = np.zeros((3, 1))
        control = ConstantEstimator(("E_BV", "A_V")).fit(X, [[0.1, 0.4]] * 3)
        np.testing.assert_allclose(control.predict(X), [[0.1, 0.4]] * 3)

    def test_must_be_fitted(self):
        with pytest.raises(NotFittedError):
            ConstantEstimator().predict(np.zeros((2, 1)))

    def test_truth_must_fit(self):
        with pytest.raises(InputError, match="one row for each of the 2 galaxies"):
            ConstantEstimator().fit(np.zeros((2, 1)), [0.1])
        with pytest.raises(InputError, match="target y is None"):
            ConstantEstimator().fit(np.zeros((2, 1)))

    def test_unknown_targets_are_refused(self):
        with pytest.raises(InputError, match="targets must be names out of"):
            ConstantEstimator("A_v").fit(np.zeros((2, 1)), [0.1, 0.2])
