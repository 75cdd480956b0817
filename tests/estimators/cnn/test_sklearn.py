"""scikit-learn's own checks on `CNNEstimator`, which learns plain features as well."""

import numpy as np
import pytest
from sklearn.utils import estimator_checks

from dustest import CNNEstimator
from dustest.estimators._cnn.network.config import CNNConfig

pytest.importorskip("keras")

CONFIG = CNNConfig(filters=(1,), context_dense=(), dense=(8,), components=1, dropout=0.0)
WEIGHTS = "a weight scales the loss of a galaxy, a copy makes another step of training"


class Regressor(CNNEstimator):
    """One that says how poorly A_V, which is never negative, describes any number at all."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


def expected_failures(estimator):
    """Checks that cannot hold, each with its reason."""
    return {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    }


@pytest.fixture(autouse=True, scope="module")
def eager():
    """Without graphs, which take longer to make than these few rows to learn."""
    tensorflow = pytest.importorskip("tensorflow")
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(before)


@pytest.mark.usefixtures("restored_random_state")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
@estimator_checks.parametrize_with_checks(
    [Regressor(targets="A_V", architecture=CONFIG, epochs=1, random_state=1)],
    expected_failed_checks=expected_failures,
)
def test_all_checks(estimator, check):
    check(estimator)


def test_few_failures_are_expected():
    assert len(expected_failures(None)) <= 5


def test_tags():
    tags = CNNEstimator().__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert tags.input_tags.allow_nan
    assert tags.target_tags.required
    assert tags.target_tags.multi_output
    assert not tags.regressor_tags.poor_score
    assert not CNNEstimator(targets="A_V").__sklearn_tags__().target_tags.multi_output
    assert np.ndim(CNNEstimator().bands) == 1
