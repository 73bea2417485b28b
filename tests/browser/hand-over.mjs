// A product hands over a person whom it has signed in: from its page to the account page, and back with a backup email.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { Inspector, launch, tabTo, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { signature } from "./signature.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

/** Where to save screenshots, if anywhere. */
const SHOTS = process.env.SHOTS;
/** Long enough for a script that would submit a form by itself. */
const PATIENCE_MS = 1_500;
/** How long the session of a hand-over and the way back last. */
const VISIT_SECONDS = 3_600;
/** A token of the right format that was never issued. */
const UNKNOWN_TOKEN = "A".repeat(43);
/** The longest name of a product, without a place to break. */
const LONG_CLIENT = "Ziekenhuisapotheek".repeat(5).slice(0, 80);

let stack;
let browser;
let shop;
/** A product with the longest name. */
let hospital;

/**
 * A product: the test serves its pages, because nobody resolves its name. It is another site than ours, as products are, so
 * that the browser treats cookies as it does there.
 */
class Shop {
  static async open(stack, name, origin) {
    const shop = new Shop();
    Object.assign(shop, { stack, name, origin, settings: `${origin}/settings`, key: stack.caller("product") });
    /** What the browser said about where its requests for the settings came from. */
    shop.referrers = [];
    await stack.addClient("--name", name, "--redirect-uri", `${origin}/callback`, "--return-uri", shop.settings);
    return shop;
  }

