"""Galaxies from particles to tables, against closed forms."""

import json
import pickle
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM, Planck15
from astropy.table import Column
from bagpipes_models import BAGPIPES_COSMOLOGY, model_photometry
from hypothesis import given, settings
from hypothesis import strategies as st

from dustest.data.errors import InputError
from dustest.data.flags import FLAGS
from dustest.data.identity.describe import describe
from dustest.physics import LightTable, Salim18, get_dust_law, load_ssp_grid
from dustest.physics.telescope.psf import PSF
from dustest.simulate.emission.dust import effective_dust
from dustest.simulate.galaxies.particle_galaxy import GasParticles, ParticleGalaxy, StarParticles
from dustest.simulate.galaxies.population import GalaxyPopulation
from dustest.simulate.readers.particles import list_galaxies, read_particles
from dustest.simulate.readers.skirt import SimulatedImages, read_skirt_images
from dustest.simulate.simulator import GalaxySimulator
from dustest.simulate.telescope.noise import noise_from_blank_sky

BANDS = ("F277W", "F356W", "F444W")
REDSHIFT = 7.0


def gaussian_psf(fwhm, scale=0.03):
    """Point-spread function that takes no time to compute."""
    y, x = np.mgrid[-50:51, -50:51] * scale
    return PSF(np.exp(-4.0 * np.log(2.0) * (x**2 + y**2) / fwhm**2), scale)


PSFS = {band: gaussian_psf(fwhm) for band, fwhm in zip(BANDS, (0.12, 0.14, 0.16), strict=True)}


def simulator(bands=BANDS, **options):
    """Simulator of small galaxies, by default of images alone."""
    defaults = {
        "redshift": REDSHIFT,
        "psfs": {band: PSFS[band] for band in bands},
        "photometry_bands": [],
        "spectrograph": None,
        "population": GalaxyPopulation(n_stars=300, n_gas=300),
    }
    return GalaxySimulator(bands, **(defaults | options))


@pytest.fixture(scope="module")
def plain():
    """The simulator of most tests, whose tables are made once."""
    return simulator()


@pytest.fixture(scope="module")
def complete():
    """Images, photometry and spectra."""
    return GalaxySimulator(
        redshift=REDSHIFT, psfs=PSFS, population=GalaxyPopulation(n_stars=300, n_gas=300)
    )


def stars(tau_v, age=5e7, metallicity=0.004, position=None):
    """Equal star particles behind given optical depths."""
    n = len(tau_v)
    position = np.zeros((n, 3)) if position is None else position
    columns = (np.full(n, value) for value in (1e8, age, metallicity, 0.3))
    return StarParticles(position, *columns, tau_v=tau_v)


def galaxy(tau_v, **options):
    """Galaxy of such stars."""
    return ParticleGalaxy(stars(tau_v, **options), None, REDSHIFT, group="toy")


