// A Node site that signs people in through Sparekey, with openid-client.
//
//     npm install openid-client
//     ISSUER=http://127.0.0.1:3000 CLIENT_ID=… CLIENT_SECRET=… node node.mjs 8400
//
// Registered with the redirect address http://127.0.0.1/callback.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import * as oidc from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const port = Number(process.argv[2] ?? 8400);
const callback = `http://127.0.0.1:${port}/callback`;
// Only the local stack has no TLS.
const execute = ISSUER.startsWith("http://127.0.0.1") ? [oidc.allowInsecureRequests] : [];
const config = await oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, { execute });
/** What each browser waits for, and who is signed in there. */
const sessions = new Map();

async function answer(request, response) {
  const url = new URL(request.url, callback);
  const id = /session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? randomUUID();
  const session = sessions.get(id) ?? {};
  sessions.set(id, session);
  response.setHeader("set-cookie", `session=${id}; HttpOnly; Path=/; SameSite=Lax`);
  if (url.pathname === "/login") {
    session.verifier = oidc.randomPKCECodeVerifier();
    session.nonce = oidc.randomNonce();
    session.state = oidc.randomState();
    const to = oidc.buildAuthorizationUrl(config, {
      redirect_uri: callback,
      scope: "openid profile email",
      code_challenge: await oidc.calculatePKCECodeChallenge(session.verifier),
      code_challenge_method: "S256",
      nonce: session.nonce,
      state: session.state,
    });
    return response.writeHead(302, { location: to.href }).end();
  }
  if (url.pathname === "/callback") {
    const checks = { pkceCodeVerifier: session.verifier, expectedNonce: session.nonce, expectedState: session.state };
    const tokens = await oidc.authorizationCodeGrant(config, url, { ...checks, idTokenExpected: true });
    const { sub, sparekey_recovery: recovery } = tokens.claims();
    const { preferred_username: name, email } = await oidc.fetchUserInfo(config, tokens.access_token, sub);
    session.person = { sub, name, email, recovery };
    return response.writeHead(302, { location: "/" }).end();
  }
  response.setHeader("content-type", "application/json").end(JSON.stringify(session.person ?? { sign_in: "/login" }));
}

createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(400).end(String(error)));
}).listen(port, "127.0.0.1");
