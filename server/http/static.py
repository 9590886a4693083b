"""Our static files and the allowed files of browser libraries: read once, compressed once, named by their content."""

from __future__ import annotations

import gzip
import mimetypes
import tomllib
from hashlib import sha256
from pathlib import Path

import msgspec
from aiohttp import web

from server.accounts.permissions import Permission
from server.config import ROOT
from server.http.routes import Route

STATIC = ROOT / "web" / "static"
VENDOR_LIST = ROOT / "web" / "vendor.toml"
NODE_MODULES = ROOT / "web" / "node_modules"
_COMPRESSED = {".css", ".js", ".mjs", ".svg", ".json", ".webmanifest"}
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


class StaticFile(msgspec.Struct, frozen=True):
    """A file in memory: its bytes, their gzip if that is smaller, its type and a short hash of its content."""

    body: bytes
    zipped: bytes | None
    type: str
    mark: str


def load(path: Path) -> StaticFile:
    """A file as it is served."""
    body = path.read_bytes()
    zipped = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(body, zipped, kind, sha256(body).hexdigest()[:10])


class StaticFiles:
    """All static files by URL path. ES modules import each other by plain path, so a plain path is served too."""

    def __init__(self) -> None:
        self.files: dict[str, StaticFile] = {}
        for path in sorted(STATIC.rglob("*")):
            if path.is_file():
                self.files[f"/static/{path.relative_to(STATIC).as_posix()}"] = load(path)
        if VENDOR_LIST.exists():
            for name, source in tomllib.loads(VENDOR_LIST.read_text("utf-8"))["files"].items():
                self.files[f"/vendor/{name}"] = load(NODE_MODULES / source)

    def url(self, path: str) -> str:
        """`css/base.css` or `/vendor/x.js` → its URL with the hash of its content."""
        full = path if path.startswith("/") else f"/static/{path}"
        return f"{full}?v={self.files[full].mark}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One file, with ETag; for a year when asked with its hash, else to be asked again."""
        file = self.files.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        forever = request.query.get("v") == file.mark
        headers = {
            "ETag": f'"{file.mark}"',
            "Cache-Control": "public, max-age=31536000, immutable" if forever else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        body = file.body
        if file.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = file.zipped
        return web.Response(body=body, content_type=file.type, headers=headers)

    def routes(self) -> list[Route]:
        """Everybody may read them: they hold no data."""
        return [
            Route("GET", "/static/{path:.+}", self.serve, Permission.PUBLIC, free=True),
            Route("GET", "/vendor/{path:.+}", self.serve, Permission.PUBLIC, free=True),
        ]
