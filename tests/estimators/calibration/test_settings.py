import pytest

from dustest import BagpipesEstimator
from dustest.data.errors import InputError
from dustest.estimators._calibration.settings import check_settings, settings_of


@pytest.fixture
def known():
    """Settings of a calibration from before AGN."""
    found = settings_of(BagpipesEstimator())
    found["parameters"] = {k: v for k, v in found["parameters"].items() if k != "agn"}
    return found


class TestNewParameters:
    def test_had_their_default(self, known):
        check_settings(known, BagpipesEstimator(), "the calibration")
        assert "agn" not in known["parameters"]

    def test_other_values_are_refused(self, known):
        with pytest.raises(InputError, match="agn=False, got agn=True"):
            check_settings(known, BagpipesEstimator(agn=True), "the calibration")

    def test_known_parameters_must_be_equal(self, known):
        with pytest.raises(InputError, match=r"error_floor=0\.05, got error_floor=0\.1"):
            check_settings(known, BagpipesEstimator(error_floor=0.1), "the calibration")
