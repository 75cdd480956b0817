import numpy as np
import pytest
from toy_benchmark import ToySimulator

from dustest.data import InputError, ReadError
from dustest.data.registry import temporary_records
from dustest.estimators.network_tools import CORRUPTIONS
from dustest.studies import BENCHMARKS, BenchmarkSet, register_benchmark
from dustest.studies.benchmarks import simulated_sets


@pytest.fixture
def made(monkeypatch):
    """A function that says how many rows were made since it was called last."""
    monkeypatch.setattr(simulated_sets, "GalaxySimulator", ToySimulator)
    ToySimulator.made = 0

    def count():
        found, ToySimulator.made = ToySimulator.made, 0
        return found

    return count


def toy(**changes):
    return BenchmarkSet("toy", "A toy.", 3, 60, **({"bands": ("F277W",)} | changes))


class TestRecords:
    def test_there_is_one_set_of_each_corruption(self):
        assert set(CORRUPTIONS) < set(BENCHMARKS)
        assert all(BENCHMARKS[name].corruption == name for name in CORRUPTIONS)

    def test_seeds_differ_except_of_parts_of_sets(self):
        clean = [one for one in BENCHMARKS.values() if getattr(one, "corruption", "") is None]
        names = {"default", "heavy", "faint", "quick", "all data"}
        assert {one.name for one in clean} == names
        assert len({one.seed for one in clean}) == len(clean) - 1
        assert BENCHMARKS["quick"].seed == BENCHMARKS["heavy"].seed

    def test_names_can_be_one_word(self):
        assert BENCHMARKS["wide-PSF"] is BENCHMARKS["wide PSF"]

    def test_can_be_added(self):
        with temporary_records():
            one = register_benchmark(toy())
            assert BENCHMARKS["toy"] is one
        assert "toy" not in BENCHMARKS

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"corruption": "wide"},
                "corruption must be one of wide PSF.*did you mean 'wide PSF'",
            ),
            ({"snr_max": 2.0}, "snr_max of benchmark 'toy' must be above snr_min, 5, got 2.0"),
            ({"survey": "CEER"}, "survey must be one of"),
        ],
    )
    def test_mistakes(self, changes, message):
        with pytest.raises(InputError, match=message):
            toy(**changes)


class TestGalaxies:
    def test_are_those_within_the_limits(self, tmp_path, made):
        every = toy(snr_min=-1.0).galaxies(tmp_path)
        some = toy(snr_min=5.0, snr_max=12.0).galaxies(tmp_path)
        snr = np.asarray(every.sample["snr_F277W"])
        kept = (snr >= 5.0) & (snr < 12.0)
        assert 0 < kept.sum() < 60
        np.testing.assert_array_equal(some.sample["id"], every.sample["id"][kept])
        np.testing.assert_array_equal(some.truth["A_V"], every.truth["A_V"][kept])
        assert some.about["n"] == kept.sum()
        assert some.about["seed"] == 3
        assert made() == 60

    def test_no_galaxy_within_them(self, tmp_path, made):
        with pytest.raises(InputError, match="n_drawn of benchmark 'toy' must be enough"):
            toy(snr_min=100.0).galaxies(tmp_path)

    def test_sets_of_the_same_galaxies_share_them(self, tmp_path, made):
        clean = toy().galaxies(tmp_path)
        noisy = toy(corruption="noise", most=12).galaxies(tmp_path)
        assert made() == 60
        assert len(noisy.sample) == len(noisy.truth) == 12
        assert np.any(noisy.sample["cutout_F277W"] != clean.sample["cutout_F277W"][:12])
        np.testing.assert_array_equal(noisy.sample["flux_F277W"], clean.sample["flux_F277W"][:12])

    def test_photometry_shows_some_corruptions(self, tmp_path, made):
        clean = toy().galaxies(tmp_path)
        found = toy(corruption="unit").galaxies(tmp_path)
        ratio = np.asarray(found.sample["flux_F277W"] / clean.sample["flux_F277W"])
        of_images = np.asarray(found.sample["cutout_F277W"] / clean.sample["cutout_F277W"])
        np.testing.assert_allclose(np.abs(np.log10(ratio)), 1.0)
        np.testing.assert_allclose(of_images[:, 0, 0], ratio, rtol=1e-5)

    def test_are_the_same_again(self, tmp_path, made):
        one = toy(corruption="star")
        first, again = one.galaxies(tmp_path / "a"), one.galaxies(tmp_path / "b")
        np.testing.assert_array_equal(first.sample["cutout_F277W"], again.sample["cutout_F277W"])
        assert not first.is_scored

    def test_another_version_draws_anew(self, tmp_path, made, monkeypatch):
        toy().galaxies(tmp_path)
        versions = {"dustest": "9.9"}
        monkeypatch.setattr(simulated_sets, "package_versions", lambda: versions)
        toy().galaxies(tmp_path)
        assert made() == 120

    def test_what_is_damaged_or_missing_is_made_again(self, tmp_path, made):
        first = toy().galaxies(tmp_path)
        files = sorted(path for path in tmp_path.rglob("*") if path.suffix == ".fits")
        files[0].write_bytes(files[0].read_bytes()[:-3000])
        files[-1].unlink()
        made()
        again = toy().galaxies(tmp_path)
        assert made() in (20, 40)
        np.testing.assert_array_equal(first.sample["flux_F277W"], again.sample["flux_F277W"])

    def test_a_damaged_header_is_one_clear_error(self, tmp_path, made):
        toy().galaxies(tmp_path)
        (header,) = tmp_path.rglob("simulation.json")
        header.write_text("{")
        with pytest.raises(ReadError, match=r"simulation.json.*remove its folder"):
            toy().galaxies(tmp_path)

    @pytest.mark.slow
    def test_of_the_simulator(self, tmp_path):
        one = BenchmarkSet("few", "Few.", 201060, 12, bands=("F277W",), redshifts=(7.0, 7.0, 7.0))
        found = one.galaxies(tmp_path)
        assert {"A_V", "log_sSFR", "log_mass"} <= set(found.truth.colnames)
        again = one.galaxies(tmp_path)
        np.testing.assert_array_equal(found.sample["cutout_F277W"], again.sample["cutout_F277W"])
