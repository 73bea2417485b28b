// Takes the screenshots of the README from the real pages: node screenshots.mjs (PORT_BASE moves the stack).
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch, Visitor } from "./browser.mjs";
import { people } from "./people.mjs";
import { Stack } from "./stack.mjs";
import { textsOf } from "./texts.mjs";

/** A README must load quickly. */
const MOST_BYTES = 150_000;
const say = textsOf("en");
const { username, email, password, backup } = people("en").story;
const picture = (name) => fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url));

const portBase = process.env.PORT_BASE ?? 3000;
const stack = await Stack.start([{ username, email, kind: "regular", password, locale: "en" }], { portBase });
const browser = await launch();

/** 600 pixels of a page are 900 in the image. */
const visitor = await Visitor.arrive(browser, stack, { viewport: { width: 600, height: 400 }, deviceScaleFactor: 1.5 });
/** The three columns of the story. */
const columns = [];

/** Saves the page as an image, or as much of it as is named. */
async function keep(name, height) {
  const clip = height && { x: 0, y: 0, width: 600, height };
  await visitor.page.screenshot({ path: picture(name), fullPage: true, clip });
}

/** Saves a page as a column of the story, on a narrow screen. */
async function column(caption, page = visitor.page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 352, height: 680 });
  await page.mouse.move(0, 0);
  await page.evaluate(() => scrollTo(0, 0));
  columns.push({ caption, png: (await page.screenshot()).toString("base64") });
  await page.setViewportSize(before);
}

try {
  await visitor.open("/login");
  await keep("sign-in");
  await visitor.signIn(username, password);
  await visitor.unfold(say("backup-define"));
  await visitor.page.locator("#email").fill(backup);
  await column("Define a backup email");
  await visitor.send("/account/backup", { email: backup });

  const mail = await stack.mailTo(backup, 0);
  // The mailbox has a list beside the email; its script fits the frame to the email.
  const reader = await browser.newPage({ viewport: { width: 900, height: 910 }, locale: "en-GB" });
  await reader.goto(stack.mailbox);
  await reader.locator("nav a").first().click();
  await reader.frameLocator("iframe").getByRole("link", { name: say("verify-action") }).waitFor();
  await reader.screenshot({ path: picture("mail") });
  await reader.goto("about:blank");
  await reader.setContent(mail.html);
  await column("Confirm it from the email", reader);

  await visitor.open(mail.links[0]);
  await keep("confirm");
  await visitor.press(say("confirm-submit"));
  await visitor.open("/account");
  await keep("account", 960);
  await visitor.open((await stack.mailTo(email, 0)).links[0]);
  await keep("undo");
  await visitor.open("/account");
  await visitor.press(say("sign-out"));

  await visitor.open("/login");
  await visitor.send("/login/link", { email: backup });
  await keep("code");
  await visitor.open("/login");
  await visitor.page.locator("#email").fill(backup);
  await column("Get back in through it");

  const story = await browser.newPage({ viewport: { width: 900, height: 600 } });
  const figures = columns.map(
    ({ caption, png }, index) =>
      `<figure><figcaption><b>${index + 1}</b> ${caption}</figcaption><img src="data:image/png;base64,${png}"></figure>`,
  );
  await story.setContent(`<!doctype html><style>
    body { margin: 0; padding: 20px; display: flex; gap: 16px; background: #dcd8ce; font: 600 15px system-ui, sans-serif; color: #20262a; }
    figure { margin: 0; flex: 1; } img { display: block; width: 100%; border-radius: 14px; box-shadow: 0 2px 10px rgb(0 0 0 / 14%); }
    figcaption { display: flex; align-items: center; gap: 8px; margin: 0 0 12px; }
    b { width: 26px; line-height: 26px; text-align: center; border-radius: 50%; color: #fff; background: #1d5c4d; }
  </style>${figures.join("")}`);
  await story.locator("img").last().evaluate((image) => image.decode());
  await story.screenshot({ path: picture("story"), fullPage: true });
  await visitor.leave();
} finally {
  await browser.close();
  await stack.stop();
}

for (const name of ["story", "sign-in", "account", "confirm", "mail", "code", "undo"]) {
  const { size } = await stat(picture(name));
  if (size > MOST_BYTES) throw new Error(`${name}.png has ${size} bytes; ${MOST_BYTES} are the most`);
  console.log(`docs/images/${name}.png: ${Math.ceil(size / 1_000)} KB`);
}
