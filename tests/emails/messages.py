"""Builds the MIME message that SES makes of each SendEmail call, and checks what email programs rely on.

usage: messages.py REQUESTS DIRECTORY

REQUESTS has one call a line, as tests/it/rendering/sent.rs writes them. DIRECTORY gets one .eml file for each, and all of
them in emails.mbox.
"""

import json
import re
import sys
from collections import Counter
from email import message_from_bytes, policy
from email.charset import QP, Charset
from email.header import Header, decode_header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from html.parser import HTMLParser
from pathlib import Path

# RFC 5322 section 2.1.1, in bytes, without the line's end.
LONGEST_LINE = 998
# RFC 2047 section 2.
LONGEST_WORD = 75
# Gmail shows no more of a message than this, in bytes.
MOST_SHOWN = 102 * 1024

UTF8 = Charset("utf-8")
UTF8.body_encoding = QP


def build(request, number):
    """The message as it arrives: SES adds who delivered it, when, and its id."""
    simple = request["Content"]["Simple"]
    message = MIMEMultipart("alternative")
    host = "eu-central-1.amazonses.com"
    unique = f"0107019{number:08x}-0000-4000-8000-{number:012x}-000000"
    del message["MIME-Version"]
    # With MailFromDomain, as docs/deploy.md has it. Without, this is the region's own name.
    message["Return-Path"] = f"<{unique}@bounce.example.com>"
    message["Received"] = (
        f"from b224-{number % 200 + 1}.smtp-out.{host} (b224-{number % 200 + 1}.smtp-out.{host} "
        f"[69.169.224.{number % 200 + 1}]) by mx.example.org with ESMTPS id {number:08x}; {formatdate()}"
    )
    message["From"] = request["FromEmailAddress"]
    message["To"] = ", ".join(request["Destination"]["ToAddresses"])
    subject = simple["Subject"]["Data"]
    message["Subject"] = subject if subject.isascii() else Header(subject, "utf-8", header_name="Subject")
    message["MIME-Version"] = "1.0"
    for header in simple["Headers"]:
        message[header["Name"]] = header["Value"]
    message["Message-ID"] = f"<{unique}@{host}>"
    message["Date"] = formatdate()
    message["Feedback-ID"] = "1.eu-central-1.none:AmazonSES"
    for kind, part in (("plain", "Text"), ("html", "Html")):
        message.attach(MIMEText(simple["Body"][part]["Data"], kind, UTF8))
    return message


class Page(HTMLParser):
    """The links of an HTML part with their texts, and what it loads."""

    def __init__(self, html):
        super().__init__()
        self.links, self.loaded, self.link = [], [], None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "a":
            self.link = [values.get("href"), ""]
            self.links.append(self.link)
        if tag in ("img", "link", "script", "iframe", "object", "embed", "video", "audio", "picture", "base"):
            self.loaded.append(f"<{tag}>")
        self.loaded += [f"{name}={value}" for name, value in attributes if name in ("src", "srcset", "background")]
        self.loaded += [f"style={value}" for name, value in attributes if name == "style" and "url(" in value]

    def handle_data(self, data):
        if self.link:
            self.link[1] += data
        if re.search(r"url\(|@import", data):
            self.loaded.append(data.strip())

    def handle_endtag(self, tag):
        if tag == "a":
            self.link = None


def decoded(value):
    """A header's text, its encoded words decoded."""
    parts = decode_header(value)
    return "".join(part if isinstance(part, str) else part.decode(charset or "ascii") for part, charset in parts)


def faults_of_headers(message, email):
    request = email["request"]
    ours = request["Content"]["Simple"]["Headers"]
    for text in [request["FromEmailAddress"], *request["Destination"]["ToAddresses"], *(h["Value"] for h in ours)]:
        if not text.isascii():
            yield f"a header beyond ASCII: {text}"
    for word in re.findall(r"=\?\S*\?=", request["FromEmailAddress"] + " " + message["Subject"]):
        if len(word) > LONGEST_WORD:
            yield f"an encoded word of {len(word)} characters: {word}"
    name = decoded(request["FromEmailAddress"].rpartition(" ")[0]).strip('"')
    if name != email["product"]:
        yield f"the sender's name reads {name!r}"
    subject = request["Content"]["Simple"]["Subject"]["Data"]
    if decoded(message["Subject"].replace("\r\n", "")) != subject or not subject.isprintable():
        yield f"the subject reads {message['Subject']!r}"
    wanted = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    for header, value in wanted.items():
        if message.get_all(header) != [value]:
            yield f"{header}: {message.get_all(header)}"
    references = message.get_all("References") or []
    if len(references) != 1 or not re.fullmatch(r"<[\w.+-]+@[\w.-]+>", references[0]):
        yield f"References: {references}"
    if message["In-Reply-To"]:
        yield "it answers another email"
    counted = Counter(name.lower() for name in message.keys())
    yield from (f"{name} is there {count} times" for name, count in counted.items() if count > 1)


