// All flows in a real browser on the real stack: without scripts, in each language, with the keyboard only, and with
// scripts allowed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, tabTo, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

/** Long enough for a script that would submit a form by itself. */
const PATIENCE_MS = 1_500;

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

for (const language of LANGUAGES) {
  test(`a person lives the whole story without scripts (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password, backup, later } = people(language).story;
    const visitor = await Visitor.arrive(browser, stack, { language });
    const body = () => visitor.page.locator("main").innerText();
    const says = async (...expected) => {
      const text = await body();
      for (const words of expected) assert(text.includes(words), `“${words}” is missing:\n${text}`);
    };
    const follow = async (to, mark, kind) =>
      visitor.followMail(to, mark, say(`${kind}-subject`), say(`${kind}-action`));
    const signOut = async () => {
      await visitor.press(say("sign-out"));
      assert.equal(await visitor.heading(), say("sign-in-title"));
      await says(say("banner-signed-out"));
      // Signing out forgets the session, not the browser.
      assert.deepEqual(await cookieNames(), ["__Host-device"]);
    };
    const cookieNames = async () => (await visitor.context.cookies()).map((cookie) => cookie.name).sort();
    const begin = await stack.latestMail();

    // Signs in; scripts cannot read the cookies.
    await visitor.open("/");
    assert.equal(await visitor.heading(), say("sign-in-title"));
    await visitor.signIn(username, password);
    assert.deepEqual(await cookieNames(), ["__Host-device", "__Host-session"]);
    for (const cookie of await visitor.context.cookies()) {
      assert.deepEqual(
        { secure: cookie.secure, httpOnly: cookie.httpOnly, sameSite: cookie.sameSite, path: cookie.path },
        { secure: true, httpOnly: true, sameSite: "Lax", path: "/" },
      );
    }

    // Defines a backup email and confirms it from the email.
    let mark = await stack.latestMail();
    await visitor.unfold(say("backup-define"));
    await visitor.send("/account/backup", { email: backup });
    await says(backup, say("pending-label"), say("pending-next"));
    assert((await follow(backup, mark, "verify")).includes(username));
    await says(username, backup);
    await visitor.press(say("confirm-submit"));
    assert.equal(await visitor.heading(), say("confirmed-title"));
    await visitor.page.getByRole("link", { name: say("way-on-account") }).click();
    await says(backup, say("confirmed-label"));
    await signOut();

    // First way in: the username.
    mark = await stack.latestMail();
    await visitor.page.getByRole("link", { name: say("forgot-username-link") }).click();
    await visitor.send("/forgot-username", { email: backup });
    await says(say("check-mail-username", { email: backup }));
    assert((await follow(backup, mark, "username")).includes(username));
    assert.equal(new URL(visitor.page.url()).pathname, "/login");

    // Second way in: a link.
    mark = await stack.latestMail();
    await visitor.send("/login/link", { email: backup });
    await says(say("check-mail-link", { email: backup }), say("check-mail-minutes", { minutes: 10 }));
    await follow(backup, mark, "sign-in");
    assert.equal(await visitor.heading(), say("open-question", { username }));
    await visitor.press(say("open-submit", { username }));
    await says(email, backup);
    await signOut();

    // Third way in: the password.
    await visitor.signIn(backup, password);

    // Changes it; the former address works until the new one is confirmed, and not after that.
    await stack.clearLimits();
    mark = await stack.latestMail();
    await visitor.unfold(say("backup-change"));
    await visitor.send("/account/backup", { email: later });
    await says(backup, say("former-label"), later, say("pending-label"));
    await follow(later, mark, "verify");
    await visitor.press(say("confirm-submit"));
    await visitor.open("/account");
    await says(later);
    assert(!(await body()).includes(backup));
    await signOut();
    await visitor.open("/login");
    await visitor.send("/login", { identifier: backup, password });
    await says(say("problem-wrong-credentials"));

    // Removes it.
    await visitor.signIn(later, password);
    await visitor.unfold(say("backup-remove"));
    await visitor.press(say("backup-remove-submit"));
    await says(say("backup-define"));
    await signOut();

    // The primary was told of everything; the backup addresses got only what was requested.
    await stack.mailTo(email, mark);
    const subjects = async (to) => {
      const mails = (await stack.mails()).filter((mail) => mail.number > begin && mail.to === to);
      return mails.map((mail) => mail.subject).sort();
    };
    const notices = ["added", "used", "changed", "used", "removed"].map((kind) => say(`${kind}-subject`));
    const told = async () => (await subjects(email)).length >= notices.length;
    for (let wait = 0; wait < 100 && !(await told()); wait += 1) await visitor.page.waitForTimeout(50);
    assert.deepEqual(await subjects(email), notices.sort());
    const asked = ["verify", "username", "sign-in"].map((kind) => say(`${kind}-subject`));
    assert.deepEqual(await subjects(backup), asked.sort());
    assert.deepEqual(await subjects(later), [say("verify-subject")]);
    await visitor.leave();
  });
}

test("the keyboard alone is enough, and the focus is always to be seen", async () => {
  const say = textsOf("en");
  const { username, password, backup } = people("en").keyboard;
  const visitor = await Visitor.arrive(browser, stack);
  const { keyboard } = visitor.page;
  const tab = (...names) => tabTo(visitor.page, ...names);
  const loaded = (heading) => visitor.page.getByRole("heading", { name: heading, level: 1 }).waitFor();

  await visitor.open("/login");
  await tab("Sparekey", say("identifier-label"));
  await keyboard.type(username);
  await tab(say("password-label"), say("sign-in-submit"), say("forgot-username-link"));
  await tab(say("email-label"), say("link-submit"));
  for (let back = 0; back < 4; back += 1) await keyboard.press("Shift+Tab");
  await keyboard.type("not this one");
  await keyboard.press("Enter");
  // The invalid field has the focus, and the typed name is still there.
  await visitor.page.locator("#password[aria-invalid]").waitFor();
  await keyboard.type(password);
  await keyboard.press("Enter");
  await loaded(say("account-title"));

  const mark = await stack.latestMail();
  await tab("Sparekey", say("sign-out"), say("primary-title"), say("backup-define"));
  await keyboard.press("Enter");
  await tab(say("backup-field"));
  await keyboard.type(backup);
  await keyboard.press("Enter");
  await visitor.page.getByText(say("pending-label")).waitFor();
  await tab("Sparekey", say("sign-out"), say("primary-title"));
  await tab(say("backup-again"), say("backup-cancel"), say("backup-other"));

  await visitor.open((await stack.mailTo(backup, mark)).links[0]);
  await tab("Sparekey", say("confirm-submit"));
  await keyboard.press("Space");
  await loaded(say("confirmed-title"));
  await tab("Sparekey", say("way-on-account"));
  await keyboard.press("Enter");
  await loaded(say("account-title"));
  await tab("Sparekey", say("sign-out"), say("primary-title"), say("backup-change"), say("backup-remove"));
  await keyboard.press("Enter");
  await tab(say("backup-remove-submit"));
  await keyboard.press("Enter");
  await visitor.page.getByText(say("backup-define")).waitFor();
  await tab("Sparekey", say("sign-out"));
  await keyboard.press("Enter");
  await loaded(say("sign-in-title"));
  await visitor.leave();
});

for (const language of LANGUAGES) {
  test(`what one device asked for, another opens with the code (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password, backup } = people(language).devices;
    const laptop = await Visitor.arrive(browser, stack, { language });
    const phone = await Visitor.arrive(browser, stack, { language, viewport: { width: 390, height: 780 } });
    const says = async (visitor, ...expected) => {
      const text = await visitor.page.locator("main").innerText();
      for (const words of expected) assert(text.includes(words), `“${words}” is missing:\n${text}`);
    };

    // A sign-in link: the laptop shows the code, the phone has the email.
    let mark = await stack.latestMail();
    await laptop.open("/login");
    await laptop.send("/login/link", { email });
    await says(laptop, say("code-elsewhere"));
    let code = await laptop.shownCode();
    assert.match(code, /^[0-9A-HJKMNP-TV-Z]{3} [0-9A-HJKMNP-TV-Z]{3}$/);
    const mail = await stack.mailTo(email, mark);
    assert(!mail.text.includes(code) && !mail.html.includes(code), "the code is not in the email");
    const open = say("open-submit", { username });
    await phone.open(mail.links[0]);
    await phone.enterCode(code === "000 000" ? "000 001" : "000 000", open);
    await says(phone, say("problem-wrong-code"), say("problem-wrong-code-advice"));
    assert.deepEqual(await phone.context.cookies(), []);
    await phone.enterCode(code.toLowerCase(), open);
    await phone.page.waitForURL("**/account");
    await laptop.open(mail.links[0]);
    await says(laptop, say("problem-link-used"));

    // A confirmation: the laptop is signed in, the phone is not any more.
    await phone.press(say("sign-out"));
    await laptop.signIn(username, password);
    mark = await stack.latestMail();
    await laptop.unfold(say("backup-define"));
    await laptop.send("/account/backup", { email: backup });
    code = await laptop.shownCode();
    await phone.open((await stack.mailTo(backup, mark)).links[0]);
    await phone.enterCode("no code", say("confirm-submit"));
    await says(phone, say("problem-wrong-code"));
    const before = await phone.context.cookies();
    assert.deepEqual(before.map((cookie) => cookie.name), ["__Host-device"], "the phone is signed out");
    await phone.enterCode(code.replace(" ", ""), say("confirm-submit"));
    assert.equal(await phone.heading(), say("confirmed-title"));
    assert.deepEqual(await phone.context.cookies(), before, "confirming signs nobody in");
    await laptop.open("/account");
    await says(laptop, backup, say("confirmed-label"));

    // "This wasn't me", on the phone, which is not signed in; the laptop is signed out by it.
    const [undo] = (await stack.mailTo(email, mark)).links;
    await phone.open(undo);
    await phone.send("/undo", { username: email });
    await says(phone, say("problem-other-username"));
    await phone.send("/undo", { username: username.toUpperCase() });
    assert.equal(await phone.heading(), say("taken-back-title"));
    await laptop.open("/account");
    assert.equal(await laptop.heading(), say("sign-in-title"));
    await laptop.leave();
    await phone.leave();
  });
}

