"""Glassbox as a process of its own, called over HTTP."""
import json
import os
import socket
import subprocess
import time

import psutil
import urllib3


class Service:
    """`glassbox serve` on a free port, until the `with` ends. Its log goes to the file `log`, or where this process's goes."""

    def __init__(self, binary, models, log=None, **settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        settings = {
            "server__listen": self.address,
            "server__request_timeout": "7200",
            "models__dir": models,
            "log__level": "warn",
            **settings,
        }
        names = {f"GLASSBOX_{name.upper()}": value for name, value in settings.items()}
        self.process = subprocess.Popen([binary, "serve"], env={**os.environ, **names}, stderr=log)
        # Connections are kept, as front ends do.
        self.http = urllib3.PoolManager(maxsize=16, retries=False)

    def __enter__(self):
        for _ in range(1200):
            try:
                if self.http.request("GET", f"http://{self.address}/readyz").status == 200:
                    return self
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
        raise RuntimeError("glassbox did not become ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def answer(self, model, path, picture):
        """What a call with a picture's file answers, as it comes."""
        address = f"http://{self.address}/v1/models/{model}/{path}"
        answer = self.http.request("POST", address, body=picture, headers={"content-type": "application/octet-stream"})
        assert answer.status == 200, answer.data
        return answer.data

    def post(self, model, path, picture):
        """The same, as JSON."""
        return json.loads(self.answer(model, path, picture))

    def resident(self):
        """Resident memory, in MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20
