import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

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


class TestWeights:
    y = np.array([0.1, 0.2, 0.4, 0.9])

    @pytest.mark.parametrize("weight", [[1, 2, 0, 3], [2.0, 4.0, 0.0, 6.0], [0.5, 1.0, 0.0, 1.5]])
    def test_whole_weights_repeat_galaxies(self, weight):
        repeated = np.repeat(self.y, [1, 2, 0, 3])
        weighted = ConstantEstimator().fit(np.zeros((4, 1)), self.y, sample_weight=weight)
        expected = ConstantEstimator().fit(np.zeros((6, 1)), repeated)
        np.testing.assert_array_equal(weighted.draws_, expected.draws_)

    def test_equal_weights_change_nothing(self):
        weighted = ConstantEstimator().fit(np.zeros((4, 1)), self.y, sample_weight=[0.3] * 4)
        np.testing.assert_array_equal(weighted.draws_, [self.y])

    def test_other_weights_are_shares(self):
        weight = [0.123, 0.3, 1.7, 0.01]
        control = ConstantEstimator().fit(np.zeros((4, 1)), self.y, sample_weight=weight)
        shares = [(control.draws_[0] == value).mean() for value in self.y]
        np.testing.assert_allclose(shares, np.array(weight) / np.sum(weight), atol=1e-4)
        assert control.predict(np.zeros((1, 1))) == [0.4]

    def test_targets_stay_together(self):
        y = np.stack([self.y, self.y / 4], axis=1)
        control = ConstantEstimator(("A_V", "E_BV"))
        control.fit(np.zeros((4, 1)), y, sample_weight=[0.1, 0.7, 0.35, 1.3])
        np.testing.assert_array_equal(control.draws_[0], 4 * control.draws_[1])

    def test_a_search_routes_them(self):
        rng = np.random.default_rng(1)
        X, y, weight = rng.normal(size=(60, 2)), rng.exponential(size=60), rng.random(60)
        search = GridSearchCV(ConstantEstimator(), {"targets": ["A_V", "E_BV"]}, cv=3)
        search.fit(X, y, sample_weight=weight)
        assert search.best_estimator_.draws_.size == 10_000