test("the keyboard alone enters a code and takes a change back", async () => {
  const { username, email, password, backup } = people("nl").keyboard;
  const words = textsOf("nl");
  const laptop = await Visitor.arrive(browser, stack, { language: "nl" });
  const visitor = await Visitor.arrive(browser, stack, { language: "nl" });
  const tab = (...names) => tabTo(visitor.page, ...names);
  const { keyboard } = visitor.page;
  const loaded = (heading) => visitor.page.getByRole("heading", { name: heading, level: 1 }).waitFor();

  await laptop.signIn(username, password);
  let mark = await stack.latestMail();
  await laptop.unfold(words("backup-define"));
  await laptop.send("/account/backup", { email: backup });
  const code = await laptop.shownCode();
  await visitor.open((await stack.mailTo(backup, mark)).links[0]);
  await tab("Sparekey", words("code-label"));
  await keyboard.type("wrong");
  await keyboard.press("Enter");
  // The invalid field has the focus.
  await visitor.page.locator("#code[aria-invalid]").waitFor();
  await keyboard.type(code);
  await tab(words("code-lost-link"), words("confirm-submit"));
  mark = await stack.latestMail();
  await keyboard.press("Space");
  await loaded(words("confirmed-title"));

  await visitor.open((await stack.mailTo(email, mark)).links[0]);
  await tab("Sparekey", words("undo-username"));
  await keyboard.type("somebody");
  await keyboard.press("Enter");
  await visitor.page.locator("#username[aria-invalid]").waitFor();
  await keyboard.press("ControlOrMeta+A");
  await keyboard.type(username);
  await tab(words("undo-submit"));
  await keyboard.press("Enter");
  await loaded(words("taken-back-title"));
  await tab("Sparekey", words("way-on-sign-in"));
  await laptop.leave();
  await visitor.leave();
});