class TestTruth:
    @pytest.mark.parametrize("tau", [0.1, 0.7, 3.0])
    def test_a_slab_in_front(self, plain, tau):
        _, truth = plain.observe([galaxy(np.full(50, tau))], random_state=1)
        assert truth["A_V"][0].value == pytest.approx(1.086 * tau, rel=0.01)
        assert truth["R_V"][0] == pytest.approx(get_dust_law("SMC").r_v, rel=0.03)

    @pytest.mark.parametrize("tau", [0.1, 1.0, 5.0])
    def test_a_mixed_slab(self, plain, tau):
        depths = tau * (np.arange(400) + 0.5) / 400
        _, truth = plain.observe([galaxy(depths)], random_state=1)
        expected = -2.5 * np.log10((1.0 - np.exp(-tau)) / tau)
        assert truth["A_V"][0].value == pytest.approx(expected, rel=0.01)

    def test_no_dust_is_exactly_none(self, plain):
        _, truth = simulator(dust_to_metal=0.0).draw(8, random_state=2)
        assert not truth["A_V"].value.any()
        assert not truth["E_BV"].value.any()
        assert not truth["A_1600"].value.any()
        assert np.isnan(truth["R_V"]).all()
        assert np.isneginf(truth["log_dust_mass"]).all()

    def test_dust_dims_and_greys(self):
        means = []
        for dust_to_metal in (0.05, 0.3, 0.9):
            population = GalaxyPopulation(log_mass=(9.0, 10.0), n_stars=300, n_gas=300)
            one = simulator(dust_to_metal=dust_to_metal, population=population)
            _, truth = one.draw(60, random_state=3)
            means.append((truth["A_V"].value.mean(), np.median(truth["R_V"])))
        assert np.all(np.diff(np.array(means), axis=0) > 0.0)
        assert means[0][1] == pytest.approx(get_dust_law("SMC").r_v, rel=0.15)

    def test_masses_and_rates(self, plain):
        age = np.array([1e6, 5e7, 9e7, 2e8, 4e8])
        columns = StarParticles(
            np.zeros((5, 3)), np.full(5, 1e8), age, np.full(5, 0.004), [0.1] * 5
        )
        gas = GasParticles([[0.0, 0.0, -9.0]], [2e9], [0.004], [0.1])
        one = simulator(dust_to_metal=0.25)
        _, truth = one.observe([ParticleGalaxy(columns, gas, REDSHIFT)], random_state=1)
        live = 1e8 * load_ssp_grid().surviving_fraction(age, np.full(5, 0.2)).sum()
        assert truth["log_mass"][0] == pytest.approx(np.log10(live))
        assert truth["log_SFR_100"][0] == pytest.approx(np.log10(3.0))
        assert truth["log_sSFR"][0] == pytest.approx(np.log10(3.0 / live))
        assert truth["log_gas_mass"][0] == pytest.approx(np.log10(2e9))
        assert truth["log_dust_mass"][0] == pytest.approx(np.log10(2e9 * 0.004 * 0.25))

    def test_ultraviolet_light(self, plain):
        _, truth = plain.observe([galaxy(np.zeros(3))], random_state=1)
        table = LightTable(load_ssp_grid(), ["F115W", "F150W", "F200W"], REDSHIFT)
        flux = 3e8 * table.flux([5e7], [0.2])[0]
        # At redshift 7 F115W sees 1440 Angstrom and F150W 1880.
        magnitude = (np.sqrt(flux[0] * flux[1]) * u.nJy).to_value(u.ABmag)
        absolute = magnitude - Planck15.distmod(REDSHIFT).value + 2.5 * np.log10(1.0 + REDSHIFT)
        assert truth["M_UV"][0].value == pytest.approx(absolute, abs=0.05)
        slope = np.log(flux[2] / flux[1]) / np.log(1.987 / 1.5) - 2.0
        assert truth["beta"][0] == pytest.approx(slope, abs=0.15)

    def test_half_light_radius(self, plain):
        ring = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
        position = np.stack([0.8 * np.cos(ring), 0.8 * np.sin(ring), 0.0 * ring], axis=1)
        _, truth = plain.observe([galaxy(np.zeros(60), position=position)], random_state=1)
        assert truth["half_light_radius"][0].to_value(u.kpc) == pytest.approx(0.8, rel=0.01)


class TestProgress:
    def test_counts_galaxies(self, plain, capsys, monkeypatch):
        monkeypatch.setattr("dustest.data.progress._QUIET_SECONDS", 0.0)
        plain.draw(3, random_state=250304, progress=True)
        assert re.search(r"simulation: 100%.* 3/3 ", capsys.readouterr().err)
        plain.draw(1, random_state=250304)
        assert capsys.readouterr().err == ""


