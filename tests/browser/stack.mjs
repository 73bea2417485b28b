// The local stack as a child process, its mailbox, and an operator's key to its tables and its bus.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
/** A first build compiles the AWS SDK. */
const START_MS = 30 * 60_000;
const STOP_MS = 15_000;
const MAIL_MS = 15_000;

/** Waits until `look` returns a value. */
export async function until(what, milliseconds, look) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${milliseconds} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export class Stack {
  #child;
  #ended;
  #directory;
  #said = "";

  /** Builds and starts the stack with these accounts, on free ports unless ports are given. */
  static async start(accounts, { portBase = 0, parameters = [] } = {}) {
    const stack = new Stack();
    stack.#directory = await mkdtemp(path.join(tmpdir(), "sparekey-browser-"));
    const file = path.join(stack.#directory, "accounts.jsonl");
    await writeFile(file, accounts.map((account) => `${JSON.stringify(account)}\n`).join(""));
    const given = parameters.flatMap((parameter) => ["--parameter", parameter]);
    stack.#child = spawn("cargo", ["dev", "--port-base", String(portBase), "--accounts", file, ...given], {
      cwd: REPOSITORY,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [stack.#child.stdout, stack.#child.stderr]) {
      stream.on("data", (data) => (stack.#said = (stack.#said + data).slice(-20_000)));
    }
    stack.#ended = new Promise((resolve) => {
      stack.#child.on("exit", (code, signal) => resolve(code ?? signal));
      stack.#child.on("error", (error) => resolve(error.message));
    });
    // The stack ends with this process, however that ends.
    process.on("exit", () => stack.#child.kill("SIGTERM"));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
    await Promise.race([
      until("the stack", START_MS, () => /Ctrl-C stops everything/.test(stack.#said)),
      stack.#ended.then((how) => {
        throw new Error(`cargo dev ended (${how}) before it was ready:\n${stack.#said}`);
      }),
    ]);
    [stack.page, stack.mailbox, stack.aws] = ["Page", "Mailbox", "DynamoDB"].map(
      (name) => new RegExp(`^ +${name} +(http://\\S+)`, "m").exec(stack.#said)[1],
    );
    return stack;
  }

  /** Stops the stack, and fails if it does not stop by itself when asked to. */
  async stop() {
    this.#child.kill("SIGTERM");
    const late = new Promise((resolve) => setTimeout(resolve, STOP_MS, "late").unref());
    const how = await Promise.race([this.#ended, late]);
    if (how === "late") this.#child.kill("SIGKILL");
    await rm(this.#directory, { recursive: true });
    if (how !== 0) throw new Error(`the stack did not stop cleanly (${how}):\n${this.#said}`);
  }

  /** The product that the stack was started with, as it knows itself. */
  demoClient() {
    const [, id, secret] = /^ +client_id (\S+) +client_secret (\S+)/m.exec(this.#said);
    return { id, secret };
  }

  /** The access key of a caller of the account API, by the caller's name. */
  caller(name) {
    const [, id, secret] = new RegExp(`^ +${name} +(\\w+):(\\w+)$`, "m").exec(this.#said);
    return { id, secret };
  }

  /** Registers a product with the operator's command line. */
  async addClient(...options) {
    const tables = ["Accounts", "Clients", "History", "Limits", "Links", "Outbox", "Sessions"];
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL: this.aws,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "operator",
      AWS_SECRET_ACCESS_KEY: "local",
      ...Object.fromEntries(tables.map((table) => [`${table.toUpperCase()}_TABLE`, `${table}Table`])),
    };
    await promisify(execFile)("cargo", ["ops", "clients", "add", ...options], { cwd: REPOSITORY, env });
  }

  async mails() {
    return (await fetch(`${this.mailbox}/mails`)).json();
  }

  /** The number of the latest email, to tell which emails are new later. */
  async latestMail() {
    return (await this.mails()).at(-1)?.number ?? 0;
  }

  /** Waits for the first email to this address after that number. */
  async mailTo(address, after) {
    return until(`an email to ${address}`, MAIL_MS, async () => {
      const mails = await this.mails();
      return mails.find((mail) => mail.number > after && mail.to.toLowerCase() === address.toLowerCase());
    });
  }

  /** Somebody asks for a sign-in link to this address. */
  async requestLink(email) {
    const response = await fetch(`${this.page}/login/link`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email }),
    });
    if (response.status !== 200) throw new Error(`no link was requested: ${response.status}`);
  }

  /** The server of an address turns down the email that it got after that number, and refuses further ones. */
  async bounce(address, after) {
    await this.#play("bounce", address, after);
  }

  /** The reader of an address reports the email that it got after that number as spam. */
  async complain(address, after) {
    await this.#play("complain", address, after);
  }

  async #play(what, address, after) {
    const { number } = await this.mailTo(address, after);
    const response = await fetch(`${this.mailbox}/mails/${number}/${what}`, { method: "POST", redirect: "manual" });
    if (response.status !== 303) throw new Error(`the mailbox refused: ${response.status}`);
  }

  /** Lets the next call of a function to AWS fail. */
  async fail(fault) {
    const response = await fetch(`${this.aws}/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fault),
    });
    if (!response.ok) throw new Error(`the front refused the fault: ${response.status}`);
  }

  async clearFaults() {
    await fetch(`${this.aws}/faults`, { method: "DELETE" });
  }

  /** Resets all limits, as if an hour or a day had passed. */
  async clearLimits() {
    for (const { bucket } of await this.#scan("LimitsTable")) {
      await this.#dynamodb("DeleteItem", { TableName: "LimitsTable", Key: { bucket } });
    }
  }

  /** Makes every link expire. */
  async expireLinks() {
    for (const { token_hash } of await this.#scan("LinksTable")) {
      await this.#dynamodb("UpdateItem", {
        TableName: "LinksTable",
        Key: { token_hash },
        UpdateExpression: "SET expires_at = :past",
        ExpressionAttributeValues: { ":past": { N: String(Math.floor(Date.now() / 1000) - 1) } },
      });
    }
  }

  /** How many sessions there are, of all accounts. */
  async countSessions() {
    return (await this.#scan("SessionsTable")).length;
  }

  /** Makes every sign-in too old for a change of the backup email. */
  async ageSignIns() {
    for (const { session_hash } of await this.#scan("SessionsTable")) {
      await this.#dynamodb("UpdateItem", {
        TableName: "SessionsTable",
        Key: { session_hash },
        UpdateExpression: "SET authenticated_at = :then",
        ExpressionAttributeValues: { ":then": { N: String(Math.floor(Date.now() / 1000) - 16 * 60) } },
      });
    }
  }

  /** Ends every waiting period. */
  async endWaitingPeriods() {
    const past = { ":past": { N: String(Math.floor(Date.now() / 1000) - 1) } };
    for (const { account_id, record, usable_from } of await this.#scan("AccountsTable")) {
      if (!usable_from) continue;
      await this.#dynamodb("UpdateItem", {
        TableName: "AccountsTable",
        Key: { account_id, record },
        UpdateExpression: "SET usable_from = :past",
        ExpressionAttributeValues: past,
      });
    }
  }

  /** Makes every address one that was confirmed long ago, as a change of the primary email wants it. */
  async confirmLongAgo() {
    for (const { account_id, record, verified_at } of await this.#scan("AccountsTable")) {
      if (!verified_at) continue;
      await this.#dynamodb("UpdateItem", {
        TableName: "AccountsTable",
        Key: { account_id, record },
        UpdateExpression: "SET verified_at = :past",
        ExpressionAttributeValues: { ":past": { N: "1" } },
      });
    }
  }

  /** Moves all sessions of one account to another, as if an identity provider had signed in. */
  async handOverSessions(from, to) {
    const profiles = await this.#scan("AccountsTable");
    const id = (username) => profiles.find((item) => item.username?.S === username).account_id;
    for (const { session_hash, account_id } of await this.#scan("SessionsTable")) {
      if (account_id.S !== id(from).S) continue;
      await this.#dynamodb("UpdateItem", {
        TableName: "SessionsTable",
        Key: { session_hash },
        UpdateExpression: "SET account_id = :to",
        ExpressionAttributeValues: { ":to": id(to) },
      });
    }
  }

  /** Publishes an event on the default bus, as the operator. */
  async publish(detailType, detail) {
    const entry = { Source: "example", DetailType: detailType, Detail: JSON.stringify(detail) };
    const { FailedEntryCount } = await this.#call("events", "1.1", "AWSEvents.PutEvents", { Entries: [entry] });
    if (FailedEntryCount !== 0) throw new Error("the event is refused");
  }

  async #scan(table) {
    return (await this.#dynamodb("Scan", { TableName: table, ConsistentRead: true })).Items;
  }

  async #dynamodb(operation, request) {
    return this.#call("dynamodb", "1.0", `DynamoDB_20120810.${operation}`, request);
  }

  /** Calls a service whose protocol is AWS JSON of this version. */
  async #call(service, version, target, request) {
    // The stack identifies callers by their key and does not check signatures.
    const scope = `operator/20260101/us-east-1/${service}/aws4_request`;
    const response = await fetch(this.aws, {
      method: "POST",
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
        "content-type": `application/x-amz-json-${version}`,
        "x-amz-date": "20260101T000000Z",
        "x-amz-target": target,
      },
      body: JSON.stringify(request),
    });
    if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
