from importlib.util import find_spec

import pytest
from notebooks import executed

pytest.importorskip("ipykernel")
pytest.importorskip("nbclient")

CELLS = {
    "set-up": """
from dustest import ConstantEstimator, MeurerEstimator, compare
from dustest.data import progress
from dustest.io import load_demo
from dustest.report.figures import plot_coverage
from dustest.validation import coverage

sample, truth = load_demo()
beta = MeurerEstimator()
baseline = ConstantEstimator().fit(sample[100:], truth[100:])
""",
    "sample": "sample",
    "table": "table = beta.estimate(sample[:30]); table",
    "slice": "table['id', 'A_V'][:3]",
    "comparison": """
result = compare({"beta": table, "baseline": baseline}, sample[:30], truth=truth[:30],
                 n_bootstrap=10, random_state=250302)
result
""",
    "figure": "result.plot('A_V')",
    "axes": "plot_coverage({'beta': coverage(truth, table, 'A_V')})",
    "bar": """
progress._QUIET_SECONDS = 0.0
list(progress.progress_bar(range(3), desc="three steps", unit="step"))
""",
    "tensorflow": """
from dustest.estimators.network_tools import keras_devices
keras_devices()[0]
""",
}


@pytest.fixture(scope="module")
def outputs():
    """Outputs of each cell by its name."""
    cells = CELLS if find_spec("tensorflow") else CELLS | {"tensorflow": "'tensorflow'"}
    return dict(zip(cells, executed(*cells.values()), strict=True))


@pytest.mark.slow
class TestNotebook:
    @pytest.mark.parametrize(
        ("cell", "title", "row"),
        [
            ("sample", "GalaxySample of 200 galaxies", "± "),
            ("table", "DustTable of 30 galaxies by MeurerEstimator", " +0."),
            ("slice", "DustTable of 3 galaxies by MeurerEstimator", "A_V [mag]"),
            ("comparison", "Comparison of beta, baseline, with truth", "<td>baseline</td>"),
        ],
    )
    def test_objects_are_tables(self, outputs, cell, title, row):
        (output,) = outputs[cell]
        assert f"<strong>{title}</strong>" in output["data"]["text/html"]
        assert row in output["data"]["text/html"]
        assert title.split(" by ")[0] in output["data"]["text/plain"]

    @pytest.mark.parametrize("cell", ["figure", "axes"])
    def test_figures_are_displayed_once(self, outputs, cell):
        (output,) = outputs[cell]
        assert output["data"]["image/png"].startswith("iVBOR")

    def test_progress_is_shown(self, outputs):
        assert "three steps" in str(outputs["bar"])

    def test_nothing_else_is_written(self, outputs):
        others = {name: found for name, found in outputs.items() if name != "bar"}
        written = [one for found in others.values() for one in found if "name" in one]
        assert written == []
        assert outputs["tensorflow"][0]["data"]["text/plain"] == "'tensorflow'"
