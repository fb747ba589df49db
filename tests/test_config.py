"""The settings: where a value comes from, what is refused, and that docs/settings.md says so."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reckon.config import DEVICES, SETTINGS, Config, Setting, load
from reckon.devices import select
from reckon.errors import BadSetting

DOC = Path(__file__).parents[1] / "docs" / "settings.md"
ROWS = {setting.name: setting for setting in SETTINGS}
STORABLE = [setting for setting in SETTINGS if setting.name != "home"]


def another(setting: Setting, number: int) -> Any:
    """A value that is allowed, is not the default, and differs from those of the other numbers."""
    if setting.choices:
        return [choice for choice in setting.choices if choice != setting.default][number % (len(setting.choices) - 1)]
    if isinstance(setting.default, bool):
        return setting.default ^ (number % 2 == 0)
    if isinstance(setting.default, str):
        return f"text-{number}"
    return type(setting.default)(setting.default + number + 1)


def settle(tmp_path: Path, *, toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Config:
    (tmp_path / "reckon.toml").write_text(toml)
    return load({"home": str(tmp_path), **flags}, environ or {})


def refusal(tmp_path: Path, **given: Any) -> str:
    with pytest.raises(BadSetting) as refused:
        settle(tmp_path, **given)
    return refused.value.message


@pytest.mark.parametrize("setting", STORABLE, ids=lambda setting: setting.name)
def test_flag_before_environment_before_file_before_default(setting: Setting, tmp_path: Path) -> None:
    flag, variable, stored = (another(setting, number) for number in range(3))
    toml = f"{setting.name} = {json.dumps(stored)}"
    environ = {setting.variable: str(variable)}

    def value(**given: Any) -> Any:
        return getattr(settle(tmp_path, **given), setting.name)

    assert value(toml=toml, environ=environ, **{setting.name: str(flag)}) == flag
    assert value(toml=toml, environ=environ, **{setting.name: None}) == variable
    assert value(toml=toml, environ={setting.variable: ""}) == stored
    assert value() == (setting.default or value())
    assert {type(value(toml=toml)), type(value(environ=environ)), type(value())} == {type(setting.default)}


def test_home(tmp_path: Path) -> None:
    assert load({"home": str(tmp_path)}, {"RECKON_HOME": "/elsewhere"}).home == tmp_path
    assert load({}, {"RECKON_HOME": str(tmp_path)}).home == tmp_path
    assert load({}, {"RECKON_HOME": ""}).home == Path.home() / ".reckon"
    assert load({"home": "~/somewhere"}, {}).home == Path.home() / "somewhere"
    assert load({"home": "here"}, {}).home == Path.cwd() / "here"


def test_the_ledger_lies_in_the_home_directory_unless_told_otherwise(tmp_path: Path) -> None:
    assert settle(tmp_path).database == f"sqlite:///{tmp_path}/ledger.db"
    assert settle(tmp_path, database="postgresql://host/name").database == "postgresql://host/name"


def test_every_row_is_a_field_with_its_defaults_type() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(Config)}
    assert fields == {setting.name: type(setting.default) for setting in SETTINGS} | {"home": Path}
    assert list(fields) == [setting.name for setting in SETTINGS]


def test_defaults_keep_their_own_rules() -> None:
    for setting in SETTINGS:
        assert setting.parse(setting.default, "the table") == setting.default
        assert setting.help.endswith(".")
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


def test_devices_are_those_that_can_be_selected() -> None:
    assert DEVICES == select.NAMES


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": "many"}, "port from the flag --port must be of type int, not 'many'"),
        ({"step_tokens": "8"}, "step_tokens from the flag --step-tokens must be between 16 and 65536, not 8"),
        ({"host": ""}, "host from the flag --host must be not empty, not ''"),
        ({"environ": {"PORT": "65536"}}, "port from the environment variable PORT must be between 0 and 65535, not 65536"),
        (
            {"environ": {"RECKON_MAX_QUEUE": "1.5"}},
            "max_queue from the environment variable RECKON_MAX_QUEUE must be of type int, not '1.5'",
        ),
        ({"toml": "max_sequences = 0"}, "max_sequences from reckon.toml must be between 1 and 4096, not 0"),
        ({"toml": "max_concurrent = 0"}, "max_concurrent from reckon.toml must be at least 1, not 0"),
        ({"toml": "port = 8000.5"}, "port from reckon.toml must be of type int, not 8000.5"),
        ({"toml": "port = true"}, "port from reckon.toml must be of type int, not True"),
        ({"toml": "host = 5"}, "host from reckon.toml must be of type str, not 5"),
        ({"toml": "host = ['a', 'b']"}, "host from reckon.toml must be of type str, not ['a', 'b']"),
        ({"toml": "max_body_mb = nan"}, "max_body_mb from reckon.toml must be of type float, not nan"),
        ({"drain_seconds": "inf"}, "drain_seconds from the flag --drain-seconds must be of type float, not 'inf'"),
        ({"device": "gpu"}, "device from the flag --device must be one of auto, cpu, reference, not 'gpu'"),
        (
            {"environ": {"RECKON_LOG_LEVEL": "loud"}},
            "log_level from the environment variable RECKON_LOG_LEVEL must be one of debug, info, warning, error, critical,"
            " not 'loud'",
        ),
    ],
)
def test_a_bad_value_is_refused_by_setting_rule_value_and_origin(given: Any, message: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, **given) == message


def test_a_higher_origin_hides_a_bad_value_below_it(tmp_path: Path) -> None:
    assert settle(tmp_path, toml="port = 'many'", environ={"PORT": "1"}).port == 1


def test_words_are_taken_in_any_case(tmp_path: Path) -> None:
    assert settle(tmp_path, log_level="INFO").log_level == "info"


def test_whole_numbers_are_good_floats(tmp_path: Path) -> None:
    config = settle(tmp_path, toml="drain_seconds = 5", kv_memory_gb="2")
    assert (config.drain_seconds, config.kv_memory_gb) == (5.0, 2.0)


@pytest.mark.parametrize(("value", "parsed"), [("On", True), ("0", False), (True, True), ("false", False)])
def test_booleans(value: Any, parsed: bool) -> None:
    assert Setting("quiet", not parsed, "").parse(value, "a test") is parsed


@pytest.mark.parametrize("value", ["perhaps", 1, ""])
def test_what_is_no_boolean(value: Any) -> None:
    with pytest.raises(BadSetting, match=re.escape(f"quiet from a test must be of type bool, not {value!r}")):
        Setting("quiet", False, "").parse(value, "a test")


def test_the_file_must_be_toml_with_known_settings(tmp_path: Path) -> None:
    path = tmp_path / "reckon.toml"
    assert refusal(tmp_path, toml="prot = 1").startswith(
        f"{path} has the unknown setting 'prot'; known are host, port, database"
    )
    assert refusal(tmp_path, toml="[serve]\nport = 1").startswith(f"{path} has the unknown setting 'serve'")
    assert refusal(tmp_path, toml="port =").startswith(f"{path} is not valid TOML: ")
    assert refusal(tmp_path, toml="home = '/x'") == (
        f"{path} cannot set home, where it lies itself, to '/x'; use --home or RECKON_HOME"
    )


def test_the_file_must_be_readable_text(tmp_path: Path) -> None:
    path = tmp_path / "reckon.toml"
    path.write_bytes(b"host = '\xff'")
    with pytest.raises(BadSetting, match=r"reckon\.toml is not valid TOML: .*utf-8"):
        load({"home": str(tmp_path)}, {})
    path.unlink()
    path.mkdir()
    with pytest.raises(BadSetting, match=r"reckon\.toml cannot be read: Is a directory"):
        load({"home": str(tmp_path)}, {})


def test_a_home_that_is_no_directory_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert load({"home": str(tmp_path / "file")}, {}).port == 8000
    with pytest.raises(BadSetting, match="home must be a directory, and there is no such user: '~nobody-of-that-name/x'"):
        load({"home": "~nobody-of-that-name/x"}, {})


def table() -> str:
    """What docs/settings.md must hold; the failing test prints it."""
    lines = ["| flag | variable | default | must be | what it is |", "|---|---|---|---|---|"]
    for setting in SETTINGS:
        default = "" if setting.default == "" else f"`{setting.default}`"
        lines.append(f"| `{setting.flag}` | `{setting.variable}` | {default} | {setting.rule} | {setting.help} |")
    return "\n".join(lines)


def test_the_docs_have_the_table() -> None:
    written = "\n".join(line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    assert written == table(), f"docs/settings.md must hold\n\n{table()}\n"
