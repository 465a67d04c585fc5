"""A real S3 server on loopback, in a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
KEYS = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "CPL_VSIL_CURL_CHUNK_SIZE": "1048576",
}


@dataclass(frozen=True)
class Store:
    """A bucket named `surveys`, and the environment that leads to it."""

    environment: dict[str, str]
    system: fs.S3FileSystem

    def put(self, path: Path, name: str) -> str:
        """Copy a file into the bucket; return its address."""
        with self.system.open_output_stream(f"surveys/{name}") as stream:
            stream.write(path.read_bytes())
        return f"s3://surveys/{name}"

    def names(self, folder: str) -> list[str]:
        """What lies in a folder of the bucket."""
        found = self.system.get_file_info(fs.FileSelector(f"surveys/{folder}", recursive=True, allow_not_found=True))
        return [info.base_name for info in found if info.type == fs.FileType.File]


@contextlib.contextmanager
def store() -> Iterator[Store]:
    """An S3 server with an empty bucket."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | KEYS, text=True,
    )  # fmt: skip
    try:
        port = next(int(line) for line in server.stdout if line.strip().isdigit())
        system = fs.S3FileSystem(
            access_key=KEYS["AWS_ACCESS_KEY_ID"], secret_key=KEYS["AWS_SECRET_ACCESS_KEY"], region=KEYS["AWS_REGION"],
            scheme="http", endpoint_override=f"127.0.0.1:{port}", allow_bucket_creation=True,
        )  # fmt: skip
        system.create_dir("surveys")
        yield Store(KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}, system)
    finally:
        server.kill()
        server.communicate()
