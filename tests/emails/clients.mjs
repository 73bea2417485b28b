// Checks the HTML and CSS of each email against what large email programs support, by the data of caniemail.com.
//
// usage: node clients.mjs REQUESTS
//
// What accepted.json names is lost there without harm, each with a reason. Anything else fails, and so does an entry
// of that file that no email needs.
import { readFileSync } from "node:fs";
import { caniemail } from "caniemail";

const CLIENTS = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "thunderbird.*", "samsung-email.*"];

const accepted = JSON.parse(readFileSync(new URL("accepted.json", import.meta.url), "utf8"));
const requests = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const pages = [...new Set(requests.map(({ request }) => request.Content.Simple.Body.Html.Data))];

/** The rules inside of `@media`, which the package does not look into. */
function inner(html) {
  const rules = [];
  for (const [, style] of html.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/g)) {
    for (const [, block] of style.matchAll(/@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}/g)) rules.push(block);
  }
  return rules.join("\n");
}

/** Feature -> { none: clients, partial: clients, notes }. */
const found = new Map();

function check(content) {
  const { issues } = caniemail({ clients: CLIENTS, ...content });
  for (const [support, map] of [["none", issues.errors], ["partial", issues.warnings]]) {
    for (const [client, features] of map) {
      for (const { title, notes } of features) {
        if (!found.has(title)) found.set(title, { none: new Set(), partial: new Set(), notes: new Set() });
        found.get(title)[support].add(client);
        for (const note of notes) found.get(title).notes.add(note);
      }
    }
  }
}

for (const html of pages) {
  check({ html });
  const css = inner(html);
  if (css) check({ css });
}

const refused = [...found.keys()].filter((title) => !(title in accepted));
const unneeded = Object.keys(accepted).filter((title) => !found.has(title));
console.log(
  `email programs: ${pages.length} HTML parts, ${found.size} features that one of them lacks, ${refused.length} not accepted`,
);
for (const [title, { none, partial, notes }] of found) {
  console.log(`  ${title in accepted ? "accepted" : "FAILED"}  ${title}`);
  if (none.size) console.log(`      unsupported: ${[...none].sort().join(", ")}`);
  if (partial.size) console.log(`      partial: ${[...partial].sort().join(", ")}`);
  if (title in accepted) console.log(`      ${accepted[title]}`);
  else for (const note of notes) console.log(`      ${note}`);
}
for (const title of unneeded) console.log(`  FAILED  accepted.json has ${title}, which no email needs`);
process.exit(refused.length + unneeded.length ? 1 : 0);
