"""Arguments of a reproduction are refused in one sentence, before any work."""

import json

import numpy as np
import pytest

from dustest import reproduce
from dustest.data import DustestError, InputError, MissingDependencyError, ReadError
from dustest.reproduction import Profile, pipeline
from dustest.reproduction.pipeline import _seeds, _versions
from dustest.reproduction.step_runner import Run


class BegunError(Exception):
    """Work has begun."""


@pytest.fixture
def begun(monkeypatch):
    """What a run is given when work begins, which is as far as it goes."""
    runs = []

    def stop(run, sky_sample=None):
        runs.append((run, sky_sample))
        raise BegunError

    monkeypatch.setattr(Run, "findings", stop)
    monkeypatch.setattr(pipeline, "find_spec", lambda name: name)
    return runs


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"profile": "fast"}, "profile must be one of quick, full or a Profile, got 'fast'"),
            ({"profile": None}, "profile must be one of"),
            ({"random_state": -1}, "random_state must be an integer from 0, got -1"),
            ({"random_state": None}, "random_state must be an integer from 0, got None"),
            ({"random_state": 1.5}, "random_state must be an integer from 0, got 1.5"),
            ({"n_jobs": 0}, "n_jobs must be"),
            ({"n_jobs": 1.5}, "n_jobs must be"),
            ({"images": {"F277W": "a.fits"}}, "images must come with a catalog"),
            ({"images": ["a.fits"], "catalog": "a.fits"}, "images must be a dict of band to file"),
            ({"images": "a.fits", "catalog": "a.fits"}, "images must be a dict of band to file"),
            ({"catalog": "nowhere.fits"}, "nowhere.fits"),
        ],
    )
    def test_are_refused_before_any_work(self, tmp_path, begun, options, sentence):
        with pytest.raises((InputError, ReadError)) as caught:
            reproduce(tmp_path / "out", **options)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, DustestError)
        assert begun == []
        assert list((tmp_path / "out").rglob("*.*")) == []

    def test_missing_packages_are_named_at_once(self, tmp_path, begun, monkeypatch):
        monkeypatch.setattr(pipeline, "find_spec", {"keras": "keras", "poppy": "poppy"}.get)
        with pytest.raises(MissingDependencyError, match=r"needs keras_tuner, .*, bagpipes: pip"):
            reproduce(tmp_path / "out")
        assert begun == []
        assert not (tmp_path / "out").exists()

    def test_a_folder_that_cannot_be_made(self, tmp_path, begun):
        (tmp_path / "taken").write_text("text")
        with pytest.raises(InputError, match="output must be a folder that can be written to"):
            reproduce(tmp_path / "taken")
        assert begun == []

    @pytest.mark.parametrize("random_state", [0, 7, np.int64(7), 2**70])
    def test_seeds_that_work(self, tmp_path, begun, random_state):
        with pytest.raises(BegunError):
            reproduce(tmp_path, random_state=random_state)
        assert begun[0][0].seeds == _seeds(int(random_state))

    def test_what_is_passed_on(self, tmp_path, begun):
        own = Profile("own", 1, 1.0, 1, 1, 1, 1, 1, 1)
        with pytest.raises(BegunError):
            reproduce(str(tmp_path), own, n_jobs=2, progress=False)
        run, sky_sample = begun[0]
        assert run.profile is own
        assert run.options == {"n_jobs": 2, "progress": False}
        assert run.steps.folder == tmp_path / "cache"
        assert sky_sample is None


class TestKeys:
    @pytest.mark.parametrize("options", [{"random_state": 1}, {"profile": "full"}])
    def test_another_seed_or_profile_is_another_run(self, tmp_path, begun, options):
        for given in ({}, options, {"n_jobs": 1}):
            with pytest.raises(BegunError):
                reproduce(tmp_path, **given)
        plain, other, workers = (run.steps.path("galaxies") for run, _ in begun)
        assert other != plain
        # How many work on it does not matter.
        assert workers == plain

    def test_another_version_is_another_run(self, tmp_path, begun, monkeypatch):
        for version in ("1.0", "1.1"):
            monkeypatch.setattr(pipeline, "installed_version", lambda _, now=version: now)
            with pytest.raises(BegunError):
                reproduce(tmp_path)
        first, second = (run.steps.path("galaxies") for run, _ in begun)
        assert first != second


class TestSeeds:
    def test_one_for_each_purpose(self):
        seeds = _seeds(0)
        assert len(set(seeds.values())) == len(seeds) == 8
        assert json.loads(json.dumps(seeds)) == seeds

    def test_follow_from_the_one_that_is_given(self):
        assert _seeds(3) == _seeds(3)
        assert not set(_seeds(3).values()) & set(_seeds(4).values())


class TestVersions:
    def test_only_of_what_is_installed(self):
        found = _versions()
        assert found["numpy"] == np.__version__
        assert all(found.values())
        assert "python" in found
