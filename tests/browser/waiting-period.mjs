// A deployment with a waiting period of a day: what people read, and which address lets them in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

const HOLD_HOURS = 24;

let stack;
let browser;

before(async () => {
  stack = await Stack.start(accounts(), { parameters: [`BackupHoldHours=${HOLD_HOURS}`] });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

for (const language of LANGUAGES) {
  test(`a new backup email waits, and the former one works until then (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password, backup, later } = people(language).story;
    const inspector = await Inspector.start(browser, process.env.SHOTS);
    const visitor = await Visitor.arrive(browser, stack, { language });
    const see = (name, ...expected) => inspector.see(visitor, name, language, ...expected);
    // The date differs from run to run, so only the text around it is compared.
    const around = (key, values) => say(key, { date: "\n", ...values }).split("\n");
    const noticed = async (line, address) => stack.mailTo(email, await visitor.takeBackup(say, line, address));

    await visitor.signIn(username, password);
    const added = await noticed("backup-define", backup);
    for (const words of around("added-held")) assert(added.text.includes(words), added.text);
    await see("confirmed-held", ...around("confirmed-held"));
    await visitor.open("/account");
    await see("account-held", backup, say("held-label"), ...around("backup-held", { backup }));

    await stack.endWaitingPeriods();
    const changed = await noticed("backup-change", later);
    for (const words of around("changed-held")) assert(changed.text.includes(words), changed.text);
    await visitor.open("/account");
    await see("account-changed-held", say("held-label"), ...around("backup-held", { backup: later }), say("backup-held-former", { former: backup }));
    await visitor.press(say("sign-out"));

    // The new one does nothing yet; the former one opens the account.
    const mark = await stack.latestMail();
    for (const address of [later, backup]) {
      await visitor.open("/login");
      await visitor.send("/login/link", { email: address });
    }
    const { links } = await stack.mailTo(backup, mark);
    assert(!(await stack.mails()).some((mail) => mail.number > mark && mail.to === later));
    await visitor.open(links[0]);
    await visitor.press(say("open-submit", { username }));
    await visitor.page.waitForURL("**/account");
    await visitor.leave();
    await inspector.end();
  });
}
