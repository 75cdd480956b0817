import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from toy_images import SIZE, OfFlux, gaussian, toy_images, toy_psfs

import dustest
from dustest import (
    BagpipesEstimator,
    BalmerEstimator,
    CNNEstimator,
    MeurerEstimator,
)
from dustest.data import FLAGS, DustestWarning, InputError
from dustest.estimators import Estimates
from dustest.resolved import AttenuationMaps, bin_cutouts, map_attenuation

LINE_UNIT = u.Unit("1e-18 erg / (s cm2)")


@pytest.fixture(scope="module")
def galaxy():
    return bin_cutouts(toy_images(), 7.1, psf=toy_psfs())


@pytest.fixture(scope="module")
def maps(galaxy):
    return map_attenuation(galaxy, estimator=OfFlux())


class Bare(OfFlux):
    """A value without a distribution."""

    uncertainty = "none"

    def _estimate(self, batch):
        return Estimates({"A_V": np.full(len(batch.redshift), 0.2)})


class TestMapAttenuation:
    def test_maps_have_the_values_of_the_bins(self, maps, galaxy):
        a_v = maps["A_V"]
        assert isinstance(maps, AttenuationMaps)
        assert isinstance(a_v, NDData)
        assert a_v.unit == u.mag
        assert a_v.wcs.wcs.crval.tolist() == [53.1, -27.8]
        inside = galaxy.bins.data > 0
        assert np.array_equal(a_v.mask, ~inside)
        assert a_v.data[inside] == pytest.approx(0.5)
        assert a_v.uncertainty.array[inside] == pytest.approx(0.068, abs=0.001)
        assert maps["A_V_p84"].data[inside] == pytest.approx(0.568, abs=0.001)
        assert np.nanmax(maps["flags"].data) == 0.0

    def test_the_integrated_fit_is_of_the_sum(self, maps, galaxy):
        flux = galaxy.sample["flux_F444W"].sum().value
        assert len(maps.table) == len(galaxy)
        assert maps.integrated["log_mass"][0] == pytest.approx(8.0 + np.log10(flux))

    def test_masses_of_bins_sum_to_that_of_the_galaxy(self, maps):
        (row,) = maps.sums
        assert row["quantity"] == "log_mass"
        assert row["n_bins"] == len(maps.table)
        # The mass of the toy is proportional to the flux.
        assert row["bins"] == pytest.approx(row["integrated"])

    def test_surface_density(self, maps, galaxy):
        density = maps.surface_density()
        inside = galaxy.bins.data > 0
        kpc = 0.03 * 5.24  # at redshift 7.1, in Bagpipes' cosmology
        area = np.sum(inside) * kpc**2
        mean = np.log10(np.mean(10.0 ** density.data[inside]))
        assert mean == pytest.approx(maps.sums["bins"][0] - np.log10(area), abs=0.02)
        with pytest.raises(InputError, match="name must be a logarithm"):
            maps.surface_density("A_V")

    def test_cutouts_are_binned_with_the_arguments(self):
        images = toy_images()
        maps = map_attenuation(images, 7.1, OfFlux(), psf=toy_psfs(), signal_to_noise=40)
        assert len(maps.table) < 20
        assert maps.galaxy.sample["snr"].min() >= 40

    def test_slopes(self, galaxy):
        # Two bands at 1900 and 3400 Angstrom are too few: the third is beyond the ultraviolet.
        what = "no bin has a result, with the flags NO_DATA, from 3 bands: all maps are NaN"
        with pytest.warns(DustestWarning, match=what):
            maps = map_attenuation(galaxy, estimator=MeurerEstimator(extra=("beta",)))
        assert np.isnan(maps["A_V"].data).all()
        images = toy_images()
        images = {"F150W": images["F150W"], "F200W": images["F277W"]}
        # The galaxy is much broader than both point-spread functions.
        options = {"psf": "matched", "min_pixels": 20}
        slopes = map_attenuation(images, 7.1, MeurerEstimator(extra=("beta",)), **options)
        assert {"A_V", "beta"} <= set(slopes.quantities)
        # Twice the flux density at 20,028 as at 15,104 Angstrom.
        expected = np.log(2.0) / np.log(20028 / 15104) - 2.0
        assert slopes.integrated["beta"][0] == pytest.approx(expected, abs=0.15)

    def test_a_method_without_percentiles(self, galaxy):
        maps = map_attenuation(galaxy, estimator=Bare())
        assert maps["A_V"].data[galaxy.bins.data > 0] == pytest.approx(0.2)
        assert len(maps.sums) == 0

    def test_a_bin_without_bands_is_missing(self):
        images = toy_images()
        images["F444W"].mask = np.zeros((SIZE, SIZE), dtype=bool)
        images["F444W"].mask[:, :30] = True
        maps = map_attenuation(images, 7.1, OfFlux(), psf=toy_psfs(), reference="F277W")
        missing = np.isnan(np.asarray(maps.table["A_V"]))
        assert 0 < missing.sum() < len(maps.table)
        flagged = (maps.table["flags"] & FLAGS["MISSING_BAND"].value) > 0
        assert flagged[missing].all()
        assert maps.sums["n_bins"][0] == np.count_nonzero(~missing)

    def test_lines_give_the_attenuation_of_the_gas(self, galaxy):
        rng = np.random.default_rng(3)
        a_v, ratio = 1.0, 2.86
        law = dustest.physics.get_dust_law("CCM89")
        faint = 10.0 ** (-0.4 * a_v * law.a_over_av(np.array([6564.61, 4862.68])))
        lines = {
            name: NDData(
                3000.0 * flux * gaussian(5.7) + 0.1 * rng.standard_normal((SIZE, SIZE)),
                unit=LINE_UNIT,
            )
            for name, flux in zip(("Ha", "Hb"), faint * [ratio, 1.0], strict=True)
        }
        maps = map_attenuation(toy_images(), 7.1, OfFlux(), psf=toy_psfs(), lines=lines)
        assert np.median(np.asarray(maps.table["A_V_nebular"])) == pytest.approx(a_v, abs=0.1)
        stars, gas = (np.asarray(maps.table[name]) for name in ("E_BV", "E_BV_nebular"))
        assert np.asarray(maps.table["f"]) == pytest.approx(stars / gas, rel=0.15)
        assert np.isfinite(np.asarray(maps.integrated["f"])).all()
        assert {"A_V_nebular", "f"} <= set(maps.quantities)
        assert maps.plot().axes

    def test_results_are_reproducible_from_meta(self, maps):
        assert maps.table.meta["estimator"] == "OfFlux"
        assert json.loads(maps.table.meta["params"])["targets"] == "A_V"

    def test_mistakes(self, galaxy):
        with pytest.raises(InputError, match="CNNEstimator, which needs cutout"):
            map_attenuation(galaxy, estimator=CNNEstimator())
        with pytest.raises(InputError, match="must be a DustEstimator"):
            map_attenuation(galaxy, estimator="SED")
        with pytest.raises(InputError, match="BalmerEstimator, which needs line"):
            map_attenuation(galaxy, estimator=BalmerEstimator())
        with pytest.raises(InputError, match="psf must be left out"):
            map_attenuation(galaxy, estimator=OfFlux(), psf="matched")
        message = "map_attenuation has no argument 'pixelscale': did you mean 'pixel_scale'"
        with pytest.raises(TypeError, match=message):
            map_attenuation(toy_images(), 7.1, OfFlux(), pixelscale=0.03)
        with pytest.raises(InputError, match="draws must be"):
            map_attenuation(galaxy, estimator=OfFlux(), draws=-1)

    def test_the_name_is_public(self):
        assert dustest.map_attenuation is map_attenuation

    @pytest.mark.slow
    def test_fits_of_bins_share_a_pool(self, galaxy):
        sed = BagpipesEstimator(extra=("log_mass",), random_state=210521, preset="Fu")
        maps = map_attenuation(galaxy, estimator=sed)
        assert {"A_V", "log_mass", "log_SFR_100"} <= set(maps.quantities)
        assert maps.sums["bins"][0] == pytest.approx(maps.sums["integrated"][0], abs=0.4)


