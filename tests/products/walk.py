"""Signs a person in to the examples of docs/examples, each with the client library that it uses, unchanged.

Starts the local stack and each example on free ports of this machine, walks through them without a browser, and stops all.
"""
import contextlib
import html
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
NODE_PACKAGES = ROOT / "tests" / "browser" / "node_modules"
STARTS = 1800  # seconds; a first build compiles the AWS SDK
MINA = {"identifier": "mina", "password": "correct horse battery"}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def stack(*options):
    """The local stack: its issuer, which is its address too, the product that it has registered, and who may manage accounts."""
    command = ["cargo", "dev", "--port-base", "0", *options]
    with tempfile.NamedTemporaryFile("r") as log:
        with open(log.name, "w") as into:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=into, stderr=into)
        try:
            deadline = time.monotonic() + STARTS
            while "Ctrl-C stops everything" not in (said := Path(log.name).read_text()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the stack does not start:\n{said}")
                time.sleep(0.2)
            issuer = re.search(r"^ +Issuer +(\S+)", said, re.M)[1]
            client_id, secret = re.search(r"^ +client_id (\S+) +client_secret (\S+)", said, re.M).groups()
            region = re.search(r"--aws-sigv4 aws:amz:([^:]+):", said)[1]
            manager = re.search(r"^ +product +(\S+:\S+)$", said, re.M)[1]
            yield {"ISSUER": issuer, "CLIENT_ID": client_id, "CLIENT_SECRET": secret, "REGION": region, "MANAGER": manager}
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextlib.contextmanager
def serving(command, port, environment):
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, env=os.environ | environment, cwd=EXAMPLES, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while socket.socket().connect_ex(("127.0.0.1", port)):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise SystemExit(f"{command} does not serve:\n{log.read()}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        except BaseException:
            log.seek(0)
            print(log.read(), file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(timeout=30)


def field(page, name):
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


def way_on(page):
    """The address that the page of the issuer leads on to by itself."""
    return html.unescape(re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page)[1])


def sign_in(start, issuer):
    """Follows the product's link to the issuer, signs in, and follows the way back; the person's browser."""
    person = requests.Session()
    person.headers["accept"] = "text/html"
    page = person.get(start)
    assert urlsplit(page.url).netloc == urlsplit(issuer).netloc, page.url
    assert "Demo product" in page.text, "the sign-in page names the product"
    form = MINA | {name: field(page.text, name) for name in ("form_id", "next")}
    page = person.post(urljoin(issuer, "/login"), form)
    assert urlsplit(page.url).path == "/oidc/authorize", page.url
    person.get(way_on(page.text)).raise_for_status()
    return person


def flask_with_authlib(environment):
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", "flask_app", "run", "--port", str(port)]
    with serving(command, port, environment) as site:
        known = sign_in(f"{site}/login", environment["ISSUER"]).get(site).json()
    assert (known["name"], known["email"], known["recovery"]) == ("mina", "mina@example.com", False), known


def django_with_allauth(environment):
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        environment = environment | {"DATABASE": f"{directory}/django.sqlite3"}
        manage = [sys.executable, "django_app.py"]
        subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=EXAMPLES, env=os.environ | environment, check=True)
        with serving([*manage, "runserver", "--noreload", str(port)], port, environment) as site:
            person = sign_in(f"{site}/accounts/oidc/sparekey/login/", environment["ISSUER"])
            known = person.get(site).json()
    assert known["email"] == "mina@example.com", known
    assert "mina" in json.dumps(known["known"]), known


def node_with_openid_client(environment):
    """With the packages that the browser tests have installed."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(EXAMPLES / "node.mjs", directory)
        (Path(directory) / "node_modules").symlink_to(NODE_PACKAGES)
        with serving(["node", f"{directory}/node.mjs", str(port)], port, environment) as site:
            known = sign_in(f"{site}/login", environment["ISSUER"]).get(site).json()
    assert (known["name"], known["email"], known["recovery"]) == ("mina", "mina@example.com", False), known


def main():
    # Cookies that this client keeps without TLS.
    with stack("--plain-cookies") as environment:
        examples = [flask_with_authlib, django_with_allauth]
        if (NODE_PACKAGES / "openid-client").exists():
            examples.append(node_with_openid_client)
        else:
            print("node_with_openid_client: left out, because tests/browser/run has not installed its packages")
        for example in examples:
            example(environment)
            print(f"{example.__name__}: signed in")


if __name__ == "__main__":
    main()
