// A product signs people in through Sparekey, with an OpenID Connect client that it did not write itself.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import * as oidc from "openid-client";
import { Inspector, launch, Visitor } from "./browser.mjs";
import { accounts, people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES, textsOf } from "./texts.mjs";

let stack;
let browser;
let product;

/** A product's server: its page says hello, and its client is the one of `cargo dev`. */
class Product {
  static async start(stack) {
    const product = new Product();
    const { id, secret } = stack.demoClient();
    const insecure = { execute: [oidc.allowInsecureRequests] };
    product.config = await oidc.discovery(new URL(stack.page), id, secret, undefined, insecure);
    product.server = createServer((_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8").end('<!doctype html><title>Shop</title><main>Hello</main><link rel="icon" href="data:,">');
    });
    await new Promise((resolve) => product.server.listen(0, "127.0.0.1", resolve));
    product.origin = `http://127.0.0.1:${product.server.address().port}`;
    return product;
  }

  stop() {
    return new Promise((resolve) => this.server.close(resolve));
  }

  /** Where the product sends somebody to sign in. */
  async ask(parameters = {}) {
    this.verifier = oidc.randomPKCECodeVerifier();
    this.state = oidc.randomState();
    this.nonce = oidc.randomNonce();
    return oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: `${this.origin}/callback`,
      scope: "openid profile email",
      code_challenge: await oidc.calculatePKCECodeChallenge(this.verifier),
      code_challenge_method: "S256",
      state: this.state,
      nonce: this.nonce,
      ...parameters,
    });
  }

  /** What the product learns from the address at which somebody came back. */
  async learn(url) {
    const tokens = await oidc.authorizationCodeGrant(this.config, new URL(url), {
      pkceCodeVerifier: this.verifier,
      expectedState: this.state,
      expectedNonce: this.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    return { tokens, claims, person: await oidc.fetchUserInfo(this.config, tokens.access_token, claims.sub) };
  }
}

before(async () => {
  stack = await Stack.start(accounts());
  browser = await launch();
  product = await Product.start(stack);
});

after(async () => {
  await product?.stop();
  await browser?.close();
  await stack?.stop();
});

/** Somebody who may leave for the product. */
async function arrive(language) {
  const visitor = await Visitor.arrive(browser, stack, { language });
  visitor.elsewhere.push(product.origin);
  return visitor;
}

for (const language of LANGUAGES) {
  test(`a password leads on to the product, and the product asks to sign out (${language})`, async () => {
    const say = textsOf(language);
    const { username, email, password } = people(language).story;
    const inspector = await Inspector.start(browser, process.env.SHOTS);
    const visitor = await arrive(language);
    const see = (name, ...expected) => inspector.see(visitor, name, language, ...expected);

    await visitor.page.goto((await product.ask()).href);
    await see("sign-in-client", say("sign-in-client", { client: "Demo product" }));
    // A wrong password does not lose the way.
    await visitor.send("/login", { identifier: username, password: "not the password" });
    await see("sign-in-client-wrong", say("sign-in-client", { client: "Demo product" }));
    await visitor.send("/login", { identifier: username, password });
    await visitor.page.waitForURL(`${product.origin}/**`);
    const { tokens, claims, person } = await product.learn(visitor.page.url());
    assert.equal(person.preferred_username, username);
    assert.equal(person.email, email);
    assert.deepEqual([claims.amr, claims.sparekey_recovery], [["pwd"], false]);

    // Whoever is signed in is not asked again.
    await visitor.page.goto((await product.ask({ prompt: "none" })).href);
    assert.equal((await product.learn(visitor.page.url())).claims.sub, claims.sub);

    const out = oidc.buildEndSessionUrl(product.config, { id_token_hint: tokens.id_token });
    await visitor.page.goto(out.href);
    await see("client-sign-out", say("oidc-sign-out-title"));
    await visitor.press(say("oidc-sign-out-submit"));
    await see("client-signed-out", say("oidc-signed-out-title"));
    await assert.rejects(oidc.fetchUserInfo(product.config, tokens.access_token, claims.sub));
    await visitor.page.goto((await product.ask({ prompt: "none" })).href);
    await assert.rejects(product.learn(visitor.page.url()), { error: "login_required" });
    await visitor.leave();
  });
}

test("a link from an email leads on to the product too, and the product is told of a recovery", async () => {
  const say = textsOf("en");
  const { username, password, backup } = people("en").story;
  const owner = await Visitor.arrive(browser, stack);
  await owner.signIn(username, password);
  await owner.takeBackup(say, "backup-define", backup);
  await owner.leave();

  const visitor = await arrive("en");
  await visitor.page.goto((await product.ask({ login_hint: backup })).href);
  assert.equal(await visitor.page.locator('form[action="/login/link"] [name="email"]').inputValue(), backup);
  await stack.clearLimits();
  const asked = await stack.latestMail();
  await visitor.send("/login/link", { email: backup });
  await visitor.open((await stack.mailTo(backup, asked)).links[0]);
  await visitor.press(say("open-submit", { username }));
  await visitor.page.waitForURL(`${product.origin}/**`);
  const { claims, person } = await product.learn(visitor.page.url());
  assert.equal(person.preferred_username, username);
  assert.deepEqual([claims.amr, claims.sparekey_recovery], [["otp"], true]);
  await visitor.leave();
});

for (const language of LANGUAGES) {
  test(`a link that is opened on another device says where the product waits (${language})`, async () => {
    const say = textsOf(language);
    const { username, email } = people(language).devices;
    const client = "Demo product";
    const inspector = await Inspector.start(browser, process.env.SHOTS);
    const [laptop, phone] = [await arrive(language), await arrive(language)];
    const ask = async () => {
      await stack.clearLimits();
      const before = await stack.latestMail();
      await laptop.open("/login");
      await laptop.send("/login/link", { email });
      return (await stack.mailTo(email, before)).links[0];
    };

    await laptop.page.goto((await product.ask()).href);
    let link = await ask();
    await phone.open(link);
    await inspector.see(phone, "open-link-elsewhere", language, say("open-elsewhere", { client }));
    await phone.enterCode(await laptop.shownCode(), say("open-submit", { username }));
    await inspector.see(phone, "account-elsewhere", language, say("account-elsewhere", { client }));
    await phone.page.reload();
    assert(!(await phone.page.locator("main").innerText()).includes(client), "it is said once");

    // In the other browser nobody is signed in. A new link that is opened there leads on.
    await laptop.open("/account");
    assert.equal(await laptop.heading(), say("sign-in-title"));
    link = await ask();
    await laptop.open(link);
    assert(!(await laptop.page.locator("main").innerText()).includes(client), "here there is nothing to say");
    await laptop.press(say("open-submit", { username }));
    await laptop.page.waitForURL(`${product.origin}/**`);
    assert.equal((await product.learn(laptop.page.url())).person.preferred_username, username);

    // Or the product itself, in the browser that is signed in.
    await phone.page.goto((await product.ask()).href);
    assert.equal((await product.learn(phone.page.url())).person.preferred_username, username);
    await Promise.all([laptop.leave(), phone.leave(), inspector.end()]);
  });
}
