// Another address becomes the primary: asked for on a laptop, confirmed on a telephone with the code. The former mailbox undoes it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

/** The default of the template's PrimaryHoldHours. */
const HOLD_HOURS = 72;

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
  test(`another address becomes the primary (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password, backup: address } = people(language).story;
    const inspector = await Inspector.start(browser, process.env.SHOTS);
    const [laptop, phone, elsewhere] = await Promise.all(
      ["laptop", "phone", "elsewhere"].map(() => Visitor.arrive(browser, stack, { language })),
    );
    const see = (visitor, name, ...expected) => inspector.see(visitor, name, language, ...expected);

    await elsewhere.signIn(username, password);
    await laptop.signIn(username, password);
    await laptop.page.getByRole("link", { name: say("primary-title") }).click();
    await see(laptop, "primary", say("primary-explain", { primary: email }), say("promote-ends"));
    await laptop.send("/account/primary", { email }, { unchecked: true });
    await see(laptop, "primary-same", say("problem-same-as-primary"));
    await stack.clearLimits();
    const asked = await stack.latestMail();
    await laptop.send("/account/primary", { email: address });
    await laptop.page.waitForURL("**/account");
    await see(laptop, "primary-pending", say("banner-confirmation-requested"), say("pending-label"), address, email);
    const code = await laptop.shownCode();

    const warning = await stack.mailTo(email, asked);
    assert.equal(warning.subject, say("primary-requested-subject"));
    assert(!warning.text.includes(address), warning.text);
    const request = await stack.mailTo(address, asked);
    assert.equal(request.subject, say("verify-primary-subject"));
    await inspector.look(`${language}-mail-verify-primary`, request.html, { "content-type": "text/html; charset=utf-8" }, language, { part: true });

    await phone.open(request.links[0]);
    await see(phone, "confirm-primary", say("confirm-primary-explain"), `${HOLD_HOURS}`, say("code-label"));
    assert(!(await phone.page.locator("main").innerText()).includes(email), "the present primary is masked");
    const confirmed = await stack.latestMail();
    await phone.enterCode(code, say("confirm-submit"));
    await see(phone, "primary-confirmed", say("primary-confirmed-title"), address);
    await laptop.open("/account");
    await see(laptop, "primary-changed", address, email, say("history-title"));
    await elsewhere.open("/account");
    assert.equal(new URL(elsewhere.page.url()).pathname, "/login", "all others are signed out");
    await laptop.open("/account/primary");
    await see(laptop, "primary-too-new", say("problem-primary-too-new"));

    const notice = await stack.mailTo(email, confirmed);
    assert.equal(notice.subject, say("primary-changed-subject"));
    assert((await stack.mailTo(address, confirmed)).text.includes(say("mail-notice-reason", { product: "Sparekey" })));
    await elsewhere.open(notice.links[0]);
    await see(elsewhere, "undo-primary", say("undo-title"));
    await elsewhere.page.locator('[name="username"]').fill(username);
    await elsewhere.press(say("undo-submit"));
    await see(elsewhere, "undone-primary", say("taken-back-title"));
    await laptop.open("/account");
    assert.equal(new URL(laptop.page.url()).pathname, "/login", "the laptop is signed out");
    for (const visitor of [laptop, phone, elsewhere]) await visitor.leave();
    await inspector.end();
  });
}
