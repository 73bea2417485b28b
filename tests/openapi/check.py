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

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.with_name("products")))
from hooks import Signature  # noqa: E402
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


def keep_an_account(site):
    """An account by the external id of the examples."""
    account = {"username": "nova", "email": "nova@example.net", "email_verified": True, "kind": "regular"}
    answer = requests.put(f"{site}/admin/accounts/user-7f3a", json=account, auth=Signature(), timeout=30)
    answer.raise_for_status()


def differences(local, description, session, *options):
    """Whether schemathesis finds any."""
    command = [
        Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml", "--no-color",
        "run", description, "--url", local["ISSUER"], *options,
    ]
    environment = os.environ | local | {"SESSION": session, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    # It keeps what it has found where it runs, and the next run begins with that.
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(command, env=environment, cwd=empty, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def without_differences(local, who, session, *options):
    status, said = differences(local, DESCRIPTION, session, *options)
    if status != 0:
        raise SystemExit(f"{who}:\n{said}")
    counted = [line.strip() for line in said.splitlines() if "generated" in line or "Tested:" in line]
    print(f"{who}: {', '.join(counted)}")


def find_a_wrong_description(local, session, operation, schema, field):
    """A field of another type must be found, or nothing else would be."""
    description = yaml.safe_load(DESCRIPTION.read_text())
    description["components"]["schemas"][schema]["properties"][field] = {"type": "integer"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as wrong:
        yaml.safe_dump(description, wrong)
        wrong.flush()
        status, said = differences(local, wrong.name, session, "--include-operation-id", operation)
    if status == 0 or field not in said:
        raise SystemExit(f"a wrong description of {operation} is not found:\n{said}")
    print(f"a wrong description of {operation}: found")


def main():
    with stack() as environment:
        site = environment["ISSUER"]
        # With the session; with a signature.
        find_a_wrong_description(environment, signed_in(site), "getAccount", "Account", "primary_email")
        os.environ |= environment
        keep_an_account(site)
        find_a_wrong_description(environment, "A" * 43, "getManagedAccount", "ManagedAccount", "account_id")
        without_differences(environment, "nobody is signed in", "A" * 43)
        left_out = [option for name in ENDS_SESSIONS for option in ("--exclude-operation-id", name)]
        without_differences(environment, "somebody is signed in", signed_in(site), *left_out)


if __name__ == "__main__":
    main()
