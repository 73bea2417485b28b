// Visits every page and every email in one language, and has each checked.
import assert from "node:assert/strict";
import { Visitor } from "./browser.mjs";
import { people } from "./people.mjs";
import { textsOf } from "./texts.mjs";

/** A token of the right format that was never issued. */
const UNKNOWN_TOKEN = "A".repeat(43);

export async function everyPage({ stack, browser, inspector, language }) {
  const say = textsOf(language);
  const { walker, rival, robbed, sso, long } = people(language);
  const visitors = [];
  const arrive = async () => {
    const visitor = await Visitor.arrive(browser, stack, { language });
    visitors.push(visitor);
    return visitor;
  };
  const names = new Set();
  const policy = (await fetch(`${stack.page}/login`)).headers.get("content-security-policy");
  const look = async (name, html, headers, options) => {
    assert(!names.has(name), `${name} was looked at already`);
    names.add(name);
    const type = { "content-type": "text/html; charset=utf-8" };
    await inspector.look(`${language}-${name}`, html, { ...type, ...headers }, language, options);
  };
  /** Checks the page that a visitor sees, which must contain these texts. */
  const see = async (visitor, name, ...expected) => {
    const text = await visitor.page.locator("body").innerText();
    for (const words of expected) assert(text.includes(words), `${language} ${name} does not say “${words}”:\n${text}`);
    await look(name, await visitor.page.content(), { "content-security-policy": policy });
  };
  const mail = async (name, to, after, subject) => {
    const found = await stack.mailTo(to, after);
    assert.equal(found.subject, say(subject));
    await look(name, found.html, {}, { part: true });
    return found;
  };
  /** Checks the page for a request that no browser sends by itself. */
  const program = async (name, path, request, title) => {
    const headers = { accept: "text/html", "accept-language": language, ...request.headers };
    const response = await fetch(`${stack.page}${path}`, { ...request, headers });
    const html = await response.text();
    assert(html.includes(say(title)), `${name}: ${html}`);
    await look(name, html, { "content-security-policy": policy });
  };

  /** Checks a link in another browser: with the field for the code, and with a wrong code. */
  const inAnotherBrowser = async (name, link, submit, values) => {
    const other = await arrive();
    await other.open(link);
    await see(other, `${name}-elsewhere`, say("code-label"), say("code-hint"));
    await other.page.locator("form").evaluate((form) => (form.noValidate = true));
    await other.press(say(submit, values));
    await see(other, `${name}-code-needed`, say("problem-code-needed"));
    await other.enterCode("not it", say(submit, values));
    await see(other, `${name}-wrong-code`, say("problem-wrong-code"));
  };

  const one = await arrive();
  await one.open("/login");
  await see(one, "sign-in", say("link-title"));
  await one.send("/login", { identifier: walker.username, password: "not this one" });
  await see(one, "sign-in-wrong-password", say("problem-wrong-credentials"));
  await one.open("/login");
  await one.send("/login/link", { email: "nonsense" }, { unchecked: true });
  await see(one, "sign-in-no-address", say("problem-not-an-address"));
  await one.open("/forgot-username");
  await see(one, "forgot-username", say("forgot-purpose"));
  await one.send("/forgot-username", { email: "nonsense" }, { unchecked: true });
  await see(one, "forgot-username-no-address", say("problem-not-an-address"));
  let before = await stack.latestMail();
  await one.send("/forgot-username", { email: walker.email });
  await see(one, "check-mail-username", say("check-mail-username", { email: walker.email }));
  await one.open("/forgot-username");
  await see(one, "forgot-username-requested", say("requested-before", { email: walker.email }));
  await mail("mail-username", walker.email, before, "username-subject");

  // Sign-in links.
  before = await stack.latestMail();
  await one.open("/login");
  await one.send("/login/link", { email: walker.email });
  const onItsWay = say("check-mail-link", { email: walker.email });
  await see(one, "check-mail-link", onItsWay, say("code-elsewhere"), say("check-mail-other"));
  await one.page.reload();
  await see(one, "check-mail-reloaded", onItsWay, say("code-elsewhere"));
  await one.open("/login");
  await see(one, "sign-in-requested", say("requested-before", { email: walker.email }));
  await one.page.getByRole("link", { name: say("requested-before-link") }).click();
  await see(one, "check-mail-again", onItsWay, say("code-elsewhere"));
  const older = (await mail("mail-sign-in", walker.email, before, "sign-in-subject")).links[0];
  before = await stack.latestMail();
  await one.open("/login");
  await one.send("/login/link", { email: walker.email });
  const link = (await stack.mailTo(walker.email, before)).links[0];
  await one.open(older);
  await see(one, "sign-in-link-replaced", say("problem-link-replaced"));
  await one.open(link);
  await see(one, "open-link", say("open-question", { username: walker.username }));
  await inAnotherBrowser("open-link", link, "open-submit", { username: walker.username });
  const signedIn = await arrive();
  await signedIn.signIn(rival.username, rival.password);
  await signedIn.open(link);
  await see(signedIn, "open-link-signed-in", say("open-stay", { username: rival.username }));
  await one.press(say("open-submit", { username: walker.username }));
  await see(one, "account-none", say("backup-define"));
  await one.open(link);
  await see(one, "account-signed-in-already", say("banner-signed-in"));
  const late = await arrive();
  await late.open(link);
  await see(late, "sign-in-link-used", say("problem-link-used"));
  await one.open(`/login/open?token=${UNKNOWN_TOKEN}`);
  await see(one, "sign-in-link-unknown", say("problem-link-unknown"));

  // The form for a backup email, and what can be wrong in it.
  await one.open("/account");
  await one.unfold(say("backup-define"));
  await see(one, "account-none-open", say("backup-hint"));
  await one.send("/account/backup", { email: "nonsense" }, { unchecked: true });
  await see(one, "account-no-address", say("problem-not-an-address"));
  await one.send("/account/backup", { email: walker.email });
  await see(one, "account-same-as-primary", say("problem-same-as-primary"));
  before = await stack.latestMail();
  await one.send("/account/backup", { email: walker.backup });
  await see(one, "account-pending", walker.backup, say("pending-next"), say("code-elsewhere"));
  await mail("mail-verify", walker.backup, before, "verify-subject");
  await one.press(say("backup-again"));
  await see(one, "account-pending-too-soon", say("problem-too-soon"));
  await one.unfold(say("backup-other"));
  await one.send("/account/backup", { email: "nonsense" }, { unchecked: true });
  await see(one, "account-pending-no-address", say("problem-not-an-address"));
  const first = (await stack.mailTo(walker.backup, before)).links[0];
  await stack.clearLimits();
  before = await stack.latestMail();
  await one.open("/account");
  await one.press(say("backup-again"));
  const second = (await stack.mailTo(walker.backup, before)).links[0];
  await one.open(first);
  await see(one, "confirm-link-replaced", say("problem-link-replaced"));
  await one.open(`/backup/confirm?token=${UNKNOWN_TOKEN}`);
  await see(one, "confirm-link-unknown", say("problem-link-unknown"));

  // A rival asks for the same address before it is taken.
  before = await stack.latestMail();
  await signedIn.open("/account");
  await signedIn.unfold(say("backup-define"));
  await signedIn.send("/account/backup", { email: walker.backup });
  const rivals = (await stack.mailTo(walker.backup, before)).links[0];
  await one.open(second);
  await see(one, "confirm", walker.username, walker.backup);
  await inAnotherBrowser("confirm", second, "confirm-submit");
  before = await stack.latestMail();
  await one.press(say("confirm-submit"));
  await see(one, "confirmed", say("confirmed-title"));
  await mail("mail-added", walker.email, before, "added-subject");
  await one.open(second);
  await see(one, "confirmed-again", say("confirmed-title"));
  await signedIn.open(rivals);
  await signedIn.press(say("confirm-submit"));
  await see(signedIn, "address-taken", say("problem-address-taken"));
  await stack.clearLimits();
  before = await stack.latestMail();
  await signedIn.open("/account");
  await signedIn.press(say("backup-again"));
  await mail("mail-wanted", walker.email, before, "wanted-subject");

  // In use, changed, removed.
  before = await stack.latestMail();
  const recovered = await arrive();
  await recovered.signIn(walker.backup, walker.password);
  await see(recovered, "account-confirmed", walker.backup, say("confirmed-label"));
  await mail("mail-used", walker.email, before, "used-subject");
  await recovered.unfold(say("backup-change"));
  await recovered.unfold(say("backup-remove"));
  await see(recovered, "account-confirmed-open", say("backup-remove-warning"));
  await recovered.open("/account");
  await recovered.unfold(say("backup-change"));
  await recovered.send("/account/backup", { email: walker.backup });
  await see(recovered, "account-same-as-backup", say("problem-same-as-backup"));
  await stack.clearLimits();
  before = await stack.latestMail();
  const changed = `new.${walker.backup}`;
  await recovered.send("/account/backup", { email: changed });
  await see(recovered, "account-replacing", changed, walker.backup, say("former-label"));
  const stale = await recovered.context.newPage();
  await stale.goto(`${stack.page}/account`);
  await recovered.open((await stack.mailTo(changed, before)).links[0]);
  before = await stack.latestMail();
  await recovered.press(say("confirm-submit"));
  await mail("mail-changed", walker.email, before, "changed-subject");
  await stale.getByRole("button", { name: say("backup-cancel"), exact: true }).click();
  await stale.getByText(say("banner-nothing-left-to-remove")).waitFor();
  await look("nothing-to-remove", await stale.content(), { "content-security-policy": policy });
  await recovered.open("/account");
  await recovered.unfold(say("backup-remove"));
  before = await stack.latestMail();
  await recovered.press(say("backup-remove-submit"));
  await recovered.page.waitForURL("**/account");
  await mail("mail-removed", walker.email, before, "removed-subject");

  // Links expire.
  await stack.clearLimits();
  before = await stack.latestMail();
  await recovered.unfold(say("backup-define"));
  await recovered.send("/account/backup", { email: walker.backup });
  const expired = (await stack.mailTo(walker.backup, before)).links[0];
  before = await stack.latestMail();
  await one.open("/login");
  await one.send("/login/link", { email: walker.email });
  const expiredSignIn = (await stack.mailTo(walker.email, before)).links[0];
  await stack.expireLinks();
  await Promise.all([one.open(expired), signedIn.open(expiredSignIn)]);
  await see(one, "confirm-link-expired", say("problem-link-expired"));
  await see(signedIn, "sign-in-link-expired", say("problem-link-expired"));

  // Too many wrong codes.
  await stack.clearLimits();
  before = await stack.latestMail();
  await one.open("/login");
  await one.send("/login/link", { email: walker.email });
  const guessed = (await stack.mailTo(walker.email, before)).links[0];
  const thief = await arrive();
  await thief.open(guessed);
  for (let tries = 0; tries < 5; tries += 1) {
    await thief.enterCode("000000", say("open-submit", { username: walker.username }));
  }
  await see(thief, "sign-in-link-locked", say("problem-link-locked"));
  await undone({ stack, arrive, see, mail, language, robbed, rival });
  await signsInAgain({ stack, arrive, see, language, person: rival });
  await setsPassword({ stack, arrive, see, mail, language, person: robbed });

  // Long names and addresses.
  const longer = await arrive();
  await longer.open("/login");
  await longer.send("/login", { identifier: long.email, password: "not this one" });
  await see(longer, "long-sign-in-wrong-password");
  await longer.signIn(long.username, long.password);
  await longer.unfold(say("backup-define"));
  before = await stack.latestMail();
  await longer.send("/account/backup", { email: long.backup });
  await see(longer, "long-account-pending", long.username, long.email, long.backup);
  await longer.open((await mail("long-mail-verify", long.backup, before, "verify-subject")).links[0]);
  await see(longer, "long-confirm", long.username, long.backup);
  await longer.press(say("confirm-submit"));
  await see(longer, "long-confirmed", long.username, long.backup);
  await stack.clearLimits();
  await longer.open("/account");
  await longer.unfold(say("backup-change"));
  await longer.send("/account/backup", { email: long.later });
  await see(longer, "long-account-replacing", long.later, long.backup);
  before = await stack.latestMail();
  await longer.open("/forgot-username");
  await longer.send("/forgot-username", { email: long.backup });
  await mail("long-mail-username", long.backup, before, "username-subject");
  before = await stack.latestMail();
  await longer.open("/login");
  await longer.send("/login/link", { email: long.email });
  const longLink = await mail("long-mail-sign-in", long.email, before, "sign-in-subject");
  await longer.open(longLink.links[0]);
  await see(longer, "long-open-link", say("open-question", { username: long.username }));
  // Somebody else's link, in the same browser.
  await stack.clearLimits();
  before = await stack.latestMail();
  await longer.open("/login");
  await longer.send("/login/link", { email: walker.email });
  await longer.open((await mail("mail-sign-in-elsewhere", walker.email, before, "sign-in-subject")).links[0]);
  await see(longer, "long-open-link-signed-in", say("open-stay", { username: long.username }));

  // After a sign-in through the backup email, and what happened lately.
  const recovering = await arrive();
  await recovering.signIn(long.username, long.password);
  await recovering.signIn(long.backup, long.password);
  await see(recovering, "long-account-finish", say("finish-title"), say("finish-mailbox-yes"), say("history-title"));
  await recovering.press(say("finish-mailbox-yes"));
  await see(recovering, "long-account-finish-mailbox", say("finish-done"), say("finish-password-why"));
  await recovering.press(say("finish-dismiss"));
  await recovering.unfold(say("history-earlier"));
  await see(recovering, "long-account-history", say("history-signed-in-password"), say("history-kept"));
  assert(!(await recovering.page.locator("body").innerText()).includes(say("finish-title")));

  // An account with single sign-on.
  await stack.handOverSessions(long.username, sso.username);
  await longer.open("/account");
  await see(longer, "account-sso", say("backup-sso"));
  await longer.press(say("sign-out"));
  await see(longer, "signed-out", say("sign-in-title"), say("banner-signed-out"));

  // Pages for what should not happen.
  await one.open("/no-such-page");
  await see(one, "not-found", say("problem-not-found"));
  await one.open("/account/backup");
  await see(one, "method-not-allowed", say("problem-method-not-allowed"));
  const post = (type, body, more) => ({ method: "POST", headers: { "content-type": type, ...more }, body });
  const form = "application/x-www-form-urlencoded";
  await program("media-type", "/forgot-username", post("text/plain", "x"), "problem-unsupported-media-type");
  await program("too-large", "/forgot-username", post(form, `email=${"x".repeat(20_000)}`), "problem-body-too-large");
  await program("malformed", "/forgot-username", post(form, "e=x"), "problem-malformed-body");
  const elsewhere = { "sec-fetch-site": "cross-site" };
  await program("cross-site", "/forgot-username", post(form, "email=x", elsewhere), "problem-cross-site");
  await stack.fail({ function: "account", kind: "server_error", times: 100 });
  await recovered.open("/account");
  await stack.clearFaults();
  await see(recovered, "internal", say("problem-internal"));

  for (const visitor of visitors) await visitor.leave();
  return names.size;
}

