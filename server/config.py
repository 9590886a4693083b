"""Settings: one frozen object from `config/giaoban.toml`, overridden by `GIAOBAN_SECTION_KEY`; unknown keys refused."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec

from server.reach.settings import Gateway, Mail, Push, Reach

ROOT = Path(__file__).resolve().parent.parent
"""The project folder: `web/`, `config/` and `recordings/` stand beside the package."""

DEFAULT_FILE = ROOT / "config" / "giaoban.toml"
_PREFIX = "GIAOBAN_"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-]{0,252}[A-Za-z0-9])?")
_TURN_URL = re.compile(  # RFC 7065 §3.1
    r"turns?:(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:\?transport=(?:udp|tcp))?"
)
_NOT_SETTINGS = {"GIAOBAN_CONFIG", "GIAOBAN_DEMO_PASSWORD", "GIAOBAN_FAULTS"}


class ConfigError(Exception):
    """A setting is unknown or has a wrong value; the text names the key and its source."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Http(_Section, frozen=True):
    """Where pages and the API are served."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    trusted_proxies: list[str] = []
    upload_limit_mb: int = 50


class Database(_Section, frozen=True):
    """SQLite by default; `postgresql+psycopg://user:password@host/name` for PostgreSQL."""

    url: str = "sqlite:///data/giaoban.db"


class Media(_Section, frozen=True):
    """The media nodes: how many, the first one's UDP port, and the addresses that clients can reach them at."""

    nodes: int = 1
    udp_port: int = 40000
    addresses: list[str] = msgspec.field(default_factory=lambda: ["127.0.0.1"])
    socket: str = "data/media.sock"

    def __post_init__(self) -> None:
        """Each node needs a port of its own."""
        if not 1 <= self.nodes <= 64:
            raise ValueError("media.nodes must be 1 to 64")
        if self.udp_port + self.nodes - 1 > 65_535:
            raise ValueError("media.udp_port leaves no port for the last of media.nodes")


class Turn(_Section, frozen=True):
    """Relays for networks that let no UDP out (coturn, RFC 8656); without `urls` pages are given none."""

    urls: list[str] = []
    secret: str = ""
    ttl_minutes: int = 720

    def __post_init__(self) -> None:
        """Refuse what no browser would take: it would throw away the whole list, and with it every meeting."""
        for url in self.urls:
            found = _TURN_URL.fullmatch(url)
            if found is None or not 1 <= int(found["port"] or 1) <= 65_535:
                raise ValueError(f"turn.urls: {url} is not as turn:turn.example.vn:3478?transport=tcp or turns:...")
        if self.urls and not self.secret:
            raise ValueError("turn.urls without turn.secret")
        if self.ttl_minutes < 1:
            raise ValueError("turn.ttl_minutes must be 1 or more")


class Metrics(_Section, frozen=True):
    """Who may read `/metrics` without signing in: addresses or networks such as `10.0.0.0/24`."""

    addresses: list[str] = []

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        for address in self.addresses:
            ipaddress.ip_network(address)


def _is_numeric(where: str) -> bool:
    """Whether it is `address:port`; names are not looked up, as that could wait for long."""
    host, _, port = where.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return port.isdecimal() and 0 < int(port) < 65_536


class Telephone(_Section, frozen=True):
    """The village line (SIP): where trunks reach us, who they are, and where calls of ours go; off without `address`.

    `trunk` is `address:port`, calls go there by `transport`; with `register` we register there as `user`. We are
    `user` of `domain` there (without it of the address), and `auth_user` (else `user`) where it asks for the password.
    """

    address: str = ""
    host: str = "0.0.0.0"  # noqa: S104
    udp_port: int = 5060
    tcp_port: int = 5060
    tls_port: int = 0
    tls_certificate: str = ""
    tls_key: str = ""
    tls_name: str = ""
    tls_ca: str = ""
    trunks: list[str] = []
    trunk: str = ""
    transport: str = "udp"
    user: str = ""
    domain: str = ""
    auth_user: str = ""
    password: str = ""
    register: bool = False
    numbers: list[str] = []
    first_rtp_port: int = 41000
    last_rtp_port: int = 41999
    most_calls: int = 30
    most_calls_out: int = 4
    most_directive_calls: int = 4
    ring_seconds: int = 40
    tries: int = 3
    wrong_codes_an_hour: int = 100

    def __post_init__(self) -> None:
        """Refuse what could carry no call."""
        for address in self.trunks:
            ipaddress.ip_network(address)
        if self.transport not in ("udp", "tcp", "tls"):
            raise ValueError("telephone.transport must be udp, tcp or tls")
        if not 1024 <= self.first_rtp_port < self.last_rtp_port <= 65_535:
            raise ValueError("telephone.first_rtp_port and telephone.last_rtp_port are no range of ports")
        if self.address:
            ipaddress.ip_address(self.address)
        if self.trunk and not _is_numeric(self.trunk):
            raise ValueError("telephone.trunk must be a numeric address and a port, such as 203.0.113.10:5060")
        if self.tls_port and not (self.tls_certificate and self.tls_key):
            raise ValueError("telephone.tls_port needs telephone.tls_certificate and telephone.tls_key")
        if self.register and not (self.trunk and self.user):
            raise ValueError("telephone.register needs telephone.trunk and telephone.user")
        if self.register and not self.password:
            raise ValueError("telephone.register needs telephone.password (or GIAOBAN_TELEPHONE_PASSWORD)")
        if self.domain and not _HOST.fullmatch(self.domain):
            raise ValueError("telephone.domain must be a name or an address without a port, such as ims.example.vn")
        for name in (
            "most_calls",
            "most_calls_out",
            "most_directive_calls",
            "ring_seconds",
            "tries",
            "wrong_codes_an_hour",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"telephone.{name} must be 1 or more")


