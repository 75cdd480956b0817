import numpy as np
import pytest
from golden_results import stored_catalog
from sklearn.base import clone
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from dustest import BagpipesEstimator, ConstantEstimator, MeurerEstimator

# The checks that need no 2-D array; the others cannot run on photometry or cutouts.
APPLICABLE = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
]


@pytest.mark.usefixtures("restored_random_state")
@estimator_checks.parametrize_with_checks([ConstantEstimator()])
def test_all_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", APPLICABLE, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", [MeurerEstimator(), BagpipesEstimator()], ids=repr)
def test_applicable_checks(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.fixture(scope="module")
def demo():
    sample, truth = stored_catalog()
    return sample, truth["A_V"].value


class TestTools:
    def test_grid_search(self, demo):
        search = GridSearchCV(
            MeurerEstimator(),
            {"relation": ["Meurer99", "Reddy15"], "dust_law": ["Calzetti", "SMC"]},
            cv=GroupKFold(3),
            scoring="neg_median_absolute_error",
        )
        search.fit(*demo, groups=np.arange(200) // 4)
        assert search.best_params_["dust_law"] in ("Calzetti", "SMC")
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.predict(demo[0]).shape == (200,)

    def test_grid_search_on_a_truth_table(self):
        sample, truth = stored_catalog()
        search = GridSearchCV(MeurerEstimator(), {"relation": ["Meurer99", "Reddy15"]}, cv=3)
        search.fit(sample, truth)
        assert np.isfinite(search.best_score_)

    def test_the_control_scores_about_zero(self, demo):
        scores = cross_val_score(ConstantEstimator(), *demo, cv=4)
        assert np.all(scores < 0.05)
        assert np.all(scores > -0.5)

    def test_workers(self, demo):
        one = cross_val_score(ConstantEstimator(), *demo, cv=4)
        two = cross_val_score(ConstantEstimator(), *demo, cv=4, n_jobs=2)
        np.testing.assert_array_equal(one, two)

    def test_pipeline(self, demo):
        pipeline = Pipeline([("bright", FunctionTransformer()), ("dust", MeurerEstimator())])
        np.testing.assert_array_equal(
            pipeline.fit(*demo).predict(demo[0]), MeurerEstimator().predict(demo[0])
        )

    def test_stacking_beats_the_control(self, demo):
        stack = StackingRegressor(
            [
                ("calzetti", MeurerEstimator()),
                ("smc", MeurerEstimator("Reddy18-SMC", dust_law="SMC")),
                ("control", ConstantEstimator()),
            ],
            final_estimator=LinearRegression(),
            cv=3,
        )
        scores = cross_val_score(stack, *demo, cv=3, scoring="neg_median_absolute_error")
        control = cross_val_score(
            ConstantEstimator(), *demo, cv=3, scoring="neg_median_absolute_error"
        )
        assert scores.mean() > control.mean()

    @pytest.mark.parametrize("estimator", [MeurerEstimator(dust_law="SMC"), ConstantEstimator()])
    def test_clone_and_representation(self, estimator):
        copy = clone(estimator)
        assert copy.get_params() == estimator.get_params()
        assert type(estimator).__name__ in copy._repr_html_()
