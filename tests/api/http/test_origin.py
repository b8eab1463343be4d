import pytest

from app.api.http.origin import is_same


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org", "example.org"),
        ("https://example.org", "example.org"),
        ("https://example.org", "example.org:443"),
        ("http://example.org:8000", "example.org:8000"),
        ("http://EXAMPLE.org", "example.ORG"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_a_page_of_the_service_is_of_its_origin(origin, host):
    assert is_same(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "example.org"),
        ("", "example.org"),
        ("http://example.org", ""),
        ("http://example.org", "example.org:8000"),
        ("http://example.org:8000", "example.org"),
        ("http://example.org.evil.net", "example.org"),
        ("http://evil.net/example.org", "example.org"),
        ("http://example.org@evil.net", "example.org"),
        ("file://example.org", "example.org"),
        ("http://example.org:x", "example.org"),
        ("http://[example.org", "example.org"),
        ("http://", ""),
    ],
)
def test_others_are_not(origin, host):
    assert not is_same(origin, host)