class Storage(_Section, frozen=True):
    """Folders that the server writes."""

    data: str = "data"
    recordings: str = "recordings"
    free_space_mb: int = 500


class Access(_Section, frozen=True):
    """Sign-in: session length, and how wrong passwords are slowed and locked."""

    session_hours: int = 12
    tries_before_lock: int = 8
    lock_minutes: int = 15
    requests_per_minute: int = 600


class Refusals(_Section, frozen=True):
    """How long it is kept what somebody asked for and was refused."""

    keep_days: int = 400

    def __post_init__(self) -> None:
        """Refuse what would keep nothing, or never forget."""
        if not 1 <= self.keep_days <= 3_660:
            raise ValueError("refusals.keep_days must be 1 to 3660")


class Settings(_Section, frozen=True):
    """All settings of the control process."""

    http: Http = Http()
    database: Database = Database()
    media: Media = Media()
    turn: Turn = Turn()
    storage: Storage = Storage()
    access: Access = Access()
    metrics: Metrics = Metrics()
    refusals: Refusals = Refusals()
    reach: Reach = Reach()
    mail: Mail = Mail()
    sms: Gateway = Gateway()
    zalo: Gateway = Gateway(alphabet="ucs2")
    push: Push = Push()
    telephone: Telephone = Telephone()
    timezone: str = "Asia/Ho_Chi_Minh"
    log_level: str = "INFO"
    demo: bool = False
    help_contact: str = ""
    redis_url: str = ""

    def __post_init__(self) -> None:
        """Several processes on one SQLite file would wait for each other, and lose what they tell each other."""
        if not self.redis_url:
            return
        if not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis_url must begin with redis://, rediss:// or unix://")
        if self.database.url.startswith("sqlite"):
            raise ValueError("redis_url is for several control processes, and those need PostgreSQL (database.url)")

    def path(self, name: str) -> Path:
        """A path of the settings; relative ones are relative to the project folder."""
        return ROOT / name

    def url(self, *, tls: bool = False) -> str:
        """What people type: as configured, else host and port."""
        if self.http.public_url:
            return self.http.public_url
        host = self.http.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            host = next((a for a in self.media.addresses if not a.startswith("127.")), "127.0.0.1")
        return f"{'https' if tls or self.http.tls_certificate else 'http'}://{host}:{self.http.port}"

    def database_url(self) -> str:
        """The database URL with a relative SQLite path made absolute."""
        prefix = "sqlite:///"
        if self.database.url.startswith(prefix) and not self.database.url.startswith(prefix + "/"):
            return prefix + str(ROOT / self.database.url.removeprefix(prefix))
        return self.database.url


def _from_text(kind: Any, text: str) -> Any:
    if kind is bool:
        return text.strip().lower() in {"1", "true", "yes", "on"}
    if kind is int:
        return int(text)
    if get_origin(kind) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`GIAOBAN_HTTP_PORT=1` → {"http": {"port": 1}}."""
    found: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or name in _NOT_SETTINGS:
            continue
        key = name.removeprefix(_PREFIX).lower()
        target, kinds, field = found, Settings, key
        section = key.split("_", 1)[0]
        if section in Settings.__struct_fields__ and "_" in key and section != key:
            field = key.split("_", 1)[1]
            kinds = next(f.type for f in msgspec.structs.fields(Settings) if f.name == section)
            target = found.setdefault(section, {})
        types = {f.name: f.type for f in msgspec.structs.fields(kinds)}
        if field not in types:
            raise ConfigError(f"{name}: no such setting")
        try:
            target[field] = _from_text(types[field], text)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error
    return found


def load(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises ConfigError with the key and where it stands."""
    path = file or Path(environ.get("GIAOBAN_CONFIG", DEFAULT_FILE))
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    for key, value in _environment(environ).items():
        if isinstance(value, dict):
            values.setdefault(key, {}).update(value)
        else:
            values[key] = value
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