class TestImages:
    def test_flux_of_the_stamp_is_that_of_the_table(self):
        one = simulator(size=96, noise=dict.fromkeys(BANDS, NoNoise()))
        sample, _ = one.observe([galaxy(np.full(5, 0.4))], random_state=1)
        table = LightTable(load_ssp_grid(), BANDS, REDSHIFT, law="SMC")
        flux = 5e8 * table.flux([5e7], [0.2], a_v=[0.4 * 2.5 / np.log(10.0)])[0]
        for band, expected in zip(BANDS, flux, strict=True):
            assert sample[f"cutout_{band}"][0].sum().value == pytest.approx(expected, rel=0.01)

    def test_the_centre_of_light_is_that_of_the_stamp(self, plain):
        position = np.tile([1.1, -0.7, 0.0], (5, 1))
        one = simulator(noise=dict.fromkeys(BANDS, NoNoise()))
        sample, _ = one.observe([galaxy(np.zeros(5), position=position)], random_state=1)
        image = sample["cutout_F444W"][0].value
        np.testing.assert_allclose(image, image[::-1, ::-1], atol=1e-4 * image.max())

    def test_another_survey_has_other_pixels(self):
        # The point-spread functions are on pixels of 0.03 arcsec.
        one = simulator(preset="CEERS", size=64, noise=dict.fromkeys(BANDS, NoNoise()))
        sample, _ = one.observe([galaxy(np.zeros(5))], random_state=1)
        image = sample["cutout_F444W"][0].value
        radius = np.hypot(*np.mgrid[-31.5:32, -31.5:32]) * 0.04
        within = image[radius < 0.08].sum() / image.sum()
        assert sample["pixel_scale"][0].value == 0.04
        # Half of the light of a Gaussian is within its half width, which pixels widen a little.
        assert within == pytest.approx(0.5, abs=0.08)

    def test_offset_moves_it(self):
        one = simulator(offset=3.0, noise=dict.fromkeys(BANDS, NoNoise()))
        sample, _ = one.observe([galaxy(np.zeros(5))] * 200, random_state=1)
        image = sample["cutout_F277W"].value
        x = np.arange(32) - 15.5
        place = image.sum(axis=1) @ x / image.sum(axis=(1, 2))
        assert np.std(place) == pytest.approx(3.0, rel=0.2)

    def test_miri(self):
        """A compact galaxy in F770W: its flux, and the share of it within the stamp."""
        stars = StarParticles([[0, 0, 0]], [2e10], [5e7], [0.004], [0.01], tau_v=[0.4])
        one = GalaxySimulator(["F444W", "F770W"], "JADES-MIRI", size=64, spectrograph=None)
        sample, _ = one.observe([ParticleGalaxy(stars, None, REDSHIFT)], random_state=170109)
        table = LightTable(load_ssp_grid(), ["F770W"], REDSHIFT, law="SMC", log_u=-2.0)
        expected = 2e10 * table.flux([5e7], [0.2], a_v=[0.4 * 2.5 / np.log(10.0)]).item()
        flux, error = (sample[f"flux{part}_F770W"][0].value for part in ("", "_err"))
        assert error == pytest.approx(2.8, rel=0.02)
        assert flux == pytest.approx(expected, abs=4.0 * error)
        # Between the light within 0.65 arcsec (0.89) and all of it.
        assert 0.87 < sample["cutout_F770W"][0].value.sum() / expected < 1.0

    def test_neighbours_add_light_to_images_only(self):
        options = {"photometry_bands": ["F444W"], "noise": dict.fromkeys(BANDS, NoNoise())}
        alone, truth = simulator(**options).draw(12, random_state=4)
        crowded, crowded_truth = simulator(neighbours=2.0, **options).draw(12, random_state=4)
        light = [s["cutout_F444W"].value.sum(axis=(1, 2)) for s in (alone, crowded)]
        assert light[1].mean() > 1.2 * light[0].mean()
        np.testing.assert_array_equal(truth["log_mass"], crowded_truth["log_mass"])
        np.testing.assert_array_equal(truth["A_V"].value, crowded_truth["A_V"].value)
        pull = (crowded["flux_F444W"] - alone["flux_F444W"]) / alone["flux_err_F444W"]
        assert np.abs(pull.value).max() < 5.0

    def test_noise_of_the_survey(self, plain):
        far = np.tile([60.0, 0.0, 0.0], (1, 1))
        pair = np.concatenate([np.zeros((1, 3)), far])
        faint = StarParticles(pair, [1.0, 1.0], [5e8, 5e8], [4e-3, 4e-3], [0.1, 0.1], tau_v=[0, 0])
        sample, _ = plain.observe([ParticleGalaxy(faint, None, REDSHIFT)] * 400, random_state=5)
        for band, rms, lag in (("F277W", 0.0144, 0.75), ("F444W", 0.0197, 0.66)):
            image = sample[f"cutout_{band}"].value
            assert image.std() == pytest.approx(rms, rel=0.05)
            pairs = (image[:, :, 1:] * image[:, :, :-1]).mean() / image.var()
            assert pairs == pytest.approx(lag, rel=0.05)
            assert sample[f"snr_{band}"].std() == pytest.approx(1.0, rel=0.1)
        assert np.mean(sample["flags"] == FLAGS["LOW_SNR"].value) > 0.99

    def test_noise_of_blank_sky(self):
        sky = np.random.default_rng(0).normal(0.0, 5.0, (3, 64, 64))
        one = simulator(("F444W",), noise={"F444W": noise_from_blank_sky(sky)})
        sample, _ = one.draw(8, random_state=1)
        assert sample["cutout_F444W"].value.std() == pytest.approx(5.0, rel=0.1)

    def test_photons_of_the_source_add_noise(self):
        options = {"photometry_bands": ["F444W"], "noise": dict.fromkeys(BANDS, NoNoise())}
        one = simulator(electrons_per_njy=10.0, **options)
        sample, _ = one.observe([galaxy(np.zeros(5))] * 300, random_state=6)
        image = sample["cutout_F444W"].value
        assert image.var(axis=0).sum() == pytest.approx(image.mean(axis=0).sum() / 10.0, rel=0.1)
        spread = sample["flux_F444W"].value.std()
        assert spread == pytest.approx(sample["flux_err_F444W"].value.mean(), rel=0.15)

    def test_images_of_skirt(self, shared_data, plain):
        folder = shared_data / "simulations"
        images = read_skirt_images(sorted(folder.glob("188916*long.fits")))
        one = simulator(photometry_bands=["F150W", "F444W"], size=64)
        sample, truth = one.observe([images], random_state=1)
        flux = dict(zip(images.bands, images.flux, strict=True))
        assert sample["redshift"][0] == images.redshift
        assert np.isnan(sample["flux_F150W"][0])
        assert sample["flux_F444W"][0].value == pytest.approx(flux["F444W"], rel=0.05)
        assert np.isnan(truth["A_V"][0])
        central = sample["cutout_F444W"][0].value[16:48, 16:48]
        assert 0.3 < central.sum() / flux["F444W"] < 1.0


