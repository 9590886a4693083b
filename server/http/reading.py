"""Reading what was sent: one struct type for a JSON body, a form, or a query; wrong input becomes a UserError."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiDictProxy, MultiMapping

from server.errors import UserError
from server.http.i18n import _
from server.http.input_error import input_error

T = TypeVar("T")
# What aiohttp raises for encodings that do not exist or do not fit, for parts without a name or an end, and the like.
_BROKEN_FORM = (ValueError, LookupError, RuntimeError, AssertionError, zlib.error, HttpProcessingError)


def _gather(values: MultiMapping[Any], kind: Any) -> Mapping[str, object]:
    """Form and query values by field; a list field takes all its values, an empty text counts as not given."""
    gathered: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        given: Sequence[Any] = [v for v in values.getall(name, []) if not isinstance(v, str) or v.strip() != ""]
        if not given:
            continue
        many = str(field.type).startswith(("list[", "tuple[", "frozenset[")) or "list[" in str(field.type)
        gathered[name] = list(given) if many else given[-1]
    return gathered


def from_values(values: MultiMapping[Any], kind: type[T]) -> T:
    """A struct from form or query values, texts turned into numbers, dates and booleans as its fields say."""
    try:
        return msgspec.convert(_gather(values, kind), kind, strict=False)
    except msgspec.ValidationError as error:
        raise input_error(error) from error


async def read_form(request: web.Request) -> MultiDictProxy[Any]:
    """The fields and files of a form; aiohttp keeps them, so that it may be asked for again. Raises UserError."""
    try:
        return await request.post()
    except _BROKEN_FORM as error:
        raise UserError(
            "invalid_form", _("Biểu mẫu gửi lên bị hỏng hoặc thiếu. Xin tải lại trang rồi gửi lại.")
        ) from error


async def read_body(request: web.Request, kind: type[T]) -> T:
    """The body as `kind`: JSON from programs and scripts, form fields from pages. Raises UserError.

    Files of a form are read by `read_form`, beside this.
    """
    if request.content_type == "application/json":
        try:
            return msgspec.json.decode(await request.read(), type=kind)
        except msgspec.ValidationError as error:
            raise input_error(error) from error
        except msgspec.DecodeError as error:
            raise UserError("invalid_json", _("Dữ liệu gửi lên không phải JSON hợp lệ.")) from error
    return from_values(await read_form(request), kind)


def read_query(request: web.Request, kind: type[T]) -> T:
    """The query string as `kind`. Raises UserError."""
    return from_values(request.query, kind)


def path_id(request: web.Request, name: str = "id") -> int:
    """A number of the path; routes restrict it to digits, so only its size is left to check."""
    return min(int(request.match_info[name]), 2**31 - 1)