/** Undoes three changes: a removal, then a change whose former address is taken, then the first addition. */
async function undone({ stack, arrive, see, mail, language, robbed, rival }) {
  const say = textsOf(language);
  const owner = await arrive();
  const noticed = async (mark) => (await stack.mailTo(robbed.email, mark)).links[0];
  await owner.signIn(robbed.username, robbed.password);
  const added = await noticed(await owner.takeBackup(say, "backup-define", robbed.backup));
  const changed = await noticed(await owner.takeBackup(say, "backup-change", robbed.later));
  await owner.open("/account");
  await owner.unfold(say("backup-remove"));
  let mark = await stack.latestMail();
  await owner.press(say("backup-remove-submit"));
  const removed = await noticed(mark);
  const other = await arrive();
  await other.signIn(rival.username, rival.password);
  await other.takeBackup(say, "backup-other", robbed.backup);

  const takeBack = async (link) => {
    await owner.open(link);
    mark = await stack.latestMail();
    await owner.send("/undo", { username: robbed.username });
  };
  const accountIs = async (name, ...expected) => {
    // Sessions from the second of the undo are not valid.
    await owner.page.waitForTimeout(1_100);
    await owner.signIn(robbed.username, robbed.password);
    await see(owner, name, ...expected);
  };
  await owner.open(removed);
  await see(owner, "undo", say("undo-title"), say("undo-username-hint"));
  await owner.send("/undo", { username: "somebody" });
  await see(owner, "undo-other-username", say("problem-other-username"));
  await takeBack(removed);
  await see(owner, "taken-back", say("taken-back-title"));
  await mail("mail-taken-back", robbed.email, mark, "taken-back-subject");
  await accountIs("account-frozen", robbed.later, say("confirmed-label"));
  await owner.open(removed);
  await see(owner, "taken-back-again", say("taken-back-title"));
  await takeBack(changed);
  await see(owner, "taken-back-former-taken", say("banner-address-not-restored"));
  await owner.open(added);
  await see(owner, "undo-to-none", say("undo-events"), say("undo-events-undone"), say("undo-effect-none"));
  await takeBack(added);
  await see(owner, "taken-back-to-none", say("taken-back-none"));
  await mail("mail-taken-back-to-none", robbed.email, mark, "taken-back-to-none-subject");
  await accountIs("account-frozen-none", say("backup-purpose"));
  await owner.open(`/undo?token=${UNKNOWN_TOKEN}`);
  await see(owner, "undo-link-unknown", say("problem-link-unknown"));
}