class TestFromFiles:
    def test_star_particles_with_their_own_tau(self, shared_data, complete):
        path = shared_data / "simulations" / "star_particles_tauv.hdf5"
        name = next(name for name in list_galaxies(path) if "z006" in name)
        galaxy = read_particles(path, name)
        sample, truth = complete.observe([galaxy], random_state=1)
        dust = effective_dust(galaxy.stars.mass, galaxy.stars.tau_v)
        assert sample["redshift"][0] == galaxy.redshift
        assert truth["view"].tolist() == ["xy"]
        assert np.isnan(truth["dust_to_metal"][0])
        # By mass rather than light, hence roughly.
        assert truth["A_V"][0].value == pytest.approx(dust.A_V, rel=0.5)

    def test_a_snapshot_of_the_local_universe(self, shared_data, complete):
        folder = shared_data / "simulations"
        catalog = folder / "camels_subhalo.hdf5"
        galaxy = read_particles(folder / "camels_snap.hdf5", 0, catalog=catalog)
        sample, truth = complete.observe([galaxy], random_state=1)
        assert truth["view"].tolist() == ["xy", "xz", "yz", "octant"]
        assert np.isfinite(sample["spectrum_flux"].value).all()
        assert np.isfinite(truth["A_V"].value).all()
        assert not sample["flags"].any()


