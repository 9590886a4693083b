"""Settings: the file, the environment over it, and refusal of what is not known."""

import re
from pathlib import Path

import msgspec
import pytest

from server import config
from server.config import DEFAULT_FILE, ROOT, ConfigError, Settings, Telephone


def load(tmp_path: Path, text: str = "", **environ: str) -> Settings:
    file = tmp_path / "giaoban.toml"
    file.write_text(text, "utf-8")
    return config.load(file, environ)


def test_the_checked_in_file_holds_the_defaults() -> None:
    assert config.load(DEFAULT_FILE, {}) == Settings()


def test_every_setting_is_documented_in_the_file() -> None:
    text = DEFAULT_FILE.read_text("utf-8")
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            part = text.split(f"[{field.name}]", 1)[1].split("\n[", 1)[0]
            for inner in msgspec.structs.fields(type(field.default)):
                assert re.search(rf"^{inner.name} = ", part, re.MULTILINE), f"{field.name}.{inner.name}"
        else:
            assert re.search(rf"^{field.name} = ", text, re.MULTILINE), field.name


def test_the_guide_to_the_village_line_names_all_its_settings() -> None:
    text = (ROOT / "docs" / "telephone.md").read_text("utf-8")
    words = set(re.findall(r"\w+", text))
    assert {field.name for field in msgspec.structs.fields(Telephone)} <= words


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "[http]\nport = 1\n", GIAOBAN_HTTP_PORT="2", GIAOBAN_MEDIA_ADDRESSES="10.0.0.1, 10.0.0.2")
    assert settings.http.port == 2
    assert settings.media.addresses == ["10.0.0.1", "10.0.0.2"]
    assert load(tmp_path, "", GIAOBAN_DEMO="true").demo is True


@pytest.mark.parametrize(
    ("text", "environ", "named"),
    [
        ("[http]\nprt = 1\n", {}, "prt"),
        ("[htp]\nport = 1\n", {}, "htp"),
        ("[http]\nport = 'x'\n", {}, "http.port"),
        ("[media]\nnodes = 0\n", {}, "media.nodes"),
        ("[refusals]\nkeep_days = 0\n", {}, "refusals.keep_days"),
        ("[media]\nnodes = 3\nudp_port = 65534\n", {}, "media.udp_port"),
        ("[telephone]\ntrunks = ['trunk.example']\n", {}, "telephone"),
        ("[telephone]\naddress = 'example.vn'\n", {}, "telephone"),
        ("[telephone]\ntrunk = '203.0.113.5'\n", {}, "telephone.trunk"),
        ("[telephone]\ntrunk = 'trunk.example:5060'\n", {}, "telephone.trunk"),
        ("[telephone]\ntransport = 'sctp'\n", {}, "telephone.transport"),
        ("[telephone]\nregister = true\n", {}, "telephone.register"),
        (
            "[telephone]\ntrunk = '203.0.113.5:5060'\nuser = '1'\nregister = true\n",
            {},
            "telephone.password",
        ),
        ("[telephone]\ndomain = 'ims.vnpt.vn:5060'\n", {}, "telephone.domain"),
        ("[telephone]\nfirst_rtp_port = 42000\nlast_rtp_port = 41000\n", {}, "telephone.first_rtp_port"),
        ("[telephone]\ntls_port = 5061\n", {}, "telephone.tls_port"),
        ("[telephone]\nmost_calls_out = 0\n", {}, "telephone.most_calls_out"),
        ("[telephone]\nmost_calls = 0\n", {}, "telephone.most_calls must"),
        ("[telephone]\nwrong_codes_an_hour = 0\n", {}, "telephone.wrong_codes_an_hour"),
        ("", {"GIAOBAN_HTTP_PRT": "1"}, "GIAOBAN_HTTP_PRT"),
        ("", {"GIAOBAN_HTTP_PORT": "many"}, "GIAOBAN_HTTP_PORT"),
        ("not toml", {}, "giaoban.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load(tmp_path, text, **environ)


def test_a_relative_sqlite_file_lies_in_the_project() -> None:
    assert Settings().database_url() == f"sqlite:///{config.ROOT}/data/giaoban.db"


def test_several_processes_need_postgresql_and_an_address_of_redis(tmp_path: Path) -> None:
    postgres = {"GIAOBAN_DATABASE_URL": "postgresql+psycopg://giaoban@/giaoban"}
    assert load(tmp_path, **postgres, GIAOBAN_REDIS_URL="redis://redis:6379/0").redis_url == "redis://redis:6379/0"
    with pytest.raises(ConfigError, match="redis_url"):
        load(tmp_path, GIAOBAN_REDIS_URL="redis://redis")
    with pytest.raises(ConfigError, match="redis_url"):
        load(tmp_path, **postgres, GIAOBAN_REDIS_URL="redis:6379")
