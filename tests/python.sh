# Sourced by scripts whose tests need packages of Python: `python_packages DIRECTORY` installs those of its requirements.txt, once for
# each version of that file, and sets `PYTHON`. What cannot be installed ends the script with 77: not run.

missing() {
    printf '%s: %s\n' "$directory" "$*" >&2
    exit 77
}

python_packages() {
    local directory=$1 requirements=$1/requirements.txt venv
    venv=target/ci/$(basename "$directory")
    python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
        || missing "python3 is missing, older than 3.10 or without venv and pip (Debian: apt-get install python3-venv)"
    if ! cmp -s "$requirements" "$venv/.installed"; then
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 5 --require-hashes --no-deps \
            --requirement "$requirements" || missing "pip cannot install the packages"
        cp "$requirements" "$venv/.installed"
    fi
    PYTHON=$venv/bin/python
}