  /** Sends a request of the back end about one of its people. */
  async #send(method, { id }, action = "", fields) {
    const url = `${this.stack.page}/admin/accounts/${id}${action}`;
    const body = fields ? JSON.stringify(fields) : "";
    const headers = { ...signature(this.key, method, url, body), "content-type": "application/json" };
    const response = await fetch(url, { method, headers, ...(fields && { body }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Creates the account of somebody, who has no password here. */
  async create({ id, username, email, kind = "regular" }, locale) {
    await this.#send("PUT", { id }, "", { username, email, email_verified: true, kind, locale });
  }

  async account(person) {
    return this.#send("GET", person);
  }

  async endSessions(person) {
    await this.#send("POST", person, "/end-sessions");
  }

  /** A link for somebody who signed in to the product just now, unless the product does not say when. */
  async link(person, { states = true } = {}) {
    const stated = states && { signed_in_at: new Date().toISOString() };
    return (await this.#send("POST", person, "/hand-over", { return_to: this.settings, ...stated })).link;
  }

  /** Shows the product's pages to somebody who is signed in there; a button asks for a link and leads to it. */
  async welcome(visitor, person) {
    visitor.elsewhere.push(this.origin);
    const html = `<!doctype html><title>Settings</title><link rel="icon" href="data:,"><main><h1>Settings</h1>
      <form method="post" action="/recovery"><button>Recovery</button></form></main>`;
    await visitor.context.route(`${this.origin}/**`, async (route) => {
      if (route.request().method() === "POST") {
        this.given = await this.link(person);
        return route.fulfill({ status: 303, headers: { location: this.given } });
      }
      this.referrers.push(route.request().headers().referer);
      return route.fulfill({ body: html, contentType: "text/html; charset=utf-8" });
    });
    await visitor.page.goto(this.settings);
  }
}

/** A person as the product knows them; each test has its own. */
const personOf = (role, language) => ({
  id: `employee-${role}-${language}`,
  username: `shop.${role}.${language}`,
  email: `shop.${role}.${language}@example.com`,
  backup: `shop.${role}.${language}@example.org`,
});

/** Somebody whose account the product creates, in a browser of their own. */
async function customer(role, language, options) {
  const person = personOf(role, language);
  await shop.create(person, language);
  const visitor = await Visitor.arrive(browser, stack, { language, ...options });
  return { person, visitor };
}

/** Asserts that the page contains these texts. */
async function says(visitor, ...expected) {
  const text = await visitor.page.locator("main").innerText();
  for (const words of expected) assert(text.includes(words), `“${words}” is missing:\n${text}`);
}

before(async () => {
  if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  stack = await Stack.start(accounts());
  browser = await launch();
  shop = await Shop.open(stack, "Example shop", "https://shop.example.com");
  hospital = await Shop.open(stack, LONG_CLIENT, "https://pharmacy.example.net");
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

for (const language of LANGUAGES) {
  for (const javaScript of [false, true]) {
    const how = javaScript ? "with" : "without";
    test(`a person comes from a product, defines a backup email and goes back (${language}, ${how} scripts)`, async () => {
      const say = textsOf(language);
      const { person, visitor } = await customer(how, language, { javaScript });
      const { username, backup } = person;
      const { page } = visitor;
      const back = say("account-back", { client: shop.name });
      await shop.welcome(visitor, person);
      const before = { account: await shop.account(person), sessions: await stack.countSessions() };

      // Looking changes nothing, however often and however long.
      await visitor.press("Recovery");
      assert.equal(page.url(), shop.given);
      assert.equal(await visitor.heading(), say("hand-over-question", { username }));
      await says(visitor, say("hand-over-lead", { client: shop.name, product: "Sparekey", username }));
      const sent = visitor.posts.length;
      for (const method of ["HEAD", "GET"]) assert.equal((await fetch(shop.given, { method })).status, 200);
      await page.waitForTimeout(PATIENCE_MS);
      await page.reload();
      await page.waitForTimeout(PATIENCE_MS);
      assert.deepEqual(visitor.posts.slice(sent), []);
      assert.equal(await page.locator("script, [onload], [onclick], meta[http-equiv]").count(), 0);
      assert.deepEqual(await visitor.context.cookies(), []);
      assert.deepEqual({ account: await shop.account(person), sessions: await stack.countSessions() }, before);

      // The button leads to the account page, in a session for a visit.
      await visitor.press(say("hand-over-submit", { username }));
      assert.equal(page.url(), `${stack.page}/account`);
      await says(visitor, say("banner-signed-in"), username, back);
      const cookies = await visitor.context.cookies();
      assert.deepEqual(cookies.map(({ name }) => name).sort(), ["__Host-back", "__Host-session"]);
      for (const { name, secure, httpOnly, sameSite, path, expires } of cookies) {
        assert.deepEqual({ secure, httpOnly, sameSite, path }, { secure: true, httpOnly: true, sameSite: "Lax", path: "/" });
        assert(expires <= Date.now() / 1_000 + VISIT_SECONDS, `${name} lasts longer than a visit`);
      }

      // The product has stated a sign-in, so no other is asked for.
      const asked = await stack.latestMail();
      await visitor.unfold(say("backup-define"));
      await visitor.send("/account/backup", { email: backup });
      await says(visitor, backup, say("pending-label"), back);
      await visitor.followMail(backup, asked, say("verify-subject"), say("verify-action"));
      await visitor.press(say("confirm-submit"));
      assert.equal(await visitor.heading(), say("confirmed-title"));
      await visitor.page.getByRole("link", { name: say("way-on-account"), exact: true }).click();
      await says(visitor, backup, say("confirmed-label"), back);
      assert.equal((await shop.account(person)).has_backup_email, true);

      // And back. The product's page does not learn where they were.
      shop.referrers = [];
      await visitor.page.getByRole("link", { name: back, exact: true }).click();
      await visitor.page.waitForURL(shop.settings);
      assert.deepEqual(shop.referrers, [undefined]);

      // The link works once. In the browser that is signed in it leads to the account page.
      const stranger = await Visitor.arrive(browser, stack, { language, javaScript });
      await stranger.open(shop.given);
      assert.equal(await stranger.heading(), say("problem-link-used"));
      await says(stranger, say("problem-link-used-advice-hand-over"));
      assert.equal(await stranger.page.getByRole("link", { name: back, exact: true }).getAttribute("href"), shop.settings);
      assert.deepEqual(await stranger.context.cookies(), []);
      await visitor.open(shop.given);
      assert.equal(visitor.page.url(), `${stack.page}/account`);
      await visitor.press(say("sign-out"));
      await visitor.open(shop.given);
      assert.equal(await visitor.heading(), say("problem-link-used"));
      await Promise.all([visitor.leave(), stranger.leave()]);
    });
  }
}

test("the keyboard alone goes to the account page and back, and the focus is always to be seen", async () => {
  const say = textsOf("en");
  const { person, visitor } = await customer("keys", "en");
  const { page } = visitor;
  await shop.welcome(visitor, person);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/hand-over?*");
  await tabTo(page, "Sparekey", say("hand-over-submit", { username: person.username }));
  await page.keyboard.press("Space");
  await page.waitForURL("**/account");
  await tabTo(page, "Sparekey", say("sign-out"), say("account-back", { client: shop.name }));
  await page.keyboard.press("Enter");
  await page.waitForURL(shop.settings);
  await visitor.leave();
});

test("somebody else who is signed in stays so until the button is pressed, and has no part in the way back", async () => {
  const say = textsOf("en");
  const other = people("en").walker;
  const { person, visitor } = await customer("guest", "en");
  const { page } = visitor;
  const back = say("account-back", { client: shop.name });
  const submit = say("hand-over-submit", { username: person.username });
  await visitor.signIn(other.username, other.password);
  // The same session in another window, which keeps the cookie that it has.
  const kept = await Visitor.arrive(browser, stack, { storageState: await visitor.context.storageState() });
  await shop.welcome(visitor, person);

  // Although they come from another site, the page knows their session and offers to stay in it.
  await visitor.press("Recovery");
  await says(visitor, say("hand-over-signed-in", { username: other.username }));
  await page.getByRole("link", { name: say("open-stay", { username: other.username }), exact: true }).click();
  await says(visitor, other.email);
  assert.equal(await page.getByRole("link", { name: back }).count(), 0);

  await page.goto(shop.settings);
  await visitor.press("Recovery");
  await visitor.press(submit);
  await says(visitor, person.email, back);
  await kept.open("/account");
  assert.equal(await kept.heading(), say("sign-in-title"), "the former session has ended");

  // Who signs in after them is not led to a product that is not theirs.
  await visitor.signIn(other.username, other.password);
  await says(visitor, other.email);
  assert.equal(await page.getByRole("link", { name: back }).count(), 0);
  await Promise.all([visitor.leave(), kept.leave()]);
});

for (const language of LANGUAGES) {
  test(`a person whose product states no sign-in signs in here once more, and still finds the way back (${language})`, async () => {
    const say = textsOf(language);
    const { person, visitor } = await customer("stale", language);
    const { username, email, backup } = person;
    const inspector = await Inspector.start(browser, SHOTS);
    const see = (name, ...expected) => inspector.see(visitor, name, language, ...expected);

    await visitor.open(await shop.link(person, { states: false }));
    await visitor.press(say("hand-over-submit", { username }));
    await visitor.unfold(say("backup-define"));
    await visitor.send("/account/backup", { email: backup });
    await see("hand-over-sign-in-again", say("again-request-backup", { username }), say("again-only-link-title"));
    await stack.clearLimits();
    const asked = await stack.latestMail();
    await visitor.send("/login/link", { email });
    await visitor.followMail(email, asked, say("sign-in-subject"), say("sign-in-action"));
    await visitor.press(say("open-submit", { username }));
    await see("hand-over-resumed", say("account-back", { client: shop.name }), say("backup-hint"));
    assert.equal(await visitor.page.locator('[name="email"]:visible').inputValue(), backup, "what was typed is kept");
    await Promise.all([visitor.leave(), inspector.end()]);
  });

  test(`the pages of a hand-over are accessible and fit 320 pixels (${language})`, async () => {
    const say = textsOf(language);
    const { long, walker: other } = people(language);
    const inspector = await Inspector.start(browser, SHOTS);
    const { person, visitor } = await customer("pages", language);
    const see = (name, ...expected) => inspector.see(visitor, name, language, ...expected);
    const { username } = person;
    const back = say("account-back", { client: shop.name });
    const dead = async (name, link, problem, way = back) => {
      await visitor.open(link);
      await see(name, say(problem), say(`${problem}-advice-hand-over`), way);
    };

    const link = await shop.link(person);
    await visitor.open(link);
    await see("hand-over", say("hand-over-question", { username }), say("hand-over-not-you", { client: shop.name }));
    await visitor.press(say("hand-over-submit", { username }));
    await see("account-handed-over", say("banner-signed-in"), back, say("password-none"));
    await visitor.unfold(say("backup-define"));
    await visitor.send("/account/backup", { email: person.backup });
    await see("account-handed-over-pending", back, say("pending-label"));
    await visitor.press(say("sign-out"));

    await dead("hand-over-used", link, "problem-link-used");
    const ended = await shop.link(person);
    await shop.endSessions(person);
    await dead("hand-over-replaced", ended, "problem-link-replaced");
    await dead("hand-over-unknown", `/hand-over?token=${UNKNOWN_TOKEN}`, "problem-link-unknown", say("way-on-account"));
    const late = await shop.link(person);
    await stack.expireLinks();
    await dead("hand-over-expired", late, "problem-link-expired");

    // The longest names, in a browser in which somebody else is signed in.
    const longest = { ...personOf("long", language), username: long.username.replace(/^W/, "V") };
    await hospital.create(longest, language);
    await visitor.signIn(other.username, other.password);
    await visitor.open(await hospital.link(longest));
    await see("hand-over-long-signed-in", longest.username, LONG_CLIENT, say("open-stay", { username: other.username }));
    await visitor.press(say("hand-over-submit", { username: longest.username }));
    await see("account-handed-over-long", say("account-back", { client: LONG_CLIENT }));

    // An account with single sign-on, which has no backup email.
    const employee = { ...personOf("employee", language), kind: "sso" };
    await shop.create(employee, language);
    await visitor.open(await shop.link(employee));
    await visitor.press(say("hand-over-submit", { username: employee.username }));
    await see("account-handed-over-sso", say("backup-sso"), back);
    await Promise.all([visitor.leave(), inspector.end()]);
  });
}
