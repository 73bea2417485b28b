// The people of the tests: in each language one for each role. All addresses are reserved by RFC 2606.
import { LANGUAGES } from "./texts.mjs";

/** The longest possible username, without a place to break. */
const LONG_USERNAME = "WilhelminaVanDeLangeNaamDieMaarNietWilEindigen".padEnd(62, "x");
/** The longest possible address, 254 bytes, without a place to break. */
const longAddress = (first) =>
  `${first.repeat(64)}@${[63, 63].map((length) => "w".repeat(length)).join(".")}.${"m".repeat(49)}.example.com`;

const NAMES = {
  en: { story: "mina", other: "mira", backup: "mina.spare@example.org", password: "correct horse battery" },
  nl: { story: "joris", other: "femke", backup: "joris.reserve@example.net", password: "zeven groene fietsen" },
  da: { story: "søren", other: "astrid", backup: "soeren.ekstra@example.com", password: "fire røde både" },
};

/** The people of one language, by role. */
export function people(language) {
  const { story, other, backup, password } = NAMES[language];
  const email = (name) => `${name.replace("ø", "oe")}@example.com`;
  return {
    /** Goes through all flows. */
    story: { username: story, email: email(story), password, backup, later: email(`${language}.later`) },
    /** Shows every page. */
    walker: { username: other, email: email(other), password, backup: email(`${language}.walker`) },
    /** Requests the walker's address. */
    rival: { username: `${other}.2`, email: email(`${other}.2`), password },
    /** Uses the keyboard only. */
    keyboard: { username: `keys.${language}`, email: email(`keys.${language}`), password, backup: email(`keys.2.${language}`) },
    /** Has a browser that runs scripts. */
    scripts: { username: `scripts.${language}`, email: email(`scripts.${language}`), password, backup: email(`scripts.2.${language}`) },
    /** Has a laptop and a phone. */
    devices: { username: `two.${language}`, email: email(`two.${language}`), password, backup: email(`two.2.${language}`) },
    /** Was robbed: undoes changes. */
    robbed: {
      username: `robbed.${language}`,
      email: email(`robbed.${language}`),
      // As long as a new password must be.
      password: `${password} kaktus`,
      backup: email(`robbed.2.${language}`),
      later: email(`robbed.3.${language}`),
    },
    /** Gets links that a machine reads first. */
    scanned: { username: `read.${language}`, email: email(`read.${language}`), password, backup: email(`read.2.${language}`), later: email(`read.3.${language}`) },
    /** Signs in through single sign-on. */
    sso: { username: `sso.${language}`, email: email(`sso.${language}`) },
    /** Has the longest name and address. */
    long: {
      username: `${LONG_USERNAME}${language}`,
      email: longAddress(language[0]),
      password,
      backup: longAddress("b" + language[0]).slice(64),
      later: longAddress("c" + language[0]).slice(64),
    },
  };
}

/** The accounts to start the stack with. */
export function accounts() {
  return LANGUAGES.flatMap((locale) =>
    Object.values(people(locale)).map(({ username, email, password }) =>
      password
        ? { username, email, kind: "regular", password, locale }
        : { username, email, kind: "sso", locale },
    ),
  );
}