/** Requests a change long after the sign-in, and ends sessions elsewhere. */
async function signsInAgain({ stack, arrive, see, language, person }) {
  const say = textsOf(language);
  const typed = `again.${person.email}`;
  const visitor = await arrive();
  await visitor.signIn(person.username, person.password);
  await stack.clearLimits();
  await stack.ageSignIns();
  await visitor.open("/account");
  await visitor.unfold(say("backup-change"));
  await visitor.send("/account/backup", { email: typed });
  await see(visitor, "sign-in-again", say("again-request-backup", { username: person.username }), say("again-back"));
  assert.equal(await visitor.page.locator('[name="identifier"]').inputValue(), person.username);
  await visitor.send("/login", { password: person.password });
  await visitor.page.waitForURL("**/account");
  assert.equal(await visitor.page.locator('[name="email"]:visible').inputValue(), typed);
  await see(visitor, "account-request-resumed", say("banner-request-backup"), say("backup-hint"));

  const elsewhere = await arrive();
  await elsewhere.signIn(person.username, person.password);
  await visitor.open("/account");
  await see(visitor, "account-sessions", say("session-own"), say("sessions-end-others"));
  await visitor.press(say("sessions-end-others"));
  await see(visitor, "account-sessions-ended", say("sessions-none-other"));
  await elsewhere.open("/account");
  assert.equal(await elsewhere.heading(), say("sign-in-title"));
}

