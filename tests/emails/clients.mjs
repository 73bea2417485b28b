// Checks the HTML and CSS of each email against what large email programs support, by the data of caniemail.com.
//
// usage: node clients.mjs REQUESTS
//
// accepted.json names what a program lacks without harm: why, and, where that depends on it, the values of a property and
// the elements that have a property or attribute. Anything else fails, and so does an entry that no email needs.
import { readFileSync } from "node:fs";
import { caniemail, rawData } from "caniemail";

// Thunderbird is the same program everywhere, and the data is about this one.
const CLIENTS = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "thunderbird.macos", "samsung-email.*"];

const accepted = JSON.parse(readFileSync(new URL("accepted.json", import.meta.url), "utf8"));
const requests = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
const pages = [...new Set(requests.map(({ request }) => request.Content.Simple.Body.Html.Data))];
const failures = new Set();

/** Features of the emails that were not tried in a program. */
const untried = new Set();

/** The issues of a page. The package throws where its data has no entry; that one is noted, and taken as support. */
function issuesOf(content) {
  for (;;) {
    try {
      return caniemail({ clients: CLIENTS, ...content }).issues;
    } catch (error) {
      const [, title, family, platform] = /^Feature "(.+)" not found on "(.+)\.(.+)"\.$/.exec(error.message) ?? [];
      const feature = rawData.data.find((entry) => entry.title === title);
      if (!feature) throw error;
      feature.stats[family] = { ...feature.stats[family], [platform]: { 0: "y" } };
      untried.add(`${title} in ${family}.${platform}`);
    }
  }
}

/** Feature -> the programs that lack it or know only a part, and what there is to know about it. */
const found = new Map();

function check(content) {
  const issues = issuesOf(content);
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

/** The rules inside of `@media`, which the package does not look into. */
function rulesInside(html) {
  const blocks = html.matchAll(/@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}/g);
  return [...blocks].map(([, block]) => block).join("\n");
}

/** Sees that accepted features are used only as their entry says. */
function checkUse(html) {
  for (const [, rules] of html.matchAll(/\{([^{}]*)\}/g)) checkDeclarations(undefined, rules);
  for (const [, element, attributes] of html.matchAll(/<([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>/g)) {
    for (const [, name, value] of attributes.matchAll(/([a-z-]+)="([^"]*)"/g)) {
      if (name === "style") checkDeclarations(element, value);
      else checkEntry(`${name} attribute`, element);
    }
  }
}

function checkDeclarations(element, text) {
  for (const declaration of text.split(";")) {
    const [property, value] = declaration.split(":").map((part) => part.trim());
    if (value) checkEntry(property, element, value.replace(/ !important$/, ""));
    // Of one side: counts as the property for all sides.
    const side = /^(.+)-(?:top|right|bottom|left)$/.exec(property);
    if (value && side) checkEntry(side[1], element, value);
  }
}

function checkEntry(title, element, value) {
  const { on, values } = accepted[title] ?? {};
  if (on && element && !on.includes(element)) failures.add(`${title} on <${element}>: ${accepted[title].why}`);
  if (values && value && !new RegExp(`^(?:${values})$`).test(value)) {
    failures.add(`${title}: ${value}: ${accepted[title].why}`);
  }
}

for (const html of pages) {
  check({ html });
  const css = rulesInside(html);
  if (css) check({ css });
  checkUse(html);
}
for (const [title, { notes }] of found) {
  if (!(title in accepted)) failures.add(`${title}: not accepted. ${[...notes].join(" ")}`);
}
for (const title of Object.keys(accepted)) {
  if (!found.has(title)) failures.add(`${title}: accepted, and no email needs it`);
}
console.log(`email programs: ${pages.length} HTML parts, ${found.size} features that a program lacks, ${failures.size} failures`);
for (const [title, { none, partial }] of found) {
  console.log(`  ${title}: ${accepted[title]?.why ?? "not accepted"}`);
  if (none.size) console.log(`      unsupported: ${[...none].sort().join(", ")}`);
  if (partial.size) console.log(`      partial: ${[...partial].sort().join(", ")}`);
}
if (untried.size) console.log(`  no data: ${[...untried].sort().join(", ")}`);
for (const failure of failures) console.log(`  FAILED  ${failure}`);
process.exit(failures.size ? 1 : 0);
