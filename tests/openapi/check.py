"""Holds the answers of the local stack against openapi.yaml, with requests that schemathesis makes up: as nobody, and signed in.

Starts a stack on free ports of this machine and stops it.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import requests
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "products"))
from walk import MINA, ROOT, stack  # noqa: E402

DESCRIPTION = ROOT / "openapi.yaml"
# What ends the session that the other requests need.
ENDS_SESSIONS = ["signOut", "signOutForProduct", "setPassword"]


def signed_in(site):
    """The secret of a session of its own."""
    answer = requests.post(f"{site}/login", json=MINA, timeout=30)
    answer.raise_for_status()
    (cookie,) = [cookie for cookie in answer.cookies if cookie.name == "__Host-session"]
    return cookie.value


def differences(site, description, session, *options):
    """Whether schemathesis finds any."""
    command = [
        Path(sys.executable).with_name("st"), "--config-file", Path(__file__).with_name("schemathesis.toml"), "--no-color",
        "run", description, "--url", site, *options,
    ]
    # It keeps what it has found where it runs, and the next run begins with that.
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(command, env=os.environ | {"SESSION": session}, cwd=empty, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def without_differences(site, who, session, *options):
    status, said = differences(site, DESCRIPTION, session, *options)
    if status != 0:
        raise SystemExit(f"{who}:\n{said}")
    counted = [line.strip() for line in said.splitlines() if "generated" in line or "Tested:" in line]
    print(f"{who}: {', '.join(counted)}")


def find_a_wrong_description(site, session):
    """A field of another type must be found, or nothing else would be."""
    description = yaml.safe_load(DESCRIPTION.read_text())
    description["components"]["schemas"]["Account"]["properties"]["primary_email"] = {"type": "integer"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as wrong:
        yaml.safe_dump(description, wrong)
        wrong.flush()
        status, said = differences(site, wrong.name, session, "--include-operation-id", "getAccount")
    if status == 0 or "primary_email" not in said:
        raise SystemExit(f"a wrong description is not found:\n{said}")
    print("a wrong description: found")


def main():
    with stack() as environment:
        site = environment["ISSUER"]
        find_a_wrong_description(site, signed_in(site))
        without_differences(site, "nobody is signed in", "A" * 43)
        left_out = [option for name in ENDS_SESSIONS for option in ("--exclude-operation-id", name)]
        without_differences(site, "somebody is signed in", signed_in(site), *left_out)


if __name__ == "__main__":
    main()