test("where scripts run, still nothing is sent before a button is pressed", async () => {
  const say = textsOf("en");
  const { username, email, password, backup } = people("en").scripts;
  const visitor = await Visitor.arrive(browser, stack, { javaScript: true });
  const onlyLooks = async (link) => {
    const sent = visitor.posts.length;
    for (const method of ["HEAD", "GET"]) await fetch(link, { method });
    await visitor.open(link);
    await visitor.page.waitForTimeout(PATIENCE_MS);
    await visitor.page.reload();
    await visitor.page.waitForTimeout(PATIENCE_MS);
    assert.deepEqual(visitor.posts.slice(sent), []);
    assert.equal(await visitor.page.locator("script, [onload], [onclick], meta[http-equiv]").count(), 0);
  };

  let mark = await stack.latestMail();
  await visitor.open("/login");
  await visitor.send("/login/link", { email });
  await onlyLooks((await stack.mailTo(email, mark)).links[0]);
  await visitor.press(say("open-submit", { username }));
  assert.equal(await visitor.heading(), say("account-title"));

  mark = await stack.latestMail();
  await visitor.unfold(say("backup-define"));
  await visitor.send("/account/backup", { email: backup });
  await onlyLooks((await stack.mailTo(backup, mark)).links[0]);
  await visitor.press(say("confirm-submit"));
  assert.equal(await visitor.heading(), say("confirmed-title"));
  await visitor.signIn(backup, password);
  await visitor.leave();
});
