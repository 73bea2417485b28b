"""The emulator's server, and AWS as its clients see it."""
import base64
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
import botocore.config

REGION = "us-east-1"
# The emulator only checks that there is a key.
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}
LOG = pathlib.Path("target/ci/moto.log")
RECORDING = pathlib.Path("target/ci/moto-recording").absolute()
SECONDS_TO_START = 60


class Emulator:
    """One server on a free port of the loopback interface; stopped on exit."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._clients = {}
        program = pathlib.Path(sys.executable).with_name("moto_server")
        with LOG.open("wb") as log:
            command = [program, "--host", "127.0.0.1", "--port", str(port)]
            environment = {**os.environ, "MOTO_RECORDER_FILEPATH": str(RECORDING)}
            self._server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            self._wait(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._server.terminate()
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def _wait(self, port):
        end = time.monotonic() + SECONDS_TO_START
        while self._server.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"tests/deploy: moto's server did not start; {LOG} says why")

    def client(self, service):
        """The client of one service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                config=botocore.config.Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service]

    def record(self):
        """Begins to record requests."""
        for act in ("reset-recording", "start-recording"):
            self._recorder(act)

    def recorded(self):
        """Stops recording; returns the operation (or the path) and the body of each request."""
        self._recorder("stop-recording")
        asked = []
        for line in RECORDING.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            headers = {name.lower(): value for name, value in entry["headers"].items()}
            path = "/" + entry["url"].split("/", 3)[-1]
            operation = headers.get("x-amz-target", path).rsplit(".", 1)[-1]
            body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"]
            asked.append((operation, json.loads(body or "{}")))
        return asked

    def _recorder(self, act):
        request = urllib.request.Request(f"{self.url}/moto-api/recorder/{act}", method="POST", data=b"")
        urllib.request.urlopen(request, timeout=30).close()
