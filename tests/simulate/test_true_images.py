import numpy as np
import pytest

from dustest.data import InputError
from dustest.simulate import GalaxySimulator, ParticleGalaxy, StarParticles

BANDS = ("F150W", "F444W")


@pytest.fixture(scope="module")
def simulator():
    options = {"redshift": 7.0, "spectrograph": None, "offset": 0.5, "photometry_bands": ()}
    return GalaxySimulator(BANDS, views=("xy", "yz"), **options)


@pytest.fixture(scope="module")
def drawn(simulator):
    sample, truth = simulator.draw(4, random_state=210530)
    return sample, truth, simulator.true_images(4, random_state=210530)


class TestTrueImages:
    def test_they_are_those_of_the_rows(self, drawn, simulator):
        sample, _, images = drawn
        for row, true in enumerate(images):
            assert sample["id"][row] == f"{true.group}-{true.view}"
            noise = np.asarray(sample["cutout_F444W"][row]) - true.images[1]
            assert noise.std() == pytest.approx(0.0195, rel=0.15)
            assert true.images.shape == (2, 32, 32)
            assert true.bands == simulator.bands

    def test_attenuation_and_masses_are_those_of_the_truth(self, drawn):
        _, truth, images = drawn
        for row, true in enumerate(images):
            a_v = -2.5 * np.log10(true.V.sum() / true.V_dust_free.sum())
            assert a_v == pytest.approx(truth["A_V"][row].value, abs=0.02)
            for name, column in (("mass", "log_mass"), ("SFR", "log_SFR_100")):
                total = np.log10(getattr(true, name).sum())
                assert total == pytest.approx(truth[column][row], abs=0.1)

    def test_maps_of_attenuation(self, drawn):
        true = drawn[2][0]
        bright = 0.1 * true.V.max() < true.V
        assert np.all(true.A_V[bright] >= 0.0)
        assert np.all(true.images.sum(axis=(1, 2)) <= true.dust_free.sum(axis=(1, 2)))

    def test_a_uniform_screen(self, simulator):
        rng = np.random.default_rng(1)
        stars = StarParticles(
            *(rng.normal(0, 0.3, (50, 3)), np.full(50, 1e7), np.full(50, 5e7)),
            *(np.full(50, 0.004), np.full(50, 0.1)),
            tau_v=np.full(50, 0.5),
        )
        galaxy = ParticleGalaxy(stars, None, redshift=7.0, group="screen")
        (true,) = simulator.true_images([galaxy], random_state=1)
        bright = 0.01 * true.V.max() < true.V
        assert np.ptp(true.A_V[bright]) < 0.01

    def test_mistakes(self, simulator):
        with pytest.raises(InputError, match="psf must be a PSF"):
            simulator.true_images(1, psf=3)
        with pytest.raises(InputError, match="galaxies must be a whole number"):
            simulator.true_images(0)
