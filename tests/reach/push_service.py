"""A push service and a browser's keys: it takes what RFC 8030 says, checks VAPID, and decrypts as the browser would."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import http_ece
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """The keys of a subscription."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"

    @property
    def keys(self) -> dict[str, str]:
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": b64(point), "auth": b64(self.auth)}

    def read(self, body: bytes) -> Any:
        """What a message says (RFC 8291, aes128gcm)."""
        plain = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        return json.loads(plain)


class PushService:
    """Answers `status` and keeps what came: (path, headers, body)."""

    def __init__(self, status: int = 201, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {"Location": "/m/1"}
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.origin = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.came.append((request.path, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers=self.headers, text="why")

    def claims(self, number: int = -1) -> dict[str, Any]:
        """The claims of a message's VAPID token, whose signature is checked."""
        authorization = self.came[number][1]["Authorization"]
        assert Vapid02.verify(authorization)
        token = authorization.split("t=")[1].split(",")[0]
        part = token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@asynccontextmanager
async def push_service(service: PushService) -> AsyncIterator[PushService]:
    app = web.Application()
    app.router.add_post("/push/{id}", service.handle)
    async with TestServer(app) as server:
        service.origin = str(server.make_url("")).rstrip("/")
        yield service