def faults_of_parts(message, request):
    body = request["Content"]["Simple"]["Body"]
    parts = message.get_payload()
    kinds = [(part.get_content_type(), part.get_content_charset(), part["Content-Transfer-Encoding"]) for part in parts]
    expected = [("text/plain", "utf-8", "quoted-printable"), ("text/html", "utf-8", "quoted-printable")]
    if message.get_content_type() != "multipart/alternative" or kinds != expected:
        yield f"its parts are {message.get_content_type()}: {kinds}"
    for part, name in zip(parts, ("Text", "Html")):
        sent = body[name]["Data"]
        if body[name].get("Charset") != "UTF-8":
            yield f"{name}: the character set is {body[name].get('Charset')}"
        arrived = part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")
        if arrived != sent:
            yield f"{name}: it does not arrive as it was sent"
        if re.search(r"[^\S \n\u00a0]|[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]", sent):
            yield f"{name}: a control character"
        # SES sends a part that is plain ASCII as it is.
        longest = max(len(line.encode()) for line in sent.split("\n"))
        if longest > LONGEST_LINE:
            yield f"{name}: a line of {longest} bytes"


def faults_of_links(request):
    body = request["Content"]["Simple"]["Body"]
    page = Page(body["Html"]["Data"])
    in_text = re.findall(r"https?://\S+", body["Text"]["Data"])
    in_html = [href for href, _ in page.links]
    if set(in_text) != set(in_html) or not in_text:
        yield f"links differ: {in_text}, {in_html}"
    for href, text in page.links:
        if "://" in text and text.strip() != href:
            yield f"a link to {href} reads {text}"
    if page.loaded:
        yield f"it loads {page.loaded}"


def faults_of(raw, email):
    message = message_from_bytes(raw, policy=policy.compat32)
    if message.defects or any(part.defects for part in message.walk()):
        yield f"malformed: {message.defects}"
    if not raw.isascii():
        yield "a byte beyond ASCII"
    longest = max(len(line) for line in raw.split(b"\r\n"))
    if longest > LONGEST_LINE:
        yield f"a line of {longest} bytes"
    if len(raw) > MOST_SHOWN:
        yield f"{len(raw)} bytes, of which Gmail shows {MOST_SHOWN}"
    yield from faults_of_headers(message, email)
    yield from faults_of_parts(message, email["request"])
    yield from faults_of_links(email["request"])


def main(requests, directory):
    emails = [json.loads(line) for line in Path(requests).read_text(encoding="utf-8").splitlines()]
    directory = Path(directory)
    faults, references, subjects = [], Counter(), Counter()
    with (directory / "emails.mbox").open("wb") as mbox:
        for number, email in enumerate(emails):
            name = f"{number:03}-{email['kind']}-{email['language']}.eml"
            message = build(email["request"], number)
            raw = message.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))
            (directory / name).write_bytes(raw)
            lines = re.sub(rb"(?m)^(>*From )", rb">\1", raw.replace(b"\r\n", b"\n"))
            mbox.write(b"From - Thu Jan  1 00:00:00 1970\n" + lines + b"\n")
            faults += [f"{name}: {fault}" for fault in faults_of(raw, email)]
            references[message["References"]] += 1
            subjects[email["kind"], email["language"]] += 1
    shared = [reference for reference, count in references.items() if count > 1]
    faults += [f"two emails are put into the thread of {reference}" for reference in shared]
    if not emails or min(subjects.values()) < 2:
        faults.append("fewer than two emails of a kind: nothing shows whether they are put into one thread")
    print(f"MIME and headers: {len(emails)} emails ({len(subjects)} of a kind and language), {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
