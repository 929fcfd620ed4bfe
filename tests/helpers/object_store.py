"""An S3 service on this machine, and buckets in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_numbers = itertools.count()
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def object_store() -> Iterator[str]:
    """Serve S3 on loopback, with the environment that its clients read; gives the endpoint."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # clients that were made for another endpoint
        try:
            yield endpoint
        finally:
            server.stop()
            s3fs.S3FileSystem.clear_instance_cache()


@contextmanager
def cut_off() -> Iterator[None]:
    """Have new clients ask where nothing answers, as behind a cut cable."""
    import s3fs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        s3fs.S3FileSystem.clear_instance_cache()
        yield
    s3fs.S3FileSystem.clear_instance_cache()


def bucket() -> str:
    """Make a bucket of its own; gives its address."""
    import s3fs

    name = f"neurons-{next(_numbers)}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}/shared"