class TestPhotometryAndSpectra:
    def test_errors_are_what_they_say(self, complete):
        sample, _ = complete.observe([galaxy(np.zeros(20))] * 200, random_state=7)
        for band in sample.bands:
            pull = (sample[f"flux_{band}"] - sample[f"flux_{band}"].mean()) / sample[
                f"flux_err_{band}"
            ]
            assert pull.value.std() == pytest.approx(1.0, rel=0.2)
        residual = sample["spectrum_flux"] - sample["spectrum_flux"].mean(axis=0)
        pull = (residual / sample["spectrum_flux_err"]).value
        assert pull.std() == pytest.approx(1.0, rel=0.05)

    def test_spectrum_and_photometry_are_of_one_galaxy(self, complete):
        sample, _ = complete.observe([galaxy(np.full(300, 0.3))] * 50, random_state=8)
        wavelength = sample["spectrum_wavelength"][0].to_value(u.AA)
        spectrum = (
            sample["spectrum_flux"].mean(axis=0).to(u.nJy, u.spectral_density(wavelength * u.AA))
        )
        inside = (wavelength > 17500) & (wavelength < 22000)
        ratio = np.median(spectrum[inside]) / sample["flux_F200W"].mean()
        assert ratio.value == pytest.approx(1.0, rel=0.05)

    def test_photometry_is_that_of_bagpipes(self, complete, tmp_path):
        # 1e9 solar masses over 200 Myr at a steady rate, without dust.
        component = {"age_max": 0.2, "age_min": 0.0, "massformed": 9.0, "metallicity": 0.2}
        model = {"constant": component, "nebular": {"logU": -2.0}, "redshift": REDSHIFT}
        bands = complete.photometry_bands
        theirs = model_photometry([model], bands, tmp_path)[0]
        distance = BAGPIPES_COSMOLOGY.luminosity_distance(REDSHIFT)
        theirs = theirs * float(distance / Planck15.luminosity_distance(REDSHIFT)) ** 2
        edges = np.concatenate([[0.0], np.geomspace(1e4, 2e8, 3000)])
        columns = (np.full(3000, value) for value in (0.004, 0.1))
        steady = StarParticles(
            np.zeros((3000, 3)), np.diff(edges) * 5.0, 0.5 * (edges[1:] + edges[:-1]), *columns
        )
        gas = GasParticles([[0.0, 0.0, -9.0]], [1e9], [0.004], [0.1])
        _, truth = complete.observe([ParticleGalaxy(steady, gas, REDSHIFT)], random_state=1)
        assert truth["A_V"][0].value == 0.0
        ours = noiseless_flux(complete, ParticleGalaxy(steady, gas, REDSHIFT))
        bright = theirs > 1e-4 * theirs.max()
        np.testing.assert_allclose(ours[bright], theirs[bright], rtol=0.01)

    def test_bands_are_those_of_the_survey(self, complete):
        sample, _ = complete.draw(1, random_state=1)
        assert set(sample.bands) >= {"F606W", "F814W", "F115W", "F335M", "F410M", "F444W"}
        assert sample.cutout_bands == BANDS


