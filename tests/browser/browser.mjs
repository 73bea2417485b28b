// A real browser, and the checks of every page in it.
import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import axe from "axe-core";
import { chromium } from "playwright-core";

/** The smallest width at which a page must work (WCAG 2.2, 1.4.10); the same as 1,280 pixels at 400 % zoom. */
const NARROW = { width: 320, height: 640 };
const WIDE = { width: 1000, height: 800 };
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/**
 * The browser's program: `CHROMIUM` names it, or it is where distributions put it. The one without a window comes first: it is
 * the same engine, and the tests take half of the processor time.
 */
export function chromiumPath() {
  const places = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`);
  const found = [process.env.CHROMIUM, ...places].filter(Boolean).find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  assert(found, `no Chromium: none of ${places.join(", ")}, and CHROMIUM names none`);
  return found;
}

export function launch() {
  return chromium.launch({
    executablePath: chromiumPath(),
    // It can reach only the stack, because its resolver knows no other host.
    args: [
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-gpu",
      "--disable-quic",
      "--disable-sync",
      "--no-first-run",
      "--no-sandbox",
    ],
  });
}

/** One person's browser: a fresh context, and a record of everything that should not happen in it. */
export class Visitor {
  static async arrive(browser, stack, { language = "en", javaScript = false, ...options } = {}) {
    const visitor = new Visitor();
    visitor.stack = stack;
    visitor.problems = [];
    /** The sites that this person may leave for. */
    visitor.elsewhere = [];
    /** Every form that was sent, as `POST /path`. */
    visitor.posts = [];
    visitor.context = await browser.newContext({
      javaScriptEnabled: javaScript,
      locale: language,
      viewport: WIDE,
      ...options,
    });
    visitor.context.setDefaultTimeout(10_000);
    visitor.context.on("request", (request) => visitor.#note(request));
    visitor.context.on("console", (message) => {
      // Chromium reports the status of a refusal as an error; here it is expected.
      const answered = /^Failed to load resource: the server responded with a status of [45]/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !answered) {
        visitor.problems.push(`console: ${message.text()} (${message.page()?.url()})`);
      }
    });
    visitor.context.on("weberror", (error) => visitor.problems.push(`script: ${error.error()}`));
    visitor.page = await visitor.context.newPage();
    return visitor;
  }

  #note(request) {
    const { origin, pathname, protocol } = new URL(request.url());
    const ours = [this.stack.page, this.stack.mailbox, ...this.elsewhere].includes(origin) || protocol === "data:";
    if (!ours) this.problems.push(`a request left for ${request.url()}`);
    if (request.method() !== "GET") this.posts.push(`${request.method()} ${pathname}`);
  }

  async open(path) {
    return this.page.goto(new URL(path, this.stack.page).href);
  }

  /** Fills and sends the form with this action; the browser's own checks can be left out. */
  async send(action, fields, { unchecked = false } = {}) {
    const shown = Object.keys(fields).map((name) => `:has([name="${name}"]:visible)`);
    const form = this.page.locator(`form[action="${action}"]${shown.join("")}`);
    if (unchecked) await form.evaluate((element) => (element.noValidate = true));
    for (const [name, value] of Object.entries(fields)) await form.locator(`[name="${name}"]`).fill(value);
    await this.#click(form.getByRole("button"));
  }

  async press(name) {
    await this.#click(this.page.getByRole("button", { name, exact: true }));
  }

  /** A click waits for the next page to begin; what reads it needs all of it. */
  async #click(button) {
    await button.click();
    await this.page.waitForLoadState();
  }

  /** Opens one of the disclosures that contain a form. */
  async unfold(name) {
    await this.page.locator("summary").getByText(name, { exact: true }).click();
  }

  /** The code that a page shows for another browser, as a person reads it. */
  async shownCode() {
    return this.page.locator("strong.code").innerText();
  }

  /** Types a code into its field and presses the button. */
  async enterCode(code, button) {
    await this.page.locator('[name="code"]').fill(code);
    await this.press(button);
  }

  async heading() {
    return this.page.getByRole("heading", { level: 1 }).innerText();
  }

  async signIn(identifier, password) {
    await this.open("/login");
    await this.send("/login", { identifier, password });
    await this.page.waitForURL("**/account");
  }

  /** Requests a backup email in this disclosure and confirms it; returns the number of the last email before the notice. */
  async takeBackup(say, line, address) {
    await this.stack.clearLimits();
    const asked = await this.stack.latestMail();
    await this.open("/account");
    await this.unfold(say(line));
    await this.send("/account/backup", { email: address });
    await this.open((await this.stack.mailTo(address, asked)).links[0]);
    const confirmed = await this.stack.latestMail();
    await this.press(say("confirm-submit"));
    return confirmed;
  }

  /** Reads the latest email on the mailbox's page and follows its button, which opens a new tab. */
  async followMail(to, after, subject, action) {
    await this.stack.mailTo(to, after);
    await this.page.goto(this.stack.mailbox);
    await this.page.locator("nav a").filter({ hasText: to }).filter({ hasText: subject }).first().click();
    const mail = this.page.frameLocator("iframe");
    const text = await mail.locator("body").innerText();
    const opened = this.context.waitForEvent("page");
    await mail.getByRole("link", { name: action, exact: true }).click();
    this.page = await opened;
    await this.page.waitForLoadState();
    return text;
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.problems, []);
  }
}

/** Presses Tab once for each name; the element that then has the focus must have that name. */
export async function tabTo(page, ...names) {
  for (const name of names) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const name = element.labels?.[0]?.innerText ?? element.innerText;
      return { name, outline: outlineStyle === "none" ? 0 : parseFloat(outlineWidth) };
    });
    assert.equal(focus.name, name);
    assert(focus.outline >= 2, `the focus on ${name} cannot be seen`);
  }
}

/** Checks one page as it is: in both colour schemes, narrow and wide, with axe. */
export class Inspector {
  static async start(browser, shots) {
    const inspector = new Inspector();
    // axe is a script, so it checks the same document in another context in which scripts run.
    inspector.context = await browser.newContext({ viewport: WIDE });
    inspector.page = await inspector.context.newPage();
    inspector.shots = shots;
    inspector.seen = 0;
    return inspector;
  }

  /** Checks the page that a visitor sees, which must contain these texts. */
  async see(visitor, name, language, ...expected) {
    const text = await visitor.page.locator("main").innerText();
    for (const words of expected) assert(text.includes(words), `${name} does not say “${words}”:\n${text}`);
    const answer = await fetch(`${visitor.stack.page}/login`);
    const policy = answer.headers.get("content-security-policy");
    const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": policy };
    await this.look(`${language}-${name}`, await visitor.page.content(), headers, language);
  }

  /** Throws with everything that is wrong with the document. */
  async look(name, html, headers, language, { part = false } = {}) {
    // Landmarks are for pages; a webmail shows an email inside its own page.
    const standards = part ? STANDARDS : [...STANDARDS, "best-practice"];
    const url = "http://127.0.0.1/";
    await this.page.route(url, (route) => route.fulfill({ body: html, headers }));
    await this.visit(name, url, language, standards);
    await this.page.unroute(url);
  }

  /** Throws with everything that is wrong with the document at this address, with its own style and scripts. */
  async visit(name, url, language, standards = [...STANDARDS, "best-practice"]) {
    await this.page.goto(url);
    // By the debugger, which no policy of the page holds up.
    await this.page.evaluate(axe.source);
    const failures = [];
    for (const colorScheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize(WIDE);
      for (const violation of await this.page.evaluate(violations, standards)) failures.push(`${colorScheme}: ${violation}`);
      for (const viewport of [WIDE, NARROW]) {
        await this.page.setViewportSize(viewport);
        const sideways = await this.page.evaluate(overflowing);
        if (sideways.length > 0) failures.push(`${viewport.width} px: wider than the window: ${sideways.join(", ")}`);
        if (this.shots) {
          await this.page.screenshot({ path: `${this.shots}/${name}-${viewport.width}-${colorScheme}.png`, fullPage: true });
        }
      }
    }
    const lang = await this.page.locator("html").getAttribute("lang");
    if (lang !== language) failures.push(`lang is ${lang}`);
    this.seen += 1;
    assert.equal(failures.join("\n"), "", name);
  }

  async end() {
    await this.context.close();
  }
}

/** What axe finds by the rules with these tags. Runs in the page. */
async function violations(runOnly) {
  // Off by default, although WCAG 2.2 wants it.
  const rules = { "target-size": { enabled: true } };
  const found = await window.axe.run(document, { runOnly, rules, resultTypes: ["violations"] });
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html}\n${node.failureSummary}`).join("\n")}`,
  );
}

/** The elements that extend beyond the right edge. Runs in the page. */
function overflowing() {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const beyond = [...document.querySelectorAll("body *")].filter(
    (element) => element.getBoundingClientRect().right > root.clientWidth + 0.5,
  );
  return beyond.map((element) => `${element.tagName.toLowerCase()} ${element.textContent.slice(0, 40)}`);
}
