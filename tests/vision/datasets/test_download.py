"""Downloads from a server on this machine: the file is complete and right, or nothing is left behind."""

import http.server
import subprocess
import sys
import threading

import pytest

from gpunn.errors import FileFormatError
from gpunn.vision.datasets.download import DownloadError, download


class Answers(http.server.BaseHTTPRequestHandler):
    """/right gives the content, /wrong another, /nonsense no HTTP, /breaks half of what it promises, else 404."""

    def do_GET(self):
        if self.path == "/nonsense":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            return
        contents = {"/right": b"right" * 40_000, "/wrong": b"wrong", "/breaks": b"right" * 20_000}
        content = contents.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "200000" if self.path == "/breaks" else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    """The address of the server, with a slash at its end."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def check(path):
    if path.read_bytes() != b"right" * 40_000:
        raise FileFormatError("not what was expected")


def test_the_first_right_address_gives_the_file(server, tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    download([f"{server}right", f"{server}none"], path, check, 200_000)
    assert path.read_bytes() == b"right" * 40_000
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("first", ["wrong", "none", "nonsense", "breaks"])
def test_after_a_bad_address_comes_the_next(server, tmp_path, first):
    path = tmp_path / "file"
    download([f"{server}{first}", f"{server}right"], path, check, 200_000)
    assert list(tmp_path.iterdir()) == [path]


def test_the_error_tells_what_each_address_gave(server, tmp_path):
    urls = [f"{server}{name}" for name in ("none", "nonsense", "wrong", "breaks")]
    with pytest.raises(DownloadError) as caught:
        download(urls, tmp_path / "file", check, 200_000)
    lines = str(caught.value).splitlines()
    assert lines[0] == "could not download file:" and len(lines) == 5
    assert "404" in lines[1] and "not what was expected" in lines[3]
    assert all(line.startswith(f"{url}: ") for line, url in zip(lines[1:], urls, strict=True))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_read_beyond_the_limit(server, tmp_path):
    with pytest.raises(DownloadError, match="longer than 199999 bytes"):
        download([f"{server}right"], tmp_path / "file", check, 199_999)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_stays_when_the_download_fails(server, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(DownloadError):
        download([f"{server}wrong"], path, check, 200_000)
    assert path.read_text() == "old"


def test_a_bug_in_the_check_is_not_hidden(server, tmp_path):
    def broken(path):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        download([f"{server}right"], tmp_path / "file", broken, 200_000)
    assert list(tmp_path.iterdir()) == []


def test_importing_gpunn_imports_no_network_and_no_optional_library():
    code = "import sys, gpunn; print(*{'urllib.request', 'tqdm', 'sklearn', 'matplotlib', 'PIL'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
