"""The page's files as they are served. What the page does is tried in a browser, in tests/web."""

import gzip
import re

import pytest

from app.api.web import ROOT

PAGES = {"/": "index.html", "/docs": "reference.html"}


@pytest.mark.parametrize(("path", "file"), PAGES.items())
def test_the_pages_are_html_with_a_strict_policy(client, path, file):
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert response.text == (ROOT / file).read_text()


@pytest.mark.parametrize("page", PAGES.values())
def test_every_address_in_a_page_is_relative_and_served(client, page):
    text = (ROOT / page).read_text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert addresses
    for address in addresses:
        assert not address.startswith(("/", "http"))
        assert client.get(f"/{address}".removesuffix(".")).status_code == 200


def test_scripts_import_files_that_are_there():
    for script in ROOT.rglob("*.js"):
        for name in re.findall(r'(?:from|import)[\s(]*"([^"]+)"', script.read_text()):
            assert name.startswith("."), f"{script} imports {name}"
            assert (script.parent / name).resolve().is_file(), f"{script} imports {name}"


def test_styles_refer_to_files_that_are_there():
    for sheet in ROOT.rglob("*.css"):
        for name in re.findall(r'url\("(?!data:)([^"]+)"\)', sheet.read_text()):
            assert (sheet.parent / name).resolve().is_file(), f"{sheet} refers to {name}"


def test_files_have_their_types(client):
    for path, kind in {
        "main.js": "text/javascript; charset=utf-8",
        "styles/tokens.css": "text/css; charset=utf-8",
        "icon.svg": "image/svg+xml",
        "fonts/geist.woff2": "font/woff2",
        "samples/cat.jpg": "image/jpeg",
    }.items():
        response = client.get(f"/web/{path}")
        assert response.headers["content-type"] == kind
        assert response.content == (ROOT / path).read_bytes()


def test_a_file_that_the_client_has_is_not_sent_again(client):
    first = client.get("/web/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/web/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_text_is_sent_compressed_to_clients_that_take_it(client):
    headers = {"Accept-Encoding": "gzip"}
    with client.stream("GET", "/web/main.js", headers=headers) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(response.iter_raw())) == (ROOT / "main.js").read_bytes()
    plain = client.get("/web/main.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "path",
    [
        "nothing.js",
        "styles",
        "",
        "vendor/README.md",
        "vendor/preact.LICENSE",
        "../settings.py",
        "%2e%2e/settings.py",
        "..%2f..%2fpyproject.toml",
        "%2fetc%2fhosts.js",
        "main.js%00",
        "..%5cmain.js",
    ],
)
def test_nothing_else_is_served(client, path):
    response = client.get(f"/web/{path}")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"


def loaded_at_first() -> set[str]:
    """The files of the first view: what the document names, and what its scripts import before they run."""
    text = (ROOT / "index.html").read_text()
    waiting = [name.removeprefix("web/") for name in re.findall(r'(?:src|href)="(web/[^"]+)"', text)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name.endswith(".js"):
            script = ROOT / name
            imported = re.findall(r'(?:from|import)\s*"([^"]+)"', script.read_text())
            waiting += [(script.parent / other).resolve().relative_to(ROOT).as_posix() for other in imported]
    return found


def test_first_paint_takes_less_than_150_kilobytes(client):
    """All that the page loads before pictures, as it goes over the wire with its headers."""
    names = loaded_at_first()
    assert "parts/paint.js" in names
    assert "parts/operator.js" not in names
    sent = 0
    for path in ["/", *(f"/web/{name}" for name in names)]:
        with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
            sent += len(b"".join(response.iter_raw()))
            sent += sum(len(name) + len(value) + 4 for name, value in response.headers.raw)
    assert sent < 150_000


def test_documents_alone_carry_the_headers_that_only_documents_obey(client):
    assert "content-security-policy" in client.get("/web/icon.svg").headers
    assert "content-security-policy" not in client.get("/web/main.js").headers


def test_the_page_is_part_of_the_installed_package():
    """As `[tool.setuptools.package-data]` has it, which takes no file with a leading dot."""
    import tomllib

    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    packed = {path for pattern in patterns for path in ROOT.parent.glob(pattern) if path.is_file()}
    assert packed == {path for path in ROOT.rglob("*") if path.is_file()}


def test_head_is_answered_as_get_without_a_body(client):
    assert client.head("/").status_code == 200
    assert client.head("/web/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