/** Sets a password, undoes that, and sees the account without one. */
async function setsPassword({ stack, arrive, see, mail, language, person }) {
  const say = textsOf(language);
  const visitor = await arrive();
  const path = "/account/password";
  await visitor.signIn(person.username, person.password);
  await visitor.open(path);
  await see(visitor, "password", say("new-password-effect"), say("new-password-hint"));
  assert.equal(await visitor.page.locator('[autocomplete="username"]').inputValue(), person.username);
  for (const [password, code] of [
    ["too short", "password-too-short"],
    ["x".repeat(1_025), "password-too-long"],
    ["passwordpassword", "password-too-common"],
    [person.email.padEnd(15, "!"), "password-too-personal"],
    ["otter kettle \u{fffd} violet", "password-unusable-character"],
    [person.password, "same-as-present-password"],
  ]) {
    await visitor.send(path, { password }, { unchecked: true });
    await see(visitor, code, say(`problem-${code}`));
  }
  const mark = await stack.latestMail();
  await visitor.send(path, { password: "otter kettle violet" });
  await visitor.page.waitForURL("**/account");
  const notice = await mail("mail-password-set", person.email, mark, "password-set-subject");
  await visitor.open(notice.links[0]);
  await see(visitor, "undo-password", say("undo-effect-password"));
  await visitor.send("/undo", { username: person.username });
  await see(visitor, "taken-back-no-password", say("taken-back-no-password"));

  // Sessions from the second of the undo are not valid, and neither are links.
  await visitor.page.waitForTimeout(1_100);
  await stack.clearLimits();
  const before = await stack.latestMail();
  await visitor.open("/login");
  await visitor.send("/login/link", { email: person.email });
  await visitor.open((await stack.mailTo(person.email, before)).links[0]);
  await visitor.press(say("open-submit", { username: person.username }));
  await see(visitor, "account-no-password", say("password-none"));
  await visitor.open(path);
  await see(visitor, "password-first", say("password-first"));
}
