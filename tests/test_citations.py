"""BibTeX of what results used."""

import json
import re
import runpy
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from astropy.table import QTable
from dust_extinction.parameter_averages import CCM89
from toy_backends import Linear

from dustest import (
    BagpipesEstimator,
    CNNEstimator,
    Comparison,
    ConstantEstimator,
    FusionEstimator,
    MeurerEstimator,
    Photometry,
    cite,
    compare,
)
from dustest.cli import main
from dustest.data import DustTable, InputError, ReadError, RowTable
from dustest.data.cited import own_references
from dustest.data.identity.describe import describe
from dustest.data.surveys import SURVEYS
from dustest.estimators import registry
from dustest.estimators._cnn.network.config import CONFIGS, CNNConfig
from dustest.estimators.network_tools import PRETRAINED, pretrained_file
from dustest.io import load_demo
from dustest.physics import (
    IRX_BETA_RELATIONS,
    JOINT_PRIORS,
    Bump,
    Li08,
    PowerLaw,
    Scattered,
    Tilted,
    TwoComponents,
    get_dust_law,
    list_dust_laws,
    list_histories,
)
from dustest.physics.conversions import IMFS
from dustest.simulate import GalaxySimulator, list_noise_presets
from dustest.validation.provenance import parameters_of

BIB = (files("dustest") / "resources" / "references.bib").read_text(encoding="ascii")
REQUIRED = {
    "article": {"author", "title", "journal", "volume", "pages", "year"},
    "book": {"author", "title", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "misc": {"author", "title", "year"},
    "techreport": {"author", "title", "institution", "number", "year"},
}
ALWAYS = {"dustest", "Astropy2013", "Astropy2018", "Astropy2022", "Gordon2024JOSS", "Harris2020"}
ALWAYS |= {"Johnson2021", "Pedregosa2011", "Virtanen2020"}
FORMATS = ("ecsv", "fits", "parquet", "h5")
# Parameters that change nothing which has a reference of its own.
SIMPLE = {"relation": "Meurer99", "dust_law": "Calzetti", "beta0_scatter": 0}
METHOD = {"Meurer1999", "Calzetti1994", "Calzetti2000"}


def parse(bibtex):
    """Kind and fields of each entry by key, by braces alone, as BibTeX reads them."""
    entries, position = {}, 0
    while (start := bibtex.find("@", position)) >= 0:
        kind, _, rest = bibtex[start + 1 :].partition("{")
        inside = rest[: closing(rest)]
        key, _, body = inside.partition(",")
        assert key not in entries
        entries[key] = kind, fields(body)
        position = start + 1 + len(kind) + 1 + len(inside)
    return entries


def closing(text):
    """Where the brace closes that was opened before a text."""
    depth = 1
    for position, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return position
    msg = f"a brace is not closed: {text[:80]}"
    raise AssertionError(msg)


def fields(body):
    """Values of an entry by name."""
    found = {}
    while opening := re.match(r"[\s,]*(\w+)\s*=\s*\{", body):
        body = body[opening.end() :]
        end = closing(body)
        found[opening[1]], body = body[:end], body[end + 1 :]
    assert not body.strip(" ,\n")
    return found


def comments(bibtex):
    return [line for line in bibtex.splitlines() if line.startswith("%")]


def table_of(estimator, **parameters):
    """A result as an estimator would sign it."""
    meta = {"estimator": estimator, "version": "0.1", "params": json.dumps(parameters)}
    return DustTable.from_quantities([1], {"A_V": [0.1]}, meta=meta)


def keys_of(*results):
    """Keys beyond those of every result."""
    return set(parse(cite(*results))) - ALWAYS


@pytest.fixture(scope="module")
def galaxies():
    return load_demo()[0][:3]


@pytest.fixture(scope="module")
def measured(galaxies):
    return MeurerEstimator(relation="Reddy15").estimate(galaxies)


class TestDescriptions:
    """Parameters as they are described in full."""

    @pytest.mark.parametrize(
        ("law", "key"),
        [
            (get_dust_law("Salim", delta=-0.5), "Salim2018"),
            (get_dust_law("SMC"), "Gordon2003"),
            (get_dust_law(CCM89(Rv=2.5)), "Cardelli1989"),
            (CCM89(Rv=2.5), "Cardelli1989"),
            (Tilted(get_dust_law("LMC"), -0.5), "Gordon2003"),
            (Bump(get_dust_law("LMC"), 2.0), "Noll2009"),
            (0.5 * get_dust_law("LMC") + 0.5 * get_dust_law("F99"), "Fitzpatrick1999"),
            (Li08(14.0, 6.5, 2.0, 0.05), "Li2008"),
            (TwoComponents(get_dust_law("SMC"), PowerLaw(1.3)), "Charlot2000"),
        ],
    )
    def test_of_laws_are_known_by_their_name(self, law, key):
        assert key in keys_of(table_of("MeurerEstimator", dust_law=describe(law)))

    def test_of_plans_are_known_by_their_kind(self):
        described = [
            table_of("CNNEstimator", architecture=describe(one)) for one in CONFIGS.values()
        ]
        named = [table_of("CNNEstimator", architecture=name) for name in CONFIGS]
        assert [keys_of(one) for one in described] == [keys_of(one) for one in named]

    def test_a_simulation_without_a_spectrograph(self):
        described = {"dust_law": describe(get_dust_law("SMC")), "spectrograph": None}
        meta = {"simulator": "GalaxySimulator", "params": json.dumps(described)}
        table = RowTable({"A_V": [0.1]}, meta=meta)
        assert "Jakobsen2022" not in keys_of(table)
        described["spectrograph"] = {"class": "PrismSpectrograph"}
        table.meta["params"] = json.dumps(described)
        assert "Jakobsen2022" in keys_of(table)


class TestReferences:
    """The file itself."""

    def test_every_entry_is_read(self):
        assert parse(BIB).keys() == own_references().keys()
        assert len(parse(BIB)) == BIB.count("@")

    @pytest.mark.parametrize("key", parse(BIB))
    def test_an_entry_is_complete(self, key):
        kind, known = parse(BIB)[key]
        assert known.keys() >= REQUIRED[kind]
        assert all(value.strip() for value in known.values())
        assert re.fullmatch(r"(19|20)\d\d", known["year"])
        assert re.fullmatch(r"10\.\d{4,5}/\S+", known.get("doi", "10.1000/none"))
        assert re.fullmatch(r"\d{4}\.\d{4,5}", known.get("eprint", "2403.18458"))
        assert ("eprint" in known) == ("archiveprefix" in known)

    def test_keys_bear_the_year(self):
        for key, (_, known) in parse(BIB).items():
            assert key == "dustest" or known["year"] in key

    def test_no_identifier_twice(self):
        for name in ("doi", "eprint", "title"):
            values = [known[name] for _, known in parse(BIB).values() if name in known]
            assert len(values) == len(set(values))

    def test_every_entry_is_reachable(self):
        tables = [
            *(table_of("MeurerEstimator", relation=name) for name in IRX_BETA_RELATIONS),
            *(table_of("MeurerEstimator", dust_law=name) for name in list_dust_laws()),
            table_of("MeurerEstimator", dust_law=describe(Tilted(get_dust_law("SMC"), -0.1))),
            *(table_of("BagpipesEstimator", sfh=name) for name in list_histories()),
            *(table_of("BagpipesEstimator", engine=name) for name in ("tabulated", "bagpipes")),
            table_of("BagpipesEstimator", joint_priors=list(JOINT_PRIORS)),
            table_of("BagpipesEstimator", agn=True),
            table_of("BagpipesEstimator", likelihood="robust", template_error=[(1e3, 0.1)]),
            *(table_of("CNNEstimator", architecture=name, augment=True) for name in CONFIGS),
            table_of("CNNEstimator", n_networks=3),
            table_of("BalmerEstimator"),
            table_of("CalibratedEstimator"),
            table_of("FusionEstimator", method="product"),
            table_of("CNNEstimator", context="flux"),
            QTable(meta={"plan": json.dumps(CNNConfig().to_dict())}),
            QTable(meta=GalaxySimulator(["F277W"])._meta(1)),
            QTable(meta=GalaxySimulator(["F277W"], "JADES-MIRI")._meta(1)),
            table_of("MeurerEstimator", dust_law=describe(Scattered(get_dust_law("SMC")))),
        ]
        paths = [pretrained_file(name)[0] for name in PRETRAINED]
        empty = Comparison(tables={}, metrics=QTable(), flags=QTable())
        reached = set(parse(cite())) | set(parse(cite(*tables, *paths, empty)))
        # Conversions are not recorded in results: their references are in the reference pages.
        reached |= {key for imf in IMFS.values() for key in imf.references}
        assert reached == set(parse(BIB))

    @pytest.mark.parametrize("key", [*IRX_BETA_RELATIONS])
    def test_relations_are_those_that_they_name(self, key):
        relation = IRX_BETA_RELATIONS[key]
        references = [parse(BIB)[name][1] for name in IRX_BETA_RELATIONS[key].references]
        for reference in references:
            assert reference["year"] in relation.publication
            assert f" {reference['volume']}, " in relation.publication
            first = reference["pages"].split("--")[0]
            assert re.search(rf", {first}(,|$)", relation.publication)
            assert relation.publication.startswith(reference["author"].split(",")[0])


class TestMembers:
    """Methods that are made of others cite these."""

    def test_those_of_a_fusion(self):
        members = {"slope": MeurerEstimator("Reddy15", dust_law="SMC"), "fluxes": Photometry()}
        parameters = {name: describe(one) for name, one in members.items()}
        found = keys_of(table_of("FusionEstimator", members=parameters))
        assert found >= {"Shapley1953", "Reddy2015", "Gordon2003", "Lupton1999"}

    def test_those_of_a_file(self, tmp_path):
        path = tmp_path / "it.model"
        FusionEstimator.from_pretrained("nircam-3band+photometry").save(path)
        assert keys_of(path) >= {"Shapley1953", "Chollet2015", "Lupton1999"}

    def test_unknown_ones_are_gaps(self):
        members = {"mine": {"class": "mine.Mine"}}
        lines = comments(cite(table_of("FusionEstimator", members=members)))
        assert any("no reference is known for the member 'mine'" in line for line in lines)


class TestNothing:
    def test_dustest_and_the_paper(self):
        bibtex = cite()
        assert set(parse(bibtex)) == {"dustest", "Fu2024"}
        assert comments(bibtex) == ["% dustest: dustest, Fu2024"]


class TestMeurer:
    def test_a_real_table(self, measured):
        expected = {"Calzetti1994", "Calzetti2000", "Meurer1999", "Reddy2015", "Wilkins2012"}
        assert keys_of(measured) == expected
        assert comments(cite(measured))[1:] == [
            "% MeurerEstimator: Calzetti1994, Calzetti2000, Meurer1999, Reddy2015, Wilkins2012"
        ]

    @pytest.mark.parametrize("relation", IRX_BETA_RELATIONS)
    def test_every_relation_is_known(self, relation):
        table = table_of("MeurerEstimator", **SIMPLE | {"relation": relation})
        assert keys_of(table) == METHOD | set(IRX_BETA_RELATIONS[relation].references)
        assert len(comments(cite(table))) == 2

    @pytest.mark.parametrize(
        "law",
        [
            *list_dust_laws(),
            *("smc", "MW", "cardelli", "Salim18", "calzetti00"),
            *(str(get_dust_law(name)) for name in ("Calzetti", "Salim", "CF00", "SMC", "G23")),
        ],
    )
    def test_every_law_is_known(self, law):
        table = table_of("MeurerEstimator", **SIMPLE | {"dust_law": law})
        assert keys_of(table) - {"Meurer1999", "Calzetti1994"}
        assert len(comments(cite(table))) == 2

    def test_laws_are_not_confused(self):
        table = table_of("MeurerEstimator", **SIMPLE | {"dust_law": "SMC_G24"})
        assert {"Gordon2024"} == keys_of(table) - METHOD
        assert not {"Gordon2003", "Gordon2023"} & keys_of(table)

    def test_unknown_relations_and_laws_are_told(self):
        table = table_of("MeurerEstimator", relation="Mine24", dust_law="my SMC")
        assert comments(cite(table))[2:] == [
            "% MeurerEstimator: no reference is known for the relation Mine24",
            "% MeurerEstimator: no reference is known for the dust law my SMC",
        ]


class TestBagpipes:
    def test_defaults(self):
        parameters = BagpipesEstimator().params_in_use
        table = table_of("BagpipesEstimator", **parameters)
        assert keys_of(table) == {
            *("Bruzual2003", "Cappe2004", "Carnall2018", "Carnall2019", "Draine2007"),
            *("Gunasekera2025", "Inoue2014", "Kroupa2001", "Salim2018"),
        }

    @pytest.mark.parametrize("sfh", list_histories())
    def test_every_history_is_known(self, sfh):
        parameters = BagpipesEstimator(sfh=sfh).params_in_use
        assert len(comments(cite(table_of("BagpipesEstimator", **parameters)))) == 2

    @pytest.mark.parametrize("law", list_dust_laws())
    def test_every_law_is_known(self, law):
        parameters = BagpipesEstimator(dust_law=law).params_in_use
        assert len(comments(cite(table_of("BagpipesEstimator", **parameters)))) == 2

    def test_histories(self):
        continuity = table_of("BagpipesEstimator", sfh="continuity")
        assert {"Leja2019"} == keys_of(continuity) & {"Leja2019", "Carnall2019", "Gladders2013"}

    def test_sampler(self):
        for parameters in ({"engine": "bagpipes"}, {"engine": "tabulated", "escalate": True}):
            assert "Lange2023" in keys_of(table_of("BagpipesEstimator", **parameters))
        assert "Cappe2004" not in keys_of(table_of("BagpipesEstimator", engine="bagpipes"))


class TestNetworks:
    @pytest.mark.parametrize("architecture", CONFIGS)
    def test_every_architecture_is_known(self, architecture):
        table = table_of("CNNEstimator", architecture=architecture)
        assert {"Fu2024", "Kingma2015", "Abadi2016", "Chollet2015"} <= keys_of(table)
        told = ["% CNNEstimator: its meta does not tell what the networks learned from"]
        assert comments(cite(table))[2:] == told

    @pytest.mark.parametrize("kind", ["dustest", "paper"])
    def test_a_plan_is_known_by_its_kind(self, kind):
        plan, named = (
            table_of("CNNEstimator", architecture=architecture, augment=True)
            for architecture in (str(CONFIGS[kind]), kind)
        )
        assert keys_of(plan) == keys_of(named)

    def test_augmentation_of_the_paper(self):
        histograms = {"Dalal2005", "vanderWalt2014"}
        parameters = {"architecture": "paper", "augment": True}
        assert histograms <= keys_of(table_of("CNNEstimator", **parameters))
        plain = keys_of(table_of("CNNEstimator", **parameters | {"augment": False}))
        assert not histograms & plain

    def test_ensembles(self):
        one, three = (table_of("CNNEstimator", n_networks=n) for n in (1, 3))
        assert keys_of(three) - keys_of(one) == {"Lakshminarayanan2017"}

    def test_simulations_that_taught(self):
        table = table_of("CNNEstimator", architecture="dustest")
        manifest = GalaxySimulator(["F277W"], "CEERS", dust_law="Calzetti")._meta(1)
        table.meta["trained_on"] = json.dumps({"simulations": [manifest]})
        assert {"Bagley2023", "Calzetti2000", "Bruzual2003", "Simmonds2025"} <= keys_of(table)
        assert not {"Eisenstein2023", "Gordon2003", "Jakobsen2022"} & keys_of(table)
        assert len(comments(cite(table))) == 2

    @pytest.mark.parametrize("name", PRETRAINED)
    def test_model_files_that_come_with_dustest(self, name):
        path = pretrained_file(name)[0]
        assert {"Bishop1994", "Eisenstein2023", "Bagley2023", "Gordon2003"} <= keys_of(path)
        assert comments(cite(path))[1].startswith(f"% {name}.model: ")
        assert len(comments(cite(path))) == 2

    def test_tables_by_networks_that_come_with_dustest(self, galaxies):
        cnn = CNNEstimator.from_pretrained("nircam-1band")
        table = DustTable.from_quantities([1], {}, meta=cnn._provenance(1))
        assert keys_of(table) == keys_of(pretrained_file("nircam-1band")[0])

    def test_tuning(self):
        plans = {kind: CONFIGS[kind].to_dict() for kind in ("dustest", "paper")}
        keys = {kind: keys_of(QTable(meta={"plan": json.dumps(plans[kind])})) for kind in plans}
        assert all("OMalley2019" in used for used in keys.values())
        assert "Ioffe2015" in keys["paper"] - keys["dustest"]


class TestSimulations:
    @pytest.mark.parametrize("preset", list_noise_presets())
    def test_every_survey_is_known(self, preset):
        table = QTable(meta=GalaxySimulator(["F277W"], preset)._meta(1))
        assert set(SURVEYS[preset].references) <= keys_of(table)
        assert len(comments(cite(table))) == 2

    def test_what_was_not_used(self):
        simulator = GalaxySimulator(["F277W"], spectrograph=None)
        assert "Jakobsen2022" not in keys_of(QTable(meta=simulator._meta(1)))
        assert "Jakobsen2022" in keys_of(QTable(meta=GalaxySimulator(["F277W"])._meta(1)))

    def test_on_disc(self, tmp_path):
        simulator = GalaxySimulator(["F277W"], photometry_bands=(), spectrograph=None)
        simulated = simulator.stream(4, tmp_path / "set", 1, progress=False)
        assert cite(tmp_path / "set").replace("% set", "% GalaxySimulator") == cite(simulated)
        assert "Perrin2012" in keys_of(simulated)


class TestComparisons:
    def test_all_tables_and_the_figures(self, galaxies):
        estimators = {
            "slope": MeurerEstimator(),
            "control": ConstantEstimator().fit(galaxies, [0.1, 0.2, 0.3]),
        }
        comparison = compare(estimators, galaxies)
        assert keys_of(comparison) == keys_of(comparison.tables["slope"]) | {"Hunter2007"}
        assert comments(cite(comparison))[1].startswith("% slope: Calzetti1994")

    def test_a_truth_that_was_simulated(self, galaxies, measured):
        truth = QTable({"id": galaxies["id"], "A_V": measured["A_V"]})
        truth.meta = GalaxySimulator(["F277W"])._meta(1)
        comparison = compare({"slope": measured}, galaxies, truth=truth)
        assert "Simmonds2025" in keys_of(comparison)


class TestFiles:
    @pytest.mark.parametrize("ending", FORMATS)
    def test_every_format(self, measured, tmp_path, ending):
        pytest.importorskip({"parquet": "pyarrow", "h5": "h5py"}.get(ending, "astropy"))
        path = tmp_path / f"slopes.{ending}"
        measured.write(path)
        expected = cite(measured).replace("% MeurerEstimator", f"% slopes.{ending}")
        assert cite(path) == cite(str(path)) == expected

    def test_missing_files(self, tmp_path):
        with pytest.raises(ReadError, match="does not exist"):
            cite(tmp_path / "none.ecsv")
        with pytest.raises(ReadError, match="must be a folder with a simulation"):
            cite(tmp_path)

    @pytest.mark.parametrize("ending", [*FORMATS, "model", "text"])
    def test_damaged_files(self, tmp_path, ending):
        path = tmp_path / f"damaged.{ending}"
        path.write_bytes(b"nothing of the kind")
        with pytest.raises(ReadError, match=r"damaged\.\w+ is"):
            cite(path)

    def test_what_is_no_result(self):
        with pytest.raises(InputError, match=r"results must be tables, .* got int"):
            cite(3)


class Known(Linear):
    """A rival that names its references."""

    references: ClassVar[tuple] = (
        "@article{Rival2030,\n author = {Rival, A.}, title = {B}, journal = {C}, year = {2030}}",
        "  @misc{Meurer1999, author = {Somebody Else}}\n",
    )


CARDS = [
    *(None, "no JSON", "[]", "{}", '{"simulator": 1}', '{"simulator": "SKIRT"}'),
    *('{"simulations": 1}', '{"simulations": [1]}', '{"simulations": [{"simulator": "mine"}]}'),
]


class TestStrangers:
    @pytest.fixture
    def registered(self, monkeypatch):
        entry = SimpleNamespace(name="known", value="here:Known", load=lambda: Known)
        broken = SimpleNamespace(name="broken", value="here:Broken", load=lambda: 1 / 0)
        meurer = registry._entries()["meurer"]
        entries = {"known": entry, "broken": broken, "meurer": meurer}
        monkeypatch.setattr(registry, "_entries", lambda: entries)

    @pytest.mark.usefixtures("registered")
    def test_a_plugin_names_its_own(self):
        bibtex = cite(table_of("Known"))
        assert comments(bibtex)[1:] == ["% Known: Meurer1999, Rival2030"]
        assert parse(bibtex)["Rival2030"][1]["author"] == "Rival, A."
        assert parse(bibtex)["Meurer1999"][1]["author"] == "Somebody Else"

    @pytest.mark.usefixtures("registered")
    def test_ours_come_first(self):
        table = table_of("MeurerEstimator", **SIMPLE)
        assert "Heckman" in parse(cite(table_of("Known"), table))["Meurer1999"][1]["author"]

    @pytest.mark.parametrize("name", ["Unheard", "Linear", "@misc{x\n}", 3])
    def test_unknown_estimators_are_told(self, name):
        bibtex = cite(table_of(name))
        assert keys_of(table_of(name)) == set()
        assert len(comments(bibtex)) == 2
        assert "no reference is known for" in comments(bibtex)[1]

    @pytest.mark.parametrize(
        "meta",
        [
            {},
            {"estimator": ""},
            {"estimator": None, "params": 3},
            {"comments": ["a table"]},
        ],
    )
    def test_tables_that_tell_nothing(self, meta):
        bibtex = cite(QTable({"A_V": [0.1]}, meta=meta))
        assert set(parse(bibtex)) == ALWAYS
        assert "its meta names no method" in comments(bibtex)[1]

    @pytest.mark.parametrize("params", [None, "no JSON", "[1]", '{"relation": ["a"]}'])
    def test_parameters_that_tell_nothing(self, params):
        meta = {"estimator": "MeurerEstimator", "params": params}
        bibtex = cite(QTable({"A_V": [0.1]}, meta=meta))
        assert "% MeurerEstimator: its meta does not tell the dust law" in comments(bibtex)
        assert "relation" in comments(bibtex)[2]

    @pytest.mark.parametrize("card", CARDS)
    def test_cards_that_tell_nothing(self, card):
        table = table_of("CNNEstimator", architecture="paper")
        table.meta["trained_on"] = card
        assert "what the networks learned from" in comments(cite(table))[-1]

    def test_a_name_cannot_break_the_text(self, measured, tmp_path):
        path = tmp_path / "an @ in{a name.ecsv"
        measured.write(path)
        assert keys_of(path) == keys_of(measured)


class TestPlugins:
    def test_the_example_names_its_references(self):
        source = Path(__file__).parents[1] / "examples" / "plugin" / "dustest_forest.py"
        (entry,) = runpy.run_path(source)["ForestEstimator"].references
        kind, known = parse(entry)["Breiman2001"]
        assert known.keys() >= REQUIRED[kind]


class TestCommand:
    def test_without_a_file(self, capsys):
        assert main(["cite"]) == 0
        assert capsys.readouterr().out == cite() + "\n"

    def test_with_files(self, measured, tmp_path, capsys):
        paths = [str(tmp_path / name) for name in ("one.ecsv", "two.fits")]
        for path in paths:
            measured.write(path)
        assert main(["cite", *paths]) == 0
        output = capsys.readouterr().out
        assert output == cite(*paths) + "\n"
        assert output.count("@article{Meurer1999,") == 1

    @pytest.mark.parametrize("name", ["mine.ecsv", "mine.fits", "mine.csv"])
    def test_a_file_that_is_no_result(self, tmp_path, capsys, name):
        path = str(tmp_path / name)
        QTable({"id": [1, 2], "flux": [0.1, 0.2]}).write(path)
        assert main(["cite", path]) == 1
        assert f"{name} is no result of dustest" in capsys.readouterr().err

    def test_what_cannot_be_read(self, capsys):
        assert main(["cite", "no-such-file.ecsv"]) == 1
        assert "does not exist" in capsys.readouterr().err


def test_parameters_are_those_of_the_classes():
    """Names of parameters that are asked for here exist, so that none is silently missed."""
    meurer = MeurerEstimator().get_params()
    assert SIMPLE.keys() <= meurer.keys()
    assert {"sfh", "dust_law", "engine", "escalate"} <= BagpipesEstimator().get_params().keys()
    assert {"architecture", "augment", "n_networks"} <= CNNEstimator().get_params().keys()
    simulated = parameters_of(GalaxySimulator(["F277W"])._meta(1))
    assert {"dust_law", "preset", "grid", "psfs", "spectrograph"} <= simulated.keys()
