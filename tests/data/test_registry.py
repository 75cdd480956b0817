"""Registries of records, and the plugins that add to them."""

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

import pytest

from dustest.data import INSTRUMENTS, KINDS, LINES, QUANTITIES, plugins, registry
from dustest.data.cited import own_references
from dustest.data.errors import DustestWarning, InputError
from dustest.data.registry import Registry, added_records, pack, unpack
from dustest.data.surveys import SURVEYS
from dustest.io.layouts import LAYOUTS
from dustest.physics.dust_laws.lookup import DUST_LAWS
from dustest.physics.histories import HISTORIES
from dustest.physics.irx_beta import IRX_BETA_RELATIONS
from dustest.physics.stellar_grids import STELLAR_GRIDS


@dataclass(frozen=True)
class Metal:
    name: str
    aliases: tuple = ()
    mass: float = field(default=0.0)
    references: tuple = ()


@pytest.fixture
def metals(monkeypatch):
    # Without the registries of tests, which worker processes of other tests do not have.
    monkeypatch.setattr(registry, "_REGISTRIES", dict(registry._REGISTRIES))
    return Registry("metal", Metal, [Metal("iron", ("Fe",), 55.8), Metal("gold", ("Au",), 197.0)])


class TestRegistry:
    def test_finds_by_name_and_alias_in_any_case(self, metals):
        assert [metals[name].name for name in ("iron", "FE", "Gold", "au")] == [
            *["iron"] * 2,
            *["gold"] * 2,
        ]
        assert list(metals) == ["iron", "gold"]
        assert "fe" in metals
        assert "zinc" not in metals
        assert len(metals) == 2

    def test_an_unknown_name_names_the_argument_and_the_nearest(self, metals):
        with pytest.raises(InputError, match=r"metal must be one of iron, gold.*'iron'"):
            metals.find("irn", "metal")
        with pytest.raises(InputError, match="must be one of"):
            metals.find(3, "metal")

    def test_registers_once(self, metals):
        zinc = metals.register(Metal("zinc", ("Zn",)))
        metals.register(Metal("zinc", ("Zn",)))
        assert metals.added() == (zinc,)

    @pytest.mark.parametrize("name", ["iron", "FE"])
    def test_names_are_taken_once(self, metals, name):
        known = "" if name == "iron" else ", as 'iron'"
        with pytest.raises(InputError, match=f"metal '{name}' is registered already{known}: take"):
            metals.register(Metal(name, mass=1.0))

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({"name": ""}, "name of a metal must be a str that is not empty, got ''"),
            ({"name": 3}, "name of a metal must be a str that is not empty, got 3"),
            ({"aliases": "Zn"}, "aliases of metal 'zinc' must be a tuple of str .*, got 'Zn'"),
            ({"aliases": ["Zn"]}, "aliases of metal 'zinc' must be a tuple of str"),
            ({"aliases": (30,)}, "aliases of metal 'zinc' must be a tuple of str"),
            ({"references": "Meurer1999"}, "references of metal 'zinc' must be a tuple of str"),
            ({"references": ("Zinc et al.",)}, "references of metal 'zinc' must be keys of refer"),
        ],
    )
    def test_refuses_fields_of_the_wrong_type(self, metals, fields, problem):
        with pytest.raises(InputError, match=problem):
            metals.register(Metal(**{"name": "zinc"} | fields))
        assert list(metals) == ["iron", "gold"]

    def test_takes_keys_and_entries_as_references(self, metals):
        references = ("Meurer1999", "@misc{Zinc2026,\n  title = {Zinc},\n}")
        assert metals.register(Metal("zinc", references=references)).references == references
        assert "Meurer1999" in own_references()

    def test_own_records_pass(self):
        registries = (DUST_LAWS, HISTORIES, IRX_BETA_RELATIONS, INSTRUMENTS, KINDS, LAYOUTS, LINES)
        for known in (*registries, QUANTITIES, STELLAR_GRIDS, SURVEYS):
            for record in known.own():
                known._check(record)

    @pytest.mark.usefixtures("metals")
    def test_messages_have_articles(self):
        with pytest.raises(InputError, match="an iron mine must be an int, got str 'tin'"):
            Registry("iron mine", int).register("tin")

    def test_refuses_what_is_no_record(self, metals):
        with pytest.raises(InputError, match="a metal must be a Metal, got str"):
            metals.register("zinc")

    def test_records_travel_with_what_looks_them_up(self, metals):
        metals.register(Metal("zinc"))
        packed = pack(["zinc"])
        other = Registry("metal", Metal, [Metal("iron", ("Fe",), 55.8)])
        assert unpack(packed) == ["zinc"]
        assert unpack(packed) == ["zinc"]
        assert other["zinc"] == Metal("zinc")
        assert other.added() == (Metal("zinc"),)

    def test_nothing_travels_but_what_was_added(self, metals):
        assert "metal" not in added_records()


class TestPlugins:
    def test_a_broken_plugin_is_a_warning(self, monkeypatch):
        entries = [EntryPoint("odd", "no_such_module_of_anybody", plugins.PLUGIN_GROUP)]
        monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
        monkeypatch.setattr(plugins, "_LOADED", set())
        assert isinstance(plugins.try_plugins()["odd"], ModuleNotFoundError)
        with pytest.warns(DustestWarning, match="plugin 'odd'.*ModuleNotFoundError"):
            plugins.load_plugins()
        plugins.load_plugins()

    @pytest.mark.parametrize("end", [SystemExit(1), GeneratorExit()])
    def test_a_plugin_that_exits_is_an_error(self, end):
        assert plugins.try_entry(_Ending(end)) == (None, end)

    def test_an_interrupt_passes(self):
        with pytest.raises(KeyboardInterrupt):
            plugins.try_entry(_Ending(KeyboardInterrupt()))


class _Ending:
    """An entry point whose module ends the interpreter."""

    def __init__(self, end):
        self.end = end

    def load(self):
        raise self.end
