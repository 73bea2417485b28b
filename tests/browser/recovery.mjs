// A mailbox is lost: in through the backup email, and out of the lost one for good. The owner of the former mailbox undoes it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

/** The default of the template's PrimaryHoldHours. */
const HOLD_HOURS = 72;
const NEW_PASSWORD = "otter kettle violet";

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
  test(`a lost mailbox is left behind, and the account is in order (${language})`, async (context) => {
    const say = textsOf(language);
    const { username, email, password, backup } = people(language).story;
    const inspector = await Inspector.start(browser, process.env.SHOTS);

    // Long before: a backup email. It is too new at first, and a password does not do.
    const owner = await Visitor.arrive(browser, stack, { language });
    const sees = (name, ...expected) => inspector.see(owner, name, language, ...expected);
    await owner.signIn(username, password);
    await owner.takeBackup(say, "backup-define", backup);
    await owner.open("/account/primary/promote");
    await sees("promote-too-new", say("problem-backup-too-new"));
    await stack.confirmLongAgo();
    await owner.open("/account/primary/promote");
    await sees("promote-needs-link", say("problem-backup-sign-in-needed"), say("promote-link-submit", { backup }));

    // "I lost my mailbox": everything from here on is counted.
    const person = await Visitor.arrive(browser, stack, { language });
    const see = (name, ...expected) => inspector.see(person, name, language, ...expected);
    let fields = 0;
    await person.open("/login");
    let mark = await stack.latestMail();
    await person.send("/login/link", { email: backup });
    fields += 1;
    await person.open((await stack.mailTo(backup, mark)).links[0]);
    await person.press(say("open-submit", { username }));
    await person.page.waitForURL("**/account");
    await see("account-in-disorder", say("finish-title"), say("finish-mailbox-yes"), say("promote-title"));
    await person.page.getByRole("link", { name: say("promote-title") }).first().click();
    await see("promote", say("promote-explain", { backup }), say("promote-forget", { hours: HOLD_HOURS }), say("promote-keep"));
    mark = await stack.latestMail();
    await person.page.locator("#forget").check();
    fields += 1;
    await person.press(say("promote-submit", { backup }));
    await person.page.waitForURL("**/account");
    await see("account-promoted", say("banner-backup-promoted"), backup, email, say("finish-done"));
    await person.page.getByRole("link", { name: say("password-change") }).first().click();
    await person.send("/account/password", { password: NEW_PASSWORD });
    fields += 1;
    await person.page.waitForURL("**/account");
    await see("account-in-order", say("banner-password-set"), backup);
    assert(!(await person.page.locator("main").innerText()).includes(say("finish-title")), "nothing is left to do");
    context.diagnostic(`from the lost mailbox to an account in order: ${person.posts.length} forms, ${fields} fields`);
    await owner.open("/account");
    assert.equal(new URL(owner.page.url()).pathname, "/login", "all others are signed out");

    // Both mailboxes were told. Whoever reads the former one takes everything back.
    for (const to of [backup, email]) {
      const notice = await stack.mailTo(to, mark);
      assert([say("promoted-subject"), say("password-set-subject")].includes(notice.subject), notice.subject);
    }
    const told = (await stack.mails()).filter((mail) => mail.number > mark && mail.to === email);
    const notice = told.find((mail) => mail.subject === say("promoted-subject"));
    assert(!notice.text.includes(backup) && notice.text.includes(say("mail-former-reason", { product: "Sparekey" })), notice.text);
    await inspector.look(`${language}-mail-promoted`, notice.html, { "content-type": "text/html; charset=utf-8" }, language, { part: true });
    await owner.open(notice.links[0]);
    await sees("undo-promotion", say("undo-title"));
    await owner.page.locator('[name="username"]').fill(username);
    await owner.press(say("undo-submit"));
    await sees("undone-promotion", say("taken-back-title"), say("taken-back-no-password"));
    await person.open("/account");
    assert.equal(new URL(person.page.url()).pathname, "/login", "the other one is signed out");
    for (const visitor of [owner, person]) await visitor.leave();
    await inspector.end();
  });
}
