// The texts of the pages, read from the locale files: a test finds a button by its label.
import { readFileSync } from "node:fs";

export const LANGUAGES = ["en", "nl", "da"];

/** The texts of one language, as a function of key and arguments. */
export function textsOf(language) {
  const messages = new Map();
  for (const file of ["pages", "problems", "mails"]) {
    const source = readFileSync(new URL(`../../shared/locales/${language}/${file}.ftl`, import.meta.url), "utf8");
    for (const [, key, value] of source.matchAll(/^([a-z0-9-]+) = (.*)$/gm)) messages.set(key, value);
  }
  return function say(key, values = {}) {
    const message = messages.get(key);
    if (message === undefined) throw new Error(`${language} has no text ${key}`);
    return message
      .replace(/\{ ([a-z-]+) \}/g, (_, other) => say(other, values))
      .replace(/\{ \$([a-z]+) \}/g, (_, name) => values[name] ?? `{${name}}`);
  };
}
