"""Surveys of users."""

import pytest

from dustest.data import InputError, Mosaic, Survey, register_survey

MOSAICS = {"F277W": Mosaic((0.7, 0.3, 0.1), 29.0, 0.7)}


def test_flux_error_of_a_depth():
    # AB magnitude 31.4 is 1 nJy: a depth of 28.9 is 10 nJy at 5 sigma, of 80 % of the light.
    survey = Survey("toy", 0.03, 0.3, {"F277W": Mosaic((0.7, 0.3, 0.1), 28.9, 0.8)})
    assert survey.flux_error("nircam_f277w") == pytest.approx(2.5, rel=1e-3)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"pixel_scale": 0.0}, "pixel_scale of survey 'toy' must be a positive finite number"),
        ({"diameter": -0.3}, "diameter of survey 'toy' must be a positive finite number"),
        ({"mosaics": {}}, "mosaics of survey 'toy' must be a dict of Mosaic"),
        ({"mosaics": MOSAICS["F277W"]}, "must be a dict of Mosaic by .*, got Mosaic"),
        ({"mosaics": {"F277W": 29.0}}, "must be a dict of Mosaic by .*, got {'F277W': 29.0}"),
    ],
)
def test_fields_have_a_type(fields, problem):
    with pytest.raises(InputError, match=problem):
        Survey("toy", **{"pixel_scale": 0.03, "diameter": 0.3, "mosaics": MOSAICS} | fields)


@pytest.mark.parametrize(
    ("band", "problem"),
    [("nircam_f277w", "short names, such as 'F277W', got 'nircam_f277w'"), ("my band", "my band")],
)
def test_bands_are_known(band, problem):
    with pytest.raises(InputError, match=problem):
        register_survey(Survey("toy", 0.03, 0.3, {band: MOSAICS["F277W"]}))
