"""Surveys, against published depths, real point-spread functions and a real catalogue."""

import dataclasses

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from dustest.data import InputError
from dustest.simulate import (
    CorrelatedNoise,
    aperture_depth,
    aperture_rms,
    encircled_energy,
    make_psf,
    noise_preset,
    read_psf,
)
from dustest.simulate.surveys import get_survey, list_surveys, with_pixel_scale

# Bagley et al. 2023: 5 sigma, aperture of 0.2 arcsec, corrected to total light.
CEERS_DEPTHS = {
    "F115W": 29.1,
    "F150W": 29.0,
    "F200W": 29.2,
    "F277W": 29.2,
    "F356W": 29.2,
    "F410M": 28.4,
    "F444W": 28.6,
}
# Those of the paper, Section "Observations"; of JADES also the two of HST.
PAPER_BANDS = {
    "CEERS": {*CEERS_DEPTHS, "F606W", "F814W"},
    "JADES-deep": {
        *("F606W", "F814W", "F090W", "F115W", "F150W", "F200W"),
        *("F277W", "F335M", "F356W", "F410M", "F444W"),
    },
}
PAPER_BANDS["JADES-MIRI"] = PAPER_BANDS["JADES-deep"] | {"F770W"}
PSF_FILES = {
    "F606W": "f606w",
    "F814W": "f814w",
    "F090W": "nrca3-f090w",
    "F115W": "nrca3-f115w",
    "F150W": "nrca3-f150w",
    "F200W": "nrca3-f200w",
    "F277W": "nrca5-f277w",
    "F356W": "nrca5-f356w",
    "F410M": "nrca5-f410m",
    "F444W": "nrca5-f444w",
}


def every_band():
    """All pairs of survey and band."""
    return [(name, band) for name in list_surveys() for band in get_survey(name).bands]


class TestSurvey:
    @pytest.mark.parametrize("name", list_surveys())
    def test_bands_of_the_paper(self, name):
        survey = get_survey(name)
        assert set(survey.bands) == PAPER_BANDS[name]
        assert survey.name == name

    @pytest.mark.parametrize(("name", "scale"), [("CEERS", 0.04), ("JADES-deep", 0.03)])
    def test_noise_is_the_preset(self, name, scale):
        survey = get_survey(name)
        assert survey.pixel_scale == scale
        for band in survey.bands:
            assert noise_preset(name, band).pixel_scale == scale

    def test_any_spelling_of_a_band(self):
        survey = get_survey("CEERS")
        assert survey.flux_error("nircam_f277w") == survey.flux_error("F277W")

    def test_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            get_survey("CEERS").name = "other"

    @pytest.mark.parametrize(("method", "band"), [("mosaic", "F770W"), ("flux_error", "F435W")])
    def test_band_that_the_survey_has_not(self, method, band):
        # JADES-deep has noise for F435W, but no light within the aperture.
        with pytest.raises(InputError, match="band must be one that JADES-deep has"):
            getattr(get_survey("JADES-deep"), method)(band)

    def test_unknown_survey(self):
        with pytest.raises(InputError, match="must be one of JADES-deep, CEERS, JADES-MIRI, got"):
            get_survey("SDSS")


class TestFluxError:
    def test_published_error_of_a_point_source(self):
        """JADES-GS-z14-1 in F770W, Wu et al. (2025): 7.9 +- 2.8 nJy."""
        assert get_survey("JADES-MIRI").flux_error("F770W") == pytest.approx(2.8, rel=0.01)
        depth = get_survey("JADES-deep").flux_error("F444W")
        assert get_survey("JADES-MIRI").flux_error("F444W") == depth

    @pytest.mark.parametrize("band", CEERS_DEPTHS)
    def test_published_depths(self, band):
        depth = (5.0 * get_survey("CEERS").flux_error(band) * u.nJy).to_value(u.ABmag)
        assert depth == pytest.approx(CEERS_DEPTHS[band], abs=0.01)

    @pytest.mark.parametrize(("name", "band"), every_band())
    def test_images_have_the_noise_of_fluxes(self, name, band):
        field = get_survey(name)
        survey = get_survey(name)
        light = field.mosaics[band].light
        in_images = aperture_rms(noise_preset(name, band), field.diameter) / light
        # Three lags alone, where CEERS was measured, miss what is correlated further away.
        tolerance = 0.2 if name == "CEERS" and field.mosaics[band].rms else 0.03
        assert in_images == pytest.approx(survey.flux_error(band), rel=tolerance)

    @pytest.mark.parametrize(("name", "band"), every_band())
    def test_light_within_the_aperture(self, name, band, shared_data):
        field = get_survey(name)
        if band in {"F335M", "F770W"}:
            psf = make_psf(band, size=int(4.0 / field.pixel_scale) | 1)
        else:
            path = shared_data / "psf" / f"psf-ceers-{PSF_FILES[band]}.fits"
            psf = read_psf(path, file_pixel_scale=0.04)
        found = encircled_energy(psf, 0.5 * field.diameter)
        assert found == pytest.approx(field.mosaics[band].light, abs=0.01)

    @pytest.mark.parametrize("band", get_survey("JADES-deep").bands)
    def test_the_best_errors_of_a_real_catalogue(self, band, shared_data):
        """Galaxies of the field: errors grow with size, the smallest are those of points."""
        table = Table.read(shared_data / "catalogs" / "jof_bagpipes.ecsv")
        errors = 1e3 * np.asarray(table[f"{band}_err_uJy"], dtype=float)
        smallest, median = np.nanpercentile(errors, [10, 50])
        assert smallest < get_survey("JADES-deep").flux_error(band) < median


class TestWithPixelScale:
    @pytest.mark.parametrize(("name", "scale"), [("JADES-deep", 0.02), ("CEERS", 0.06)])
    def test_depths_stay(self, name, scale):
        given = get_survey(name)
        survey = with_pixel_scale(given, scale)
        mosaic = survey.mosaic("F277W")
        noise = CorrelatedNoise(mosaic.rms, mosaic.autocorrelation, scale)
        depth = aperture_depth(noise, survey.diameter)
        assert depth == pytest.approx(given.mosaic("F277W").depth, abs=0.01)
        assert survey.flux_error("F444W") == given.flux_error("F444W")

    def test_correlation_over_the_same_distance(self):
        survey = with_pixel_scale(get_survey("JADES-deep"), 0.06)
        assert survey.mosaic("F277W").autocorrelation == pytest.approx((0.35, 0.0, 0.0))
        assert survey.mosaic("F300M").autocorrelation == "F277W"

    def test_refusal(self):
        with pytest.raises(InputError, match="pixel_scale must be"):
            with_pixel_scale(get_survey("CEERS"), 0.0)
        with pytest.raises(InputError, match="survey must be one of JADES-deep, CEERS"):
            with_pixel_scale("COSMOS", 0.06)

    def test_names_and_units(self):
        assert with_pixel_scale("CEERS", 60.0 * u.mas) == with_pixel_scale(
            get_survey("CEERS"), 0.06
        )