class TestRows:
    def test_views_share_a_galaxy(self, plain):
        sample, truth = plain.draw(10, random_state=1)
        assert truth["view"].tolist() == ["xy", "xz", "yz", "octant"] * 2 + ["xy", "xz"]
        assert len(set(sample["group"])) == 3
        assert len(set(sample["id"])) == 10
        np.testing.assert_array_equal(sample["id"], truth["id"])
        np.testing.assert_array_equal(sample["group"], truth["group"])
        for name in ("log_mass", "log_sSFR", "redshift"):
            assert len(set(truth[name][:4])) == 1
        assert len(set(truth["dust_to_metal"])) == 10

    @given(st.integers(1, 9), st.integers(0, 8))
    @settings(max_examples=10)
    def test_a_row_depends_on_the_seed_and_its_number(self, n, start):
        one = _shared()
        chunk = pickle.loads(pickle.dumps(one._pipeline))
        chunk._snapshots.update(one._pipeline._snapshots)
        rows = chunk.draw(11, start, start + n)
        sample, _ = one.draw(start + n, random_state=11)
        for i, row in enumerate(rows):
            np.testing.assert_array_equal(
                row.observed.images[0], sample["cutout_F277W"][start + i].value
            )

    def test_seeds(self, plain):
        first, _ = plain.draw(2, random_state=1)
        again, _ = plain.draw(2, random_state=1)
        other, _ = plain.draw(2, random_state=2)
        drawn, _ = plain.draw(2, random_state=np.random.default_rng(1))
        repeated, _ = plain.draw(2, random_state=drawn.meta["random_seed"])
        assert (first["cutout_F277W"] == again["cutout_F277W"]).all()
        assert not (first["cutout_F277W"] == other["cutout_F277W"]).any()
        assert (drawn["cutout_F277W"] == repeated["cutout_F277W"]).all()
        assert set(first["id"]).isdisjoint(other["id"])

    def test_redshifts_are_snapshots(self):
        one = simulator(redshift=(6.8, 7.0))
        np.testing.assert_allclose(one.redshifts, [6.8, 6.9, 7.0])
        assert len(simulator(redshift=(4.5, 11.5)).redshifts) == 31
        _, truth = one.draw(24, random_state=1)
        assert set(truth["redshift"]) <= set(one.redshifts)
        assert len(set(truth["redshift"])) > 1

    def test_tables_remember_how_they_were_made(self, plain):
        _, truth = plain.draw(1, random_state=5)
        parameters = json.loads(truth.meta["params"])
        assert truth.meta["random_seed"] == 5
        assert parameters["bands"] == list(BANDS)
        assert parameters["dust_law"] == describe(get_dust_law("SMC"))
        assert parameters["population"]["class"].endswith("GalaxyPopulation")

    def test_laws_of_one_name_are_told_apart(self):
        laws = [Salim18(delta=-0.5), Salim18(delta=0.3)]
        metas = [json.loads(simulator(dust_law=law)._meta(1)["params"]) for law in laws]
        described = [meta["dust_law"] for meta in metas]
        assert described == [describe(law) for law in laws]
        assert described[0] != described[1]

    def test_truth_stays_out_of_the_sample(self, complete):
        sample, truth = complete.draw(1, random_state=1)
        assert not {"A_V", "E_BV", "log_mass", "dust_to_metal", "view"} & set(sample.colnames)
        assert {"A_V", "E_BV", "R_V", "log_sSFR", "log_mass"} <= set(truth.colnames)


