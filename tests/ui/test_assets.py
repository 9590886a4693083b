"""What the shell loads: listed, matching its hashes, small, and with the same dark colours in both places."""

from __future__ import annotations

import gzip
import json
import re
import tomllib

from server.config import ROOT
from server.http.pages import ICONS
from server.http.static import StaticFiles

WEB = ROOT / "web"
TOKENS = (WEB / "static/css/tokens.css").read_text("utf-8")
SHEETS = sorted((WEB / "static/css").glob("*.css"))
FIRST_PAGE_LIMIT = 150_000


def test_fonts_in_the_style_sheet_carry_the_hash_of_their_file() -> None:
    files = StaticFiles().files
    fonts = re.findall(r'url\("(/vendor/[^"?]+)\?v=([0-9a-f]+)"\)', TOKENS)
    assert len(fonts) == 4
    assert {path: files[path].mark for path, _ in fonts} == dict(fonts)


def test_a_chosen_dark_theme_has_the_colours_of_the_system_s() -> None:
    chosen, system = (
        dict(re.findall(r"(--[\w-]+|color-scheme): ([^;]+);", block))
        for block in re.findall(
            r":root(?:\[data-theme=\"dark\"\]|:not\(\[data-theme=\"light\"\]\)) \{([^}]+)\}", TOKENS
        )
    )
    assert chosen == system
    assert len(chosen) > 20


def test_red_and_amber_mean_lateness_and_recording_only() -> None:
    may = re.compile(r"late|red|amber|recording|record|soon|tokens")
    for sheet in SHEETS:
        if sheet.name == "tokens.css":
            continue
        for line in sheet.read_text("utf-8").splitlines():
            if "var(--late" in line or "var(--soon" in line or "var(--stage-late" in line:
                assert may.search(line.split("{")[0]), f"{sheet.name}: {line.strip()}"


def test_every_style_sheet_uses_only_named_properties_that_exist() -> None:
    known = set(re.findall(r"(--[\w-]+):", "".join(sheet.read_text("utf-8") for sheet in SHEETS)))
    for sheet in SHEETS:
        used = set(re.findall(r"var\((--[\w-]+)", sheet.read_text("utf-8")))
        assert used <= known, f"{sheet.name}: {used - known}"


def test_icons_that_templates_name_exist() -> None:
    for template in sorted((WEB / "templates").rglob("*.html")):
        text = re.sub(r"{#.*?#}", "", template.read_text("utf-8"), flags=re.DOTALL)
        for name in re.findall(r"""(?:icon\(|icon_name=|mark=)["']([a-z0-9-]+)["']""", text):
            assert (ICONS / f"{name}.svg").exists(), f"{template.name}: {name}"


def test_modules_that_scripts_import_exist() -> None:
    for script in sorted((WEB / "static/js").rglob("*.js")):
        for module in re.findall(r'from "(\.{1,2}/[^"]+)"', script.read_text("utf-8")):
            assert (script.parent / module).exists(), f"{script.name}: {module}"


def test_the_lock_file_names_versions_and_no_registry() -> None:
    package = json.loads((WEB / "package.json").read_text("utf-8"))
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    assert not any("resolved" in entry for entry in lock["packages"].values())


def test_a_first_page_s_files_leave_room_for_its_text() -> None:
    vendor = tomllib.loads((WEB / "vendor.toml").read_text("utf-8"))["files"]
    served = [WEB / "node_modules" / source for source in vendor.values()]
    served += [WEB / "static/css" / f"{name}.css" for name in ("tokens", "base", "layout", "components", "forms")]
    shell = [name for name in (WEB / "static/js").glob("*.js") if name.name in _shell_modules()]
    size = sum(
        len(path.read_bytes() if path.suffix == ".woff2" else gzip.compress(path.read_bytes(), 9))
        for path in [*served, *shell]
    )
    assert size < FIRST_PAGE_LIMIT - 20_000


def _shell_modules() -> set[str]:
    """Modules that base.html loads, and those they import."""
    wanted, found = ["app.js", "live.js", "early.js"], set()
    while wanted:
        name = wanted.pop()
        path = WEB / "static/js" / name
        if name in found or not path.exists():
            continue
        found.add(name)
        wanted += re.findall(r'from "\./([^"]+)"', path.read_text("utf-8"))
    return found
