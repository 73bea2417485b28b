// Email that fails, and a backup email that nobody has used for half a year: what people read, and what they do about it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack, until } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

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
  test(`an address to which email fails is named, and a mailbox that may be gone is asked about (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password, backup } = people(language).story;
    const inspector = await Inspector.start(browser, process.env.SHOTS);
    const visitor = await Visitor.arrive(browser, stack, { language });
    const see = (name, ...expected) => inspector.see(visitor, name, language, ...expected);
    // The date differs from run to run, so only the text around it is compared.
    const around = (key, values) => say(key, { date: "\n", ...values }).split("\n").map((words) => words.trim());

    await visitor.signIn(username, password);
    await visitor.takeBackup(say, "backup-define", backup);
    await stack.confirmLongAgo();
    await stack.clearLimits();
    await visitor.open("/account");
    await see("account-in-question", ...around("delivery-question"), say("delivery-question-send"));
    const asked = await stack.latestMail();
    await visitor.press(say("delivery-question-send"));
    await see("account-asked-again", say("pending-label"), say("confirmed-label"));
    await visitor.open((await stack.mailTo(backup, asked)).links[0]);
    await visitor.press(say("confirm-submit"));
    await visitor.open("/account");
    const text = await visitor.page.locator("main").innerText();
    assert(!text.includes(say("delivery-question-send")), text);

    // A report counts from the second after the link was used.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const told = await stack.latestMail();
    await stack.bounce(backup, asked);
    const notice = await stack.mailTo(email, told);
    assert.equal(notice.subject, say("bounced-subject"));
    assert(notice.text.includes(say("undeliverable-explain")), notice.text);
    await visitor.open("/account");
    await see("account-backup-bounced", ...around("delivery-backup-bounced"), say("delivery-backup-effect"));

    // A notice that is reported as spam changes nothing; a sign-in link that is, ends up in a note.
    await stack.complain(email, told);
    const linked = await stack.latestMail();
    await stack.requestLink(email);
    await stack.complain(email, linked);
    await until("the report", 15_000, async () => {
      await visitor.open("/account");
      return (await visitor.page.locator("main").innerText()).includes(say("delivery-primary-effect"));
    });
    await see("account-primary-complained", ...around("delivery-primary-complained"), say("primary-title"));
    const first = await visitor.page.locator("main h1 + *").innerText();
    assert(first.includes(say("delivery-primary-effect")), "it stands first");
    await visitor.leave();
    await inspector.end();
  });
}

test("the mailbox plays a bounce and a complaint with its buttons", async () => {
  const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
  await stack.requestLink(people("en").story.backup);
  await page.goto(stack.mailbox);
  await page.locator("nav a").first().click();
  await page.getByRole("button", { name: "This address bounces" }).click();
  await page.getByText("on the suppression list").first().waitFor();
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/mailbox-unreachable.png`, fullPage: true });
  await page.locator("nav a").first().click();
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/mailbox-buttons.png`, fullPage: true });
  await page.close();
});