class TestStream:
    def test_a_folder_of_another_law_is_refused(self, tmp_path):
        def small(law):
            return simulator(dust_law=law)

        small(Salim18(delta=-0.5)).stream(2, tmp_path / "set", random_state=3)
        with pytest.raises(InputError, match=r"delta -0\.5 instead of 0\.3"):
            small(Salim18(delta=0.3)).stream(2, tmp_path / "set", random_state=3)
        assert len(small(Salim18(delta=-0.5)).stream(2, tmp_path / "set", random_state=3)) == 2

    @pytest.mark.parametrize(
        ("option", "first", "second"),
        [
            (
                "population",
                GalaxyPopulation(n_stars=300, n_gas=300),
                GalaxyPopulation(n_stars=300, n_gas=310),
            ),
            ("psfs", PSFS, PSFS | {"F277W": gaussian_psf(0.13)}),
        ],
    )
    def test_a_folder_of_other_parts_is_refused(self, option, first, second, tmp_path):
        simulator(**{option: first}).stream(2, tmp_path / "set", random_state=3)
        with pytest.raises(InputError, match=f"another simulation, with params.{option}"):
            simulator(**{option: second}).stream(2, tmp_path / "set", random_state=3)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_what_is_streamed_is_what_is_drawn(self, plain, tmp_path, n_jobs):
        sample, truth = plain.draw(10, random_state=3)
        simulated = plain.stream(10, tmp_path / "set", random_state=3, n_jobs=n_jobs)
        streamed, streamed_truth = simulated.read()
        assert (streamed["cutout_F356W"] == sample["cutout_F356W"]).all()
        assert (streamed_truth["A_V"] == truth["A_V"]).all()

    def test_a_finished_set_needs_no_instruments(self, tmp_path):
        simulator().stream(2, tmp_path / "set", random_state=3)
        again = simulator()
        assert len(again.stream(2, tmp_path / "set", random_state=3)) == 2
        assert "_telescope" not in vars(again)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"dust_to_metal": 1.5}, "dust_to_metal must be a number from 0 to 1"),
            ({"dust_to_metal": (0.5, 0.1)}, "dust_to_metal must be a number from 0 to 1"),
            ({"redshift": (9.0, 6.0)}, "redshift must be a number from 0"),
            ({"redshift": 0.0}, "redshift must be above zero"),
            ({"redshift": (6.0, 9.0) * u.mag}, "redshift must be plain numbers, got mag"),
            ({"redshift": 7.0 * u.km / u.s}, "redshift must be plain numbers, got km"),
            ({"redshift": (6.0, 7.0, 8.0)}, "or a numpy array of all redshifts, got"),
            ({"photometry_bands": 3}, "photometry_bands must be a sequence of names of bands"),
            ({"views": ["xy", "xz", "xy"]}, "views must be different, since rows have their"),
            ({"redshift": "seven"}, "redshift must hold numbers"),
            ({"dust_to_metal": 30 * u.mag}, "dust_to_metal must be plain numbers"),
            ({"electrons_per_njy": 2.0 / u.nJy}, "electrons_per_njy must be a positive"),
            ({"preset": "COSMOS"}, "preset must be one of JADES-deep, CEERS"),
            ({"views": ["xy", "octan"]}, "did you mean 'octant'"),
            ({"preset": "JADES_deep"}, "did you mean 'JADES-deep'"),
            ({"preset": ["CEERS"]}, "JADES-deep, CEERS"),
            ({"views": ["front"]}, "views must be one or more of xy, xz, yz, octant"),
            ({"size": 0}, "size must be a whole number from 2"),
            ({"neighbours": -1.0}, "neighbours must be"),
            ({"offset": np.nan}, "offset must be"),
            ({"electrons_per_njy": 0.0}, "electrons_per_njy must be a positive"),
            ({"photometry_bands": ["F070W"]}, "F070W"),
            ({"psfs": {"F277W": PSFS["F277W"]}}, "psfs must have an entry for every band"),
            ({"dust_law": "Calzeti"}, "Calzeti"),
            ({"views": None}, "views must be some of xy, xz"),
            ({"spectrograph": "prism"}, "spectrograph must be a PrismSpectrograph"),
            ({"redshift": np.array([])}, "redshift must be a number from 0"),
            ({"redshift": [6.0, 7.0, 8.0] * u.um}, "redshift must be plain numbers, got um"),
            ({"redshift": np.array(["6", "7", "8"])}, "redshift must hold numbers"),
            ({"population": "0.3"}, "population must be one of 0.2, 0.1"),
            ({"population": GalaxyPopulation}, "population must be a GalaxyPopulation"),
            ({"psfs": dict.fromkeys(BANDS, "wide")}, "psfs must be a dict of PSF by band"),
            ({"noise": dict.fromkeys(BANDS, 0.1)}, "noise must be a dict of CorrelatedNoise"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises(InputError, match=message):
            simulator(**options)

    @pytest.mark.parametrize(
        ("bands", "message"),
        [
            (None, "bands must be a sequence of names of bands such as .*, got None"),
            ([], "bands must be the name of at least one band, got"),
        ],
    )
    def test_bands(self, bands, message):
        with pytest.raises(InputError, match=message):
            GalaxySimulator(bands)

    @pytest.mark.parametrize("kind", [tuple, list, np.array, Column, u.Quantity])
    def test_range_of_redshift_in_any_container(self, kind):
        assert simulator(redshift=kind([6.0, 6.2])).redshifts.tolist() == [6.0, 6.1, 6.2]

    @pytest.mark.parametrize("galaxies", [None, 3])
    def test_galaxies_are_a_list(self, galaxies):
        message = "galaxies must be a list of ParticleGalaxy or SimulatedImages, got"
        with pytest.raises(InputError, match=message):
            simulator().observe(galaxies)

    def test_one_band_needs_brackets(self):
        with pytest.raises(InputError, match="sequence of names"):
            GalaxySimulator("F277W")

    def test_a_redshift_beyond_the_grid(self):
        with pytest.raises(InputError, match="redshift"):
            simulator(redshift=30.0).draw(1)

    @pytest.mark.parametrize("n", [0, -1, 2.5])
    def test_number_of_rows(self, plain, n):
        with pytest.raises(InputError, match="n must be a whole number from 1"):
            plain.draw(n)

    @pytest.mark.parametrize("seed", [-1, "one", 1.5])
    def test_seed(self, plain, seed):
        with pytest.raises(InputError, match="random_state must be"):
            plain.draw(1, random_state=seed)

    def test_galaxies(self, plain):
        with pytest.raises(InputError, match="at least one galaxy"):
            plain.observe([])
        with pytest.raises(InputError, match="ParticleGalaxy or SimulatedImages"):
            plain.observe([1])
        bare = StarParticles([[0.0, 0.0, 0.0]], [1e8], [1e7], [0.004], [0.1])
        with pytest.raises(InputError, match="'bare' has neither: read a file with gas"):
            plain.observe([ParticleGalaxy(bare, None, REDSHIFT, "bare")])
        images = SimulatedImages(["F277W"], np.ones((1, 4, 4)), 0.03, REDSHIFT, "toy")
        with pytest.raises(InputError, match="lack F356W, F444W"):
            plain.observe([images])


def noiseless_flux(one, particles):
    """Total fluxes before the errors are added."""
    snapshot = one._pipeline._snapshot(REDSHIFT)
    light = snapshot.light(
        particles, snapshot.dust_free(particles), np.zeros(len(particles.stars))
    )
    total = dict(zip(one._telescope.bands, light.flux.sum(axis=0), strict=True))
    return np.array([total[band] for band in one.photometry_bands])


class NoNoise:
    """Noise that adds nothing but the least that a signal-to-noise ratio needs."""

    def draw(self, n, shape, random_state=None):
        shape = (shape, shape) if np.ndim(shape) == 0 else tuple(shape)
        return 1e-12 * np.random.default_rng(random_state).standard_normal((n, *shape))


def _shared():
    """One simulator for all examples of a property test."""
    if not hasattr(_shared, "simulator"):
        _shared.simulator = simulator()
    return _shared.simulator


class TestCosmology:
    def test_distances_scale_fluxes_and_sizes(self):
        options = {"redshift": 7.0, "views": ["xy"], "spectrograph": None}
        options |= {"photometry_bands": ["F444W"], "psfs": {"F444W": PSFS["F444W"]}}
        far = FlatLambdaCDM(0.8 * Planck15.H0, Planck15.Om0, Tcmb0=2.7255)
        usual, other = (
            GalaxySimulator(["F444W"], cosmology=cosmology, **options).draw(3, random_state=1)
            for cosmology in (Planck15, far)
        )
        ratio = (Planck15.luminosity_distance(7.0) / far.luminosity_distance(7.0)) ** 2
        assert ratio < 0.7
        # The noise of total fluxes does not change, so that the difference is that of the light.
        names = ("M_UV", "log_mass", "A_V")
        for name in names:
            np.testing.assert_allclose(
                np.asarray(usual[1][name]), np.asarray(other[1][name]), rtol=1e-9
            )
        error = usual[0]["flux_err_F444W"].value
        change = usual[0]["flux_F444W"].value - other[0]["flux_F444W"].value
        noiseless = change / (1.0 - float(ratio))
        assert np.all(np.abs(noiseless - usual[0]["flux_F444W"].value) < 6 * error)
        assert json.loads(other[0].meta["params"])["cosmology"]["parameters"]["H0"] != 67.74

    def test_what_is_none_is_refused(self):
        with pytest.raises(InputError, match="cosmology must be one of astropy"):
            GalaxySimulator(["F444W"], cosmology="Planck18")
