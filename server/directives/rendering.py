"""`python -m server.directives.rendering FILE PAGE WIDTH TARGET`: a page of a PDF as a picture; prints their number.

A process of its own, because PDFium is native code and the file is a stranger's: it may take a bounded amount of
memory, time and disk, and what goes wrong in it ends nothing but itself. No script of a PDF is ever run.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

MEMORY = 1 << 30
SECONDS = 10
LARGEST = 8 << 20
HIGHEST = 4  # times its width: a longer page is no page that somebody reads here
QUALITY = 70
UNREADABLE = 3


def _bound() -> None:
    """No more than that, whatever the file holds; and others go first."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(10)


def render(source: Path, page: int, width: int, target: Path) -> int:
    """Write page `page` (from 1) as WebP, `width` pixels wide, unless there is none; gives how many pages there are.

    Raises pypdfium2.PdfiumError if the file cannot be read, such as one with a password.
    """
    import pypdfium2

    document = pypdfium2.PdfDocument(source)
    count = len(document)
    if 1 <= page <= count:
        shown = document[page - 1]
        across, down = shown.get_size()
        scale = min(width / across, HIGHEST * width / down)
        shown.render(scale=scale).to_pil().convert("RGB").save(target, "WEBP", quality=QUALITY)
    return count


def main() -> None:
    """The program: exits with UNREADABLE if the file cannot be read."""
    _bound()
    import pypdfium2

    source, page, width, target = sys.argv[1:]
    try:
        count = render(Path(source), int(page), int(width), Path(target))
    except pypdfium2.PdfiumError:
        sys.exit(UNREADABLE)
    sys.stdout.write(f"{count}\n")


if __name__ == "__main__":
    main()
