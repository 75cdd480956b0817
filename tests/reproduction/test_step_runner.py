"""What the steps of a reproduction are kept by."""

import numpy as np
import pytest
from astropy import units as u
from toy_backends import Linear

from dustest.data import as_sample
from dustest.data.containers.rows import RowTable
from dustest.reproduction import PROFILES
from dustest.reproduction.step_runner import Run
from dustest.reproduction.steps import Steps


def sample(**changes):
    """Galaxies with photometry and an image."""
    columns = {
        "id": ["a", "b"],
        "redshift": [7.0, 7.5],
        "flux_F277W": [10.0, 20.0] * u.nJy,
        "flux_err_F277W": [1.0, 1.0] * u.nJy,
        "cutout_F277W": np.ones((2, 8, 8)) * u.nJy,
    }
    return as_sample(RowTable(columns | changes))


class TestResults:
    @pytest.fixture
    def told(self):
        return []

    @pytest.fixture
    def run(self, tmp_path, told):
        steps = Steps(tmp_path, {"seed": 0}, told.append)
        return Run(steps, PROFILES["quick"], {}, n_jobs=1, progress=False)

    def test_the_same_galaxies_are_not_estimated_again(self, run, told):
        first = run.estimate("fit", Linear(random_state=1), sample())
        second = run.estimate("fit", Linear(random_state=1), sample())
        assert told[-1] == "fit: kept from before"
        np.testing.assert_array_equal(first["A_V"], second["A_V"])

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": ["a", "c"]},
            {"redshift": [7.0, 7.6]},
            {"flux_F277W": [10.0, 21.0] * u.nJy},
            {"cutout_F277W": np.full((2, 8, 8), 2.0) * u.nJy},
            {"cutout_F444W": np.ones((2, 8, 8)) * u.nJy},
            {"flags": np.array([0, 4], dtype=np.int32)},
        ],
    )
    def test_other_galaxies_are(self, run, told, changes):
        run.estimate("fit", Linear(random_state=1), sample())
        table = run.estimate("fit", Linear(random_state=1), sample(**changes))
        assert "fit: kept from before" not in told
        assert list(table["id"]) == list(changes.get("id", ["a", "b"]))

    def test_names_of_columns_count(self, run, told):
        run.estimate("fit", Linear(random_state=1), sample())
        other = sample()
        other.rename_column("cutout_F277W", "cutout_F356W")
        run.estimate("fit", Linear(random_state=1), other)
        assert "fit: kept from before" not in told
