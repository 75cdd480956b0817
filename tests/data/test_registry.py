"""Registries of records, and the plugins that add to them."""

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

import pytest

from dustest.data import plugins
from dustest.data.errors import DustestWarning, InputError
from dustest.data.registry import Registry, added_records, pack, unpack


@dataclass(frozen=True)
class Metal:
    name: str
    aliases: tuple = ()
    mass: float = field(default=0.0)


@pytest.fixture
def metals():
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
        with pytest.raises(InputError, match="is registered already"):
            metals.register(Metal(name, mass=1.0))

    def test_refuses_what_is_no_record(self, metals):
        with pytest.raises(InputError, match="must be a Metal, got str"):
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
