// Every page and every email, in each language: accessible, in both colour schemes, and no wider than the window.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { describe, test } from "node:test";
import { Inspector, launch } from "./browser.mjs";
import { everyPage } from "./every-page.mjs";
import { accounts } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { LANGUAGES } from "./texts.mjs";

/** Where to save screenshots of every page, if anywhere. */
const SHOTS = process.env.SHOTS;

/** A document with nothing wrong but what is put into its style and body. */
const page = (style, body) => `<!DOCTYPE html><html lang="en"><head><title>Title</title><meta name="viewport"
content="width=device-width"><style>:root { color-scheme: light dark } ${style}</style></head>
<body><main><h1>Heading</h1>${body}</main></body></html>`;

test("what is wrong with a page is found, in each scheme and width", async () => {
  const browser = await launch();
  try {
    const inspector = await Inspector.start(browser);
    const look = (style, body) =>
      inspector.look("page", page(style, body), { "content-type": "text/html; charset=utf-8" }, "en");
    await look("", "<p>Text</p>");
    const wrong = [
      ["", "<img src='data:,'>", /^light: image-alt/],
      ["", "<form><input name='email'></form>", /^light: label/],
      ["@media (prefers-color-scheme: light) { p { color: #ddd } }", "<p>Text</p>", /^light: color-contrast/],
      ["@media (prefers-color-scheme: dark) { p { color: #333; background: #111 } }", "<p>Text</p>", /^dark: color-contrast/],
      ["button { width: 9px; height: 9px; padding: 0; border: 0; float: left }", "<button>1</button><button>2</button>", /^light: target-size/],
      ["p { width: 400px }", "<p>Text</p>", /^320 px: wider than the window: p Text/m],
    ];
    for (const [style, body, failure] of wrong) {
      await assert.rejects(look(style, body), ({ actual }) => failure.test(actual), String(failure));
    }
  } finally {
    await browser.close();
  }
});

// Beside each other: half of the time goes into waiting for emails. What a walk does to limits and clocks is for all accounts
// of a stack, so each language has its own.
describe("every page and mail is accessible and fits 320 pixels", { concurrency: true }, () => {
  for (const language of LANGUAGES) {
    test(language, async (context) => {
      if (SHOTS) mkdirSync(SHOTS, { recursive: true });
      const stack = await Stack.start(accounts());
      const browser = await launch();
      try {
        const inspector = await Inspector.start(browser, SHOTS);
        const seen = await everyPage({ stack, browser, inspector, language });
        context.diagnostic(`${seen} pages and mails`);
      } finally {
        await browser.close();
        await stack.stop();
      }
    });
  }
});
