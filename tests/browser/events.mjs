// Events on a bus, as people see them on the mailbox's pages: beside the emails, as they come.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts } from "./people.mjs";
import { Stack } from "./stack.mjs";

/** Where to save screenshots, if anywhere. */
const SHOTS = process.env.SHOTS;
const people = accounts();
const HOSTILE = '</pre><script>alert("x")</script>';

let stack;
let browser;

before(async () => {
  stack = await Stack.start(people);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** Waits until the stack has told of the accounts that it began with, and forgets that. */
async function emptied() {
  const events = `${stack.mailbox}/events`;
  const headers = { accept: "application/json" };
  for (let tries = 0; tries < 200; tries += 1) {
    const created = await (await fetch(events, { headers })).json();
    if (created.length === people.length) {
      assert.ok(created.every(({ event }) => event["detail-type"] === "account-created"));
      await fetch(events, { method: "DELETE" });
      return;
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
  assert.fail("the accounts of the stack are not told of");
}

test("events appear as they come, the newest first, and each can be read", async () => {
  const visitor = await Visitor.arrive(browser, stack, { javaScript: true });
  const { page } = visitor;
  await emptied();
  const entries = page.locator("nav li");
  await page.goto(stack.mailbox);
  assert.equal(await page.getByRole("link", { name: "Events" }).count(), 0, "there is nothing to choose");

  await stack.publish("backup-email-confirmed", { account_id: "account-one" });
  await page.getByRole("link", { name: "Events (1)" }).click();
  await stack.publish("primary-email-changed", { account_id: "account-two", note: HOSTILE });
  await page.getByRole("link", { name: "Events (2)" }).waitFor();
  assert.match(await entries.nth(0).innerText(), /account-two[^]*primary-email-changed/);
  assert.match(await entries.nth(1).innerText(), /account-one[^]*backup-email-confirmed/);

  await entries.nth(0).getByRole("link").click();
  await page.getByRole("heading", { name: "primary-email-changed" }).waitFor();
  const shown = JSON.parse(await page.locator("pre").innerText());
  assert.equal(shown.detail.note, HOSTILE);
  assert.equal(shown.source, "example");

  // An open event stays put while others come.
  await stack.publish("account-disabled", { account_id: "account-one" });
  await page.getByRole("link", { name: "Events (3)" }).waitFor();
  assert.equal(await entries.count(), 3);
  await page.getByRole("heading", { name: "primary-email-changed" }).waitFor();

  await page.getByRole("link", { name: "Mailbox" }).click();
  await page.getByRole("link", { name: "Events (3)" }).click();
  await page.getByRole("button", { name: "Empty" }).click();
  await page.getByText("Nothing here yet").waitFor();
  assert.equal(await entries.count(), 0);
  await visitor.leave();
});

test("the pages of events are accessible and fit 320 pixels", async () => {
  if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  const inspector = await Inspector.start(browser, SHOTS);
  await inspector.visit("events-none", `${stack.mailbox}/events`, "en");
  await stack.publish("backup-email-confirmed", { account_id: "a".repeat(90), nested: { list: [1, null, "x".repeat(200)] } });
  const events = await (await fetch(`${stack.mailbox}/events`, { headers: { accept: "application/json" } })).json();
  await inspector.visit("events", `${stack.mailbox}/events`, "en");
  await inspector.visit("event", `${stack.mailbox}/events/${events.at(-1).number}`, "en");
  await inspector.visit("event-missing", `${stack.mailbox}/events/0`, "en");
  await inspector.visit("mailbox-with-events", stack.mailbox, "en");
  await inspector.end();
});

test("without scripts events can be read too", async () => {
  const visitor = await Visitor.arrive(browser, stack);
  await stack.publish("account-disabled", { account_id: "account-one" });
  await visitor.page.goto(stack.mailbox);
  await visitor.page.getByRole("link", { name: /^Events/ }).click();
  await visitor.page.getByRole("link", { name: "account-disabled" }).first().click();
  assert.match(await visitor.page.locator("pre").innerText(), /"account_id": "account-one"/);
  await visitor.leave();
});
