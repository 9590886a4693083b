"""Templates compiled once a process: each test makes an application of its own, and would compile its pages again."""

from __future__ import annotations

from types import CodeType

import jinja2
from jinja2.bccache import Bucket

from server.http.formats import Formats


class Compiled(jinja2.BytecodeCache):
    """Code of templates by source and by what a compiler may fold into it: the filters, so language and time zone."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, ...], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(self._name(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[self._name(bucket)] = bucket.code

    @staticmethod
    def _name(bucket: Bucket) -> tuple[str, ...]:
        formats: Formats = bucket.environment.filters["date"].__self__
        return bucket.key, bucket.checksum, formats.language, str(formats.zone)
