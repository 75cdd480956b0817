"""The networks that come with dustest, on simulated and on real galaxies."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS
from fresh_process import call
from without_keras import attenuations

from dustest import CNNEstimator, ConstantEstimator
from dustest.data import FLAGS, DustTable, InputError, decode_flags
from dustest.estimators._cnn.files.pretrained import PRETRAINED, pretrained_file
from dustest.io import add_cutouts, load_demo
from dustest.simulate import GalaxySimulator, get_population

BANDS = ("F277W", "F356W", "F444W")
JOF = {"jof_478_zphot5.84": 5.84, "jof_36_zphot4.13": 4.13}
CEERS = {"ceers_10735": 2.298, "ceers_13374": 1.112, "ceers_40": 0.638, "ceers_6414": 0.355}
CEERS_UNIT = u.MJy / u.sr


@pytest.fixture(scope="module")
def cnn():
    return CNNEstimator.from_pretrained("nircam-3band")


@pytest.fixture(scope="module")
def unseen():
    """Bright galaxies as in training, of another seed."""
    simulator = GalaxySimulator(
        BANDS,
        redshift=7.0,
        spectrograph=None,
        photometry_bands=(),
        population=replace(get_population("0.2"), log_mass=(7.5, 11.0)),
        views=("xy",),
    )
    sample, truth = simulator.draw(1000, random_state=77)
    bright = sample["snr_F277W"] > 5.0
    return sample[bright], truth[bright]


class TestFiles:
    def test_size(self):
        assert sum(pretrained_file(name)[0].stat().st_size for name in PRETRAINED) < 10_000_000

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_digest(self, name):
        path, sha256 = pretrained_file(name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_card(self, name):
        cnn = CNNEstimator.from_pretrained(name)
        by_name = {one["quantity"]: one for one in cnn.card_["metrics"]}
        assert by_name["A_V"]["ratio"] < {1: 0.87, 3: 0.77, 7: 0.70}[len(cnn.bands)]
        assert {"population", "simulator", "limits"} <= set(cnn.card_)

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_biases_of_the_card_are_estimate_minus_truth(self, name):
        card = CNNEstimator.from_pretrained(name).card_
        assert card["residuals"] == "estimate minus truth"
        by_name = {one["quantity"]: one for one in card["metrics"]}
        # The median of a skewed posterior lies below its mean, which has no bias.
        assert by_name["A_V"]["bias"] < -0.05
        assert by_name["log_sSFR"]["bias"] > 0.01
        # Estimates revert to the mean: too high for the least dust, too low for the most.
        least, *_, most = by_name["A_V"]["bias_of_mean_by_true"]
        assert least > 0 > most

    @pytest.mark.parametrize("name", ["nircam-2band", None, "../nircam-3band"])
    def test_unknown(self, name):
        with pytest.raises(InputError, match="name must be one of the pretrained models"):
            CNNEstimator.from_pretrained(name)


class TestWithoutKeras:
    """Prediction in a process that cannot import Keras or TensorFlow, and starts quickly."""

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_estimates(self, name):
        assert np.isfinite(call(attenuations, name)).all()


@pytest.mark.slow
class TestSimulated:
    @pytest.mark.parametrize("name", PRETRAINED)
    def test_beats_the_control(self, name, unseen):
        sample, truth = unseen
        table = CNNEstimator.from_pretrained(name).estimate(sample)
        control = ConstantEstimator(("A_V", "E_BV")).fit(sample, truth).estimate(sample)
        for quantity in ("A_V", "E_BV"):
            errors = [np.abs(one[quantity] - truth[quantity]).mean() for one in (table, control)]
            assert errors[0] < 0.97 * errors[1]

    def test_covers(self, cnn, unseen):
        sample, truth = unseen
        table = cnn.estimate(sample)
        inside = (truth["A_V"] >= table["A_V_p16"]) & (truth["A_V"] <= table["A_V_p84"])
        assert inside.mean() == pytest.approx(0.68, abs=0.09)

    def test_r_v_is_consistent(self, cnn, unseen):
        table = cnn.estimate(unseen[0][:20])
        np.testing.assert_allclose(table["R_V"], (table["A_V"] / table["E_BV"]).value)

    def test_few_flags_within_the_domain(self, cnn, unseen):
        flags = cnn.estimate(unseen[0])["flags"] & ~FLAGS["PRIOR_DOMINATED"].value
        assert np.mean(flags == 0) > 0.94

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_every_galaxy_out_of_the_domain_has_a_reason(self, name, unseen):
        sample = unseen[0][:20].copy()
        sample["pixel_scale"] = np.full(20, 0.2) * u.arcsec
        table = CNNEstimator.from_pretrained(name).estimate(sample)
        assert np.all(table["flags"] & FLAGS["OUT_OF_DOMAIN"].value)
        assert np.all(table["domain_reason"] != "")

    def test_missing_bands_cost_accuracy(self, cnn, unseen):
        sample, truth = unseen
        less = sample.copy()
        for band in ("F356W", "F444W"):
            less[f"cutout_{band}"] = np.full(less[f"cutout_{band}"].shape, np.nan) * u.nJy
        tables = cnn.estimate(sample), cnn.estimate(less)
        errors = [np.abs(table["A_V"] - truth["A_V"]).mean() for table in tables]
        assert errors[1] > 1.1 * errors[0]


@pytest.mark.filterwarnings("ignore:.*made the change:astropy.wcs.FITSFixedWarning")
class TestRealStamps:
    """From FITS to a table in five lines."""

    @pytest.mark.parametrize(("name", "redshift"), JOF.items())
    def test_jof(self, cnn, shared_data, name, redshift):
        path = shared_data / "cutouts" / f"{name}.fits"
        with fits.open(path) as hdus:
            sky = _centre(hdus["F277W_SCI"])
        galaxy = QTable({"ra": [sky.ra], "dec": [sky.dec], "redshift": [redshift]})
        sample = add_cutouts(galaxy, dict.fromkeys(BANDS, path), size=32)
        table = cnn.estimate(sample)
        assert isinstance(table, DustTable)
        assert 0.0 <= table["A_V_p16"][0] <= table["A_V"][0] <= table["A_V_p84"][0] < 10 * u.mag
        assert "REDSHIFT_OUT_OF_RANGE" not in decode_flags(table["flags"])[0]

    @pytest.mark.filterwarnings("ignore:the rotation .* is not one:dustest.data.DustestWarning")
    @pytest.mark.parametrize(("name", "redshift"), CEERS.items())
    def test_ceers(self, cnn, shared_data, name, redshift):
        folder = shared_data / "cutouts" / name
        position = QTable.read(shared_data / "cutouts" / "ceers_table.csv")
        row = position[position["id_"] == int(name.removeprefix("ceers_"))][0]
        galaxy = QTable({"ra": [row["ra"]] * u.deg, "dec": [row["dec"]] * u.deg})
        galaxy["redshift"] = [redshift]
        images = {
            band: {
                "sci": folder / f"{band.lower()}.fits",
                "err": folder / f"{band.lower()}_err.fits",
                "mask": folder / f"{band.lower()}_mask.fits",
            }
            for band in BANDS
        }
        table = cnn.estimate(add_cutouts(galaxy, images, size=32, unit=CEERS_UNIT))
        assert np.isfinite(table["A_V"][0])
        assert "REDSHIFT_OUT_OF_RANGE" in decode_flags(table["flags"])[0]

    def test_edge(self, cnn, shared_data):
        path = shared_data / "cutouts" / "jof_478_zphot5.84.fits"
        with fits.open(path) as hdus:
            sky = WCS(hdus["F277W_SCI"].header).pixel_to_world(6.0, 32.0)
        galaxy = QTable({"ra": [sky.ra], "dec": [sky.dec], "redshift": [7.0]})
        table = cnn.estimate(add_cutouts(galaxy, dict.fromkeys(BANDS, path), size=32))
        assert "EDGE" in decode_flags(table["flags"])[0]


def _centre(hdu):
    """Position of the central pixel."""
    ny, nx = hdu.data.shape
    return WCS(hdu.header).pixel_to_world((nx - 1) / 2, (ny - 1) / 2)


class TestTargets:
    def test_some_of_those_that_were_learned(self):
        cnn = CNNEstimator.from_pretrained("nircam-3band").set_params(targets=("A_V", "log_sSFR"))
        galaxies = load_demo()[0][:2]
        assert cnn.predict(galaxies).shape == (2, 2)
        assert "E_BV_mean" in cnn.estimate(galaxies).colnames

    def test_others_are_refused(self):
        cnn = CNNEstimator.from_pretrained("nircam-3band").set_params(targets="log_mass")
        with pytest.raises(InputError, match="targets must be quantities that the netw"):
            cnn.estimate(load_demo()[0][:2])
