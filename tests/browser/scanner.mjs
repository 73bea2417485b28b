// What machines do to the links in emails, with a real browser that runs scripts: it fetches repeatedly, prefetches,
// follows another site, fills every field and presses every button. Afterwards the link still works for its owner.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { textsOf } from "./texts.mjs";

const say = textsOf("en");
/** Another site. Its name is not resolved: the test serves its page. */
const ELSEWHERE = "http://gateway.example.net/";
/** Previews and gateways, by their `User-Agent`. */
const PROGRAMS = [
  "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
  "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
  "WhatsApp/2.24.1 A",
  "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
];
/**
 * What a machine types into a field, by the field's attributes; twice, as a persistent one does. Six letters or digits
 * could be a code and would count as an attempt: tests/it/scanner.rs tests that.
 */
const TYPES = [
  { email: "somebody@example.org", password: "Password1!", tel: "+31201234567", number: "42", url: "https://example.com/", text: "test" },
  { email: "test@example.com", password: "letmein123", tel: "0123456789", number: "1", url: "https://example.org/", text: "John Smith" },
];

let stack;
let browser;

before(async () => {
  stack = await Stack.start(accounts());
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** Fetches a link as programs do, without a browser. */
async function look(link) {
  for (let number = 0; number < 20; number += 1) {
    for (const method of ["HEAD", "GET"]) {
      const response = await fetch(link, { method, headers: { "user-agent": PROGRAMS[number % PROGRAMS.length] } });
      assert.equal(response.status, 200, `${method} ${response.status}`);
      assert.equal(response.headers.get("set-cookie"), null);
    }
  }
  for (const headers of [{ "sec-purpose": "prefetch" }, { "sec-purpose": "prefetch;prerender" }, { purpose: "prefetch" }, { "x-moz": "prefetch" }]) {
    const response = await fetch(link, { headers });
    assert.deepEqual([response.status, response.headers.get("set-cookie")], [200, null]);
  }
}

/** A machine's browser, with scripts. It must never get a cookie. */
async function machine(work) {
  const context = await browser.newContext({ javaScriptEnabled: true });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  try {
    await work(page, context);
    assert.deepEqual(await context.cookies(), []);
  } finally {
    await context.close();
  }
}

/** Fills all fields of a page. */
async function fill(page, texts) {
  for (const field of await page.locator("input:visible, textarea:visible").all()) {
    const type = await field.evaluate((element) => element.type);
    await field.fill(texts[type] ?? texts.text);
  }
}

/** Opens a link, fills every field and presses every button, each on a fresh page; returns how many forms it sent. */
async function pressEverything(link, texts) {
  let sent = 0;
  await machine(async (page, context) => {
    context.on("request", (request) => (sent += request.method() === "POST" ? 1 : 0));
    await page.goto(link);
    const buttons = await page.locator("button, input[type=submit], [role=button]").count();
    assert(buttons > 0, "there is a button to press");
    for (let number = 0; number < buttons; number += 1) {
      await page.goto(link);
      for (const summary of await page.locator("summary").all()) await summary.click();
      await fill(page, texts);
      await page.locator("button, input[type=submit], [role=button]").nth(number).click();
      await page.waitForLoadState();
      // Presses the buttons of the answer too.
      await fill(page, texts);
      for (const button of (await page.locator("button:visible").all()).slice(0, 1)) await button.click();
      await page.waitForLoadState();
    }
    // A script sends the forms as they are, without the browser's validation.
    await page.goto(link);
    const forms = await page.locator("form").count();
    for (let number = 0; number < forms; number += 1) {
      await page.goto(link);
      await Promise.all([
        page.waitForNavigation(),
        page.locator("form").nth(number).evaluate((form) => form.submit()),
      ]);
    }
  });
  assert(sent >= 3, `only ${sent} forms were sent`);
}

/** A page of another site points at the link and posts its form, in a browser that may have the owner's cookies. */
async function fromElsewhere(context, link, fields) {
  const page = await context.newPage();
  const { origin, pathname } = new URL(link);
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  const html = `<!doctype html><title>elsewhere</title><link rel="prefetch" href="${link}"><img src="${link}" alt="">
    <iframe src="${link}"></iframe><form method="post" action="${origin}${pathname}">${inputs.join("")}<button>go</button></form>`;
  await page.route(ELSEWHERE, (route) => route.fulfill({ body: html, contentType: "text/html" }));
  await page.goto(ELSEWHERE);
  // Its scripts can read no answer to a GET or a POST: answers are readable from this site only.
  for (const body of [undefined, fields]) {
    const url = body ? `${origin}${pathname}` : link;
    const reading = page.evaluate(
      ([url, body]) => fetch(url, { mode: "no-cors", credentials: "include", ...(body && { method: "POST", body: new URLSearchParams(body) }) }),
      [url, body],
    );
    await assert.rejects(reading, /Failed to fetch/);
  }
  const answered = page.waitForResponse((response) => response.request().method() === "POST" && response.request().isNavigationRequest());
  await page.getByRole("button").click();
  const response = await answered;
  assert.equal(response.status(), 403, "another site's form is refused");
  assert.equal((await response.allHeaders())["set-cookie"], undefined);
  await page.close();
}

/** Everything a machine does to a link; `owner` is the browser that requested it. */
async function scan(link, owner, fields) {
  await look(link);
  for (const texts of TYPES) await pressEverything(link, texts);
  await machine((_, context) => fromElsewhere(context, link, fields));
  const before = await owner.context.cookies();
  await fromElsewhere(owner.context, link, fields);
  assert.deepEqual(await owner.context.cookies(), before, "the owner's cookies are what they were");
}

test("after every machine, each kind of link still works for its owner", async () => {
  const { username, email, password, backup } = people("en").scanned;
  const owner = await Visitor.arrive(browser, stack, { javaScript: true });
  const tokenOf = (link) => new URL(link).searchParams.get("token");
  const isSignedIn = async () => {
    await owner.open("/account");
    return new URL(owner.page.url()).pathname === "/account";
  };

  // A sign-in link.
  let mark = await stack.latestMail();
  await owner.open("/login");
  await owner.send("/login/link", { email });
  let link = (await stack.mailTo(email, mark)).links[0];
  await scan(link, owner, { token: tokenOf(link) });
  assert(!(await isSignedIn()), "nobody was signed in");
  await owner.open(link);
  await owner.press(say("open-submit", { username }));
  assert.equal(await owner.heading(), say("account-title"));

  // A confirmation.
  mark = await stack.latestMail();
  await owner.unfold(say("backup-define"));
  await owner.send("/account/backup", { email: backup });
  link = (await stack.mailTo(backup, mark)).links[0];
  await scan(link, owner, { token: tokenOf(link) });
  await owner.open("/account");
  assert((await owner.page.locator("main").innerText()).includes(say("pending-label")), "nothing was confirmed");
  mark = await stack.latestMail();
  await owner.open(link);
  await owner.press(say("confirm-submit"));
  assert.equal(await owner.heading(), say("confirmed-title"));

  // "This wasn't me".
  link = (await stack.mailTo(email, mark)).links[0];
  assert.equal(new URL(link).pathname, "/undo");
  await scan(link, owner, { token: tokenOf(link), username });
  assert(await isSignedIn(), "nobody was signed out");
  assert((await owner.page.locator("main").innerText()).includes(say("confirmed-label")), "nothing was undone");
  await owner.open(link);
  await owner.send("/undo", { username });
  assert.equal(await owner.heading(), say("taken-back-title"));
  assert(!(await isSignedIn()), "now everybody is signed out");

  // Only the owner achieved anything: there is one notice of each of the owner's actions.
  const subjects = (await stack.mails()).filter((mail) => mail.to === email).map((mail) => mail.subject);
  assert.deepEqual(subjects.slice(0, 2), [say("sign-in-subject"), say("added-subject")]);
  owner.problems = owner.problems.filter((problem) => !problem.includes(ELSEWHERE));
  await owner.leave();
});
