"""Pictures of tasks: from a folder, from Label Studio itself, from hosts that were named."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lexiseg.errors import ImageError, LexisegError, UsageError
from lexiseg.integrations.label_studio.pictures import TaskPictures


class Server(BaseHTTPRequestHandler):
    """Answers with its path and what authorization came."""

    def do_GET(self):
        if self.path.startswith("/moved"):
            self.send_response(303)
            self.send_header("Location", "/storage/x.png")
            self.end_headers()
            return
        self.send_response(404 if "absent" in self.path else 200)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers.get('Authorization')}".encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"access": f"short-{body['refresh']}"}).encode())

    def log_message(self, *words):
        pass


@pytest.fixture
def home():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "named",
    [
        "/data/upload/3/0a1b2c3d-a.png",
        "/data/upload/3/a.png",
        "/data/local-files/?d=deep/a.png",
        "/data/local-files/?d=somewhere/else/a.png",
        "a.png",
    ],
)
def test_the_folder_is_searched_first(named, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.png").write_bytes(b"outer")
    (tmp_path / "deep/a.png").write_bytes(b"inner")
    wanted = b"inner" if "d=deep" in named else b"outer"
    assert TaskPictures(tmp_path).read(named) == wanted


@pytest.mark.parametrize(
    "named", ["../secret.png", "/data/local-files/?d=..%2Fsecret.png", "link.png"]
)
def test_nothing_outside_the_folder_is_opened(named, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UsageError, match="neither in the folder"):
        TaskPictures(folder).read(named)


def test_label_studio_is_asked_with_its_token(home):
    pictures = TaskPictures(address=home, key="secret")
    assert pictures.read("/data/upload/3/a.png") == b"/data/upload/3/a.png Token secret"
    assert pictures.read(f"{home}/b.png") == b"/b.png Token secret"
    assert TaskPictures(address=home + "/").read("/c.png") == b"/c.png None"


def test_a_personal_token_is_exchanged(home):
    assert TaskPictures(address=home, key="a.b.c").read("/a.png") == b"/a.png Bearer short-a.b.c"


def test_a_redirect_gets_no_token(home):
    assert TaskPictures(address=home, key="secret").read("/moved") == b"/storage/x.png None"


def test_other_hosts_only_if_they_were_named_and_without_token(home):
    with pytest.raises(UsageError, match="--allow-host"):
        TaskPictures(address="http://label.studio", key="secret").read(f"{home}/a.png")
    pictures = TaskPictures(address="http://label.studio", key="s", hosts=("127.0.0.1",))
    assert pictures.read(f"{home}/a.png") == b"/a.png None"


@pytest.mark.parametrize(
    "named", ["file:///etc/passwd", "ftp://127.0.0.1/a", "/etc/passwd", "s3://b/a"]
)
def test_other_schemes_are_refused(named):
    with pytest.raises(UsageError):
        TaskPictures(hosts=("127.0.0.1", "")).read(named)


def test_what_is_absent_or_too_large_is_one_sentence(home):
    for pictures, named in (
        (TaskPictures(address=home), "/absent.png"),
        (TaskPictures(address=home, most_bytes=3), "/a.png"),
        (TaskPictures(address="http://127.0.0.1:9"), "/a.png"),
        (TaskPictures(), "data:image/png;base64,%%%"),
    ):
        with pytest.raises(ImageError) as caught:
            pictures.read(named)
        assert isinstance(caught.value, LexisegError) and "\n" not in str(caught.value)


def test_embedded_pictures():
    named = "data:image/png;base64," + base64.b64encode(b"picture").decode()
    assert TaskPictures().read(named) == b"picture"


def test_a_token_is_not_printed():
    assert "secret" not in repr(TaskPictures(key="secret"))