class TestAttenuationMaps:
    def test_unknown_columns(self, maps):
        with pytest.raises(InputError, match=r"maps have the columns A_V, .* did you mean 'A_V'"):
            maps["AV"]

    def test_repr_is_short(self, maps):
        assert len(repr(maps)) < 150
        assert "by OfFlux, redshift 7.1" in repr(maps)

    def test_file(self, maps, tmp_path):
        path = tmp_path / "maps.fits"
        maps.write(path)
        with fits.open(path) as hdus:
            names = [hdu.name for hdu in hdus]
            assert names[1:3] == ["BINS", "FLAGS"]
            assert {"A_V", "LOG_MASS", "TABLE", "INTEGRATED", "SUMS", "PHOTOMETRY"} <= set(names)
            assert hdus["A_V"].data.shape == (3, SIZE, SIZE)
            assert hdus["A_V"].header["BUNIT"] == "mag"
            assert hdus["A_V"].header["CRVAL1"] == 53.1
            assert hdus[0].header["REDSHIFT"] == 7.1
            assert len(hdus["TABLE"].data) == len(maps.table)
            assert np.array_equal(hdus["BINS"].data, maps.galaxy.bins.data)
        with pytest.raises(InputError, match="overwrite=True"):
            maps.write(path)
        maps.write(path, overwrite=True)

    def test_figure(self, maps):
        figure = maps.plot()
        titles = [ax.get_title() for ax in figure.axes]
        assert titles.count("its error") == 2
        assert "$A_V$ [mag]" in titles
        assert len(maps.plot(["A_V"]).axes) < len(figure.axes)
