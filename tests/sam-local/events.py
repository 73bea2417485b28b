"""Answers to the events of events/ under sam local: `check` reads the answer to one from standard input, `measure` sends
all of them over HTTP and prints how long each function took."""

import base64
import http.client
import json
import pathlib
import statistics
import sys
import time
import urllib.parse

EVENTS = pathlib.Path("events")
ANSWERS = pathlib.Path("tests/sam-local/answers.json")
LATER_REQUESTS = 10

# The goals, in milliseconds. Printed but never enforced, because the machine may be busy.
FIRST, LATER = 2000, 100


def check(function, output):
    """Compares the answer to a function's event with the one expected; the last line is the answer."""
    answers = json.loads(ANSWERS.read_text())
    if function not in answers:
        return f"{ANSWERS} does not say what is expected"
    expected = answers[function]
    if expected is None:
        # A function that is invoked asynchronously answers nobody.
        return None if output.strip() in ("", "null") else f"expected no answer, came {output!r}"
    try:
        answer = json.loads(output.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return f"no answer in {output!r}"
    if not isinstance(answer, dict):
        return f"no object: {answer!r}"
    came = {name: answer.get(name) for name in expected}
    if came != expected:
        return f"expected {expected}, came {json.dumps(answer)[:1000]}"
    return None


def request(event, api):
    """An HTTP API's event as the request it was made from."""
    context = event["requestContext"]["http"]
    query = event["rawQueryString"]
    path = event["rawPath"] + (f"?{query}" if query else "")
    body = event.get("body") or ""
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    dropped = {"host", "content-length", "origin", "sec-fetch-site"}
    headers = {name: value for name, value in event["headers"].items() if name not in dropped}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    return api, context["method"], path, body, headers


def invocation(function, event, start_lambda):
    """The event of a function without a route, for Lambda's Invoke API."""
    name = "".join(word.capitalize() for word in function.split("-")) + "Function"
    path = f"/2015-03-31/functions/{name}/invocations"
    return start_lambda, "POST", path, json.dumps(event).encode(), {"content-type": "application/json"}


def send(url, method, path, body, headers):
    """The milliseconds one request takes, its connection included."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
    connection.request(method, path, body=body or None, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    if response.status >= 500:
        sys.exit(f"{method} {path}: {response.status}")
    return (time.perf_counter() - started) * 1000


def measure(api, start_lambda):
    print(f"milliseconds        first   median      max   of {LATER_REQUESTS} later ones")
    over = []
    for file in sorted(EVENTS.glob("*.json")):
        function, event = file.stem, json.loads(file.read_text())
        routed = "requestContext" in event
        asked = request(event, api) if routed else invocation(function, event, start_lambda)
        first = send(*asked)
        later = [send(*asked) for _ in range(LATER_REQUESTS)]
        median = statistics.median(later)
        print(f"{function:<18} {first:>6.0f}   {median:>6.0f}   {max(later):>6.0f}")
        if first > FIRST or median > LATER:
            over.append(function)
    told = ", ".join(over) if over else "none"
    print(f"aimed at: the first within {FIRST}, the later ones within {LATER}; over that: {told}")


def main():
    match sys.argv[1:]:
        case ["check", function]:
            problem = check(function, sys.stdin.read())
            if problem:
                sys.exit(f"events/{function}.json: {problem}")
        case ["measure", api, start_lambda]:
            measure(api, start_lambda)
        case _:
            sys.exit("events.py check FUNCTION | measure API START_LAMBDA")


main()
