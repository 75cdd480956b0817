"""Arguments that are dictionaries by band."""

import numpy as np
import pytest

from dustest.data import InputError, as_sample, get_band
from dustest.data.checks.sample_columns import by_band
from dustest.report.figures import plot_stamps
from dustest.simulate import PSF, GalaxySimulator, Imager

SPELLINGS = ["F277W", "f277w", "JWST/NIRCam.F277W", "nircam_f277w", "f277w-clear", " F277W "]
Y, X = np.mgrid[-33:34, -33:34]
BLUR = PSF(np.exp(-0.5 * (X**2 + Y**2) / 2.0**2), pixel_scale=0.03)


class TestByBand:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_spellings(self, spelling):
        assert by_band({spelling: 2.6}, ("F277W", "F444W"), "noise_factor") == {"F277W": 2.6}

    def test_band_objects_and_unknown_cameras(self):
        assert by_band({get_band("F277W"): 1, "CAM1": 2}, None, "x") == {"F277W": 1, "CAM1": 2}

    def test_a_key_that_matches_nothing(self):
        with pytest.raises(
            InputError, match=r"unit names the band 'f278w', which is not one of F277W, F444W: did"
        ):
            by_band({"f278w": "nJy"}, ("F277W", "F444W"), "unit")

    def test_a_band_twice(self):
        with pytest.raises(InputError, match="x must name every band once, got F277W, f277w"):
            by_band({"F277W": 1, "f277w": 2}, None, "x")

    @pytest.mark.parametrize("key", [5, None, "", " "])
    def test_keys_that_are_no_names(self, key):
        with pytest.raises(InputError, match="x must have names of bands such as 'F277W' as keys"):
            by_band({key: 1}, None, "x")

    @pytest.mark.parametrize("given", [None, [1], "F277W"])
    def test_no_dictionary(self, given):
        with pytest.raises(InputError, match="x must be a dict by band, got"):
            by_band(given, None, "x")


class TestWhereItIsUsed:
    @pytest.mark.parametrize("spelling", SPELLINGS[1:4])
    def test_images_of_a_sample(self, spelling):
        sample = as_sample(np.ones((2, 1, 16, 16)), bands=["F277W"])
        assert len(sample.to_nddata(spelling)) == 2
        assert plot_stamps(sample, bands=[spelling]).axes[0].get_title() == "F277W"

    @pytest.mark.parametrize("spelling", SPELLINGS[1:4])
    def test_point_spread_functions(self, spelling):
        assert Imager({spelling: BLUR}, pixel_scale=0.03).bands == ("F277W",)

    @pytest.mark.parametrize("argument", ["psfs", "noise"])
    def test_the_simulator_refuses_what_it_would_not_use(self, argument):
        with pytest.raises(InputError, match=f"{argument} names the band 'F445W'.*'F444W'"):
            GalaxySimulator(["F444W"], **{argument: {"f444w": BLUR, "F445W": BLUR}})
