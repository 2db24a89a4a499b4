"""A token that is missing, wrong or at its end opens nothing; nor does a page of another site."""

import re
import socket
from collections import deque
from functools import partial

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.server.security import Names, Token, is_loopback, split_address
from ptychoscope.live.serving.live_server import LiveServer, token_for

from ..scan_events import ListedSource
from .running import running, some_scan

WORD = "a word of twenty one!"
PATHS = [
    "/",
    "/index.html",
    "/api/v1/state",
    "/metrics",
    "/openapi.json",
    "/nothing",
    "/api/v1/image/phase.npy",
]


@pytest.fixture(scope="module")
def scan():
    return some_scan()


@pytest.fixture(scope="module")
def secret(scan):
    with running(ListedSource([]), scan.probe, options={"token": Token(WORD)}) as found:
        yield found


@pytest.fixture(scope="module")
def open_to_all(scan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "outside.h5").write_bytes(b"a secret")
    (folder / "out").mkdir()
    (folder / "out" / "scan-series7.h5").symlink_to(folder / "outside.h5")
    with running(ListedSource([]), scan.probe, output=folder / "out" / "scan.h5") as found:
        yield found


def bearer(word):
    return {"Authorization": f"Bearer {word}"}


@pytest.mark.parametrize(
    "headers", [{}, bearer("wrong"), bearer(WORD[:-1]), {"Cookie": "ptychoscope=9999999999.0"}]
)
def test_without_the_token_there_is_nothing(secret, headers):
    for path in PATHS:
        answer = secret.http.get(path, headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")
    answer = secret.http.post("/api/v1/stop", json={}, headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    with pytest.raises(InvalidStatus) as refused, secret.viewer(additional_headers=headers):
        pass
    assert refused.value.response.status_code == 401
    assert secret.session.phase == "waiting"


def test_the_token_opens_all(secret):
    assert secret.get("/state", headers=bearer(WORD)).status_code == 200
    with secret.viewer("state", additional_headers=bearer(WORD)) as viewer:
        assert viewer.recv(timeout=10)
    assert secret.http.get("/", params={"token": "wrong"}).status_code == 401


def test_a_browser_gets_a_cookie_that_does_not_tell_the_token(secret):
    entered = secret.http.get("/", params={"token": WORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "./")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert WORD not in cookie
    value = {"Cookie": cookie.partition(";")[0]}
    assert secret.get("/state", headers=value).status_code == 200
    forged = {"Cookie": re.sub(r"=(\d+)", lambda ends: f"={int(ends[1]) + 9}", value["Cookie"], count=1)}
    secret.http.cookies.clear()
    assert secret.get("/state", headers=forged).status_code == 401


def test_a_token_ends(scan):
    token = Token(WORD, lives_s=0.0)
    value, _ = token.cookie()
    with running(ListedSource([]), scan.probe, options={"token": token}) as found:
        for headers in (bearer(WORD), {"Cookie": f"ptychoscope={value}"}):
            answer = found.get("/state", headers=headers)
            assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("host", "given", "expected"),
    [("127.0.0.1", None, None), ("::1", None, None), ("0.0.0.0", "none", None), ("127.0.0.1", WORD, WORD)],
)
def test_who_needs_a_token(host, given, expected):
    token = token_for(host, given)
    assert (None if token is None else token.text) == expected
    assert len(token_for("0.0.0.0", None).text) >= 32
    assert not is_loopback("0.0.0.0")


def test_a_short_token_is_refused():
    with pytest.raises(ConfigError, match="16 or more"):
        Token("short")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "localhost.evil.example", "", "[::1"])
def test_a_name_that_is_turned_to_this_machine_is_refused(open_to_all, host):
    answer = open_to_all.get("/state", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert b"series" not in answer.content


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_is_not_obeyed(open_to_all, headers):
    assert open_to_all.http.post("/api/v1/stop", json={}, headers=headers).status_code == 403
    assert open_to_all.get("/state", headers=headers).status_code == 403
    with pytest.raises(InvalidStatus) as refused, open_to_all.viewer(additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403
    assert open_to_all.session.phase == "waiting"


def test_its_own_page_is_obeyed(open_to_all):
    own = {"Origin": open_to_all.server.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert open_to_all.http.post("/api/v1/start", json={}, headers=own).status_code == 200
    with open_to_all.viewer("state", additional_headers=own) as viewer:
        assert viewer.recv(timeout=10)
    assert Names("0.0.0.0", ["beamline.example"]).allows_host("Beamline.example:443")
    assert Names("127.0.0.1").allows_host("localhost:9999")
    assert Names("127.0.0.1").allows_host("[::1]:80")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_obeyed(open_to_all, kind):
    answer = open_to_all.http.post("/api/v1/stop", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert open_to_all.session.phase == "waiting"


def test_sizes_are_bounded(open_to_all):
    json_ = {"Content-Type": "application/json"}
    big = b'{"name": "' + b"x" * 70000 + b'"}'
    assert open_to_all.http.post("/api/v1/model", content=big, headers=json_).status_code == 413
    chunks = open_to_all.http.post("/api/v1/model", content=iter([big[:9000]] * 9), headers=json_)
    assert chunks.status_code == 413
    with open_to_all.viewer("state") as viewer:
        viewer.send("x" * 70000)
        with pytest.raises(ConnectionClosed, match="1009"):
            deque(iter(partial(viewer.recv, 20), None), maxlen=0)
    assert open_to_all.http.get("/" + "x" * 60000).status_code == 404
    with pytest.raises(httpx.HTTPError):
        open_to_all.http.get("/", headers={"X": "x" * 300_000}).raise_for_status()


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fserver%2fapp.py",
        "/%2e%2e/session.py",
        "/api/v1/results/..%2foutside.h5",
        "/api/v1/results/%2e%2e%2foutside.h5",
        "/api/v1/results/outside.h5",
        "/api/v1/results/%2fetc%2fpasswd",
        "/api/v1/results/scan-series7.h5",
        "/api/v1/results/scan-series7.h5/image/phase.npy",
        "/api/v1/results/scan.h5%00.h5",
    ],
)
def test_no_path_leads_to_the_disk(open_to_all, path):
    host, port = "127.0.0.1", open_to_all.server.port
    with socket.create_connection((host, port), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert re.match(rb"HTTP/1.1 (404|400)", answer), answer[:200]
    assert b"a secret" not in answer


def test_headers_keep_the_page_at_home(open_to_all):
    headers = open_to_all.get("/state").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("text", ["8765", "host:", "host:x", "host:70000", "host:-1"])
def test_an_address_that_is_none(text):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        split_address(text)
    assert split_address("[::1]:80") == ("::1", 80)
    assert split_address(":80") == ("127.0.0.1", 80)


def test_a_port_that_is_taken_says_the_cure(open_to_all, scan):
    options = {"port": open_to_all.server.port}
    with (
        pytest.raises(ConfigError, match="port 0 for any"),
        running(ListedSource([]), scan.probe, options=options),
    ):
        pass


def test_a_missing_extra_is_named(monkeypatch, scan):
    monkeypatch.setitem(__import__("sys").modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"ptychoscope\[live\]"):
        LiveServer(None)
