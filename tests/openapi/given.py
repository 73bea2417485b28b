"""Compares the answers that openapi.yaml describes with those that tests got: operation, status, code or error of the body."""
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GIVEN = ROOT / "target" / "tmp" / "described-answers.txt"
EXCEPTIONS = HERE / "never-given.txt"


def resolved(description, part):
    """The part, or what it refers to."""
    reference = part.get("$ref")
    if reference is None:
        return part
    for name in reference.removeprefix("#/").split("/"):
        description = description[name]
    return description


def codes(description, response):
    """The codes that a response may have in its body; `-` for a body without any, or none."""
    contents = resolved(description, response).get("content", {"": {}}).values()
    for schema in (content.get("schema", {}) for content in contents):
        own, shared = schema.get("properties", {}), resolved(description, schema).get("properties", {})
        code = own.get("code") or own.get("error") or shared.get("error") or {}
        yield from code.get("enum") or [code.get("const", "-")]


def described(description):
    """Each described answer as a line."""
    for path in description["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                for code in codes(description, response):
                    yield f"{operation['operationId']} {status} {code}"


def main():
    if not GIVEN.exists():
        raise SystemExit(f"{GIVEN} is not there: run `cargo test` first")
    description = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    given = set(GIVEN.read_text().splitlines())
    missing = [line for line in described(description) if line not in given]
    # A line is a pattern, and after `#` the reason.
    lines = [line for line in EXCEPTIONS.read_text().splitlines() if line and not line.startswith("#")]
    excepted = [line.partition("#")[0].strip() for line in lines]
    unexplained = [line for line, why in zip(excepted, lines) if not why.partition("#")[2].strip()]
    untested = [line for line in missing if not any(fnmatchcase(line, pattern) for pattern in excepted)]
    needless = [pattern for pattern in excepted if not any(fnmatchcase(line, pattern) for line in missing)]
    for what, found in [("no test got", untested), ("needless exception:", needless), ("no reason:", unexplained)]:
        for line in found:
            print(f"{what} {line}")
    if untested or needless or unexplained:
        raise SystemExit("openapi.yaml describes answers that no test got, or tests/openapi/never-given.txt is out of date")
    print(f"answers: {len(given)} given, {len(missing)} described and excepted")


if __name__ == "__main__":
    main()
