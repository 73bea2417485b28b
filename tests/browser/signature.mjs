// Signature Version 4, as a product's back end signs its requests to the account API without an SDK of AWS:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac } from "node:crypto";

const ALGORITHM = "AWS4-HMAC-SHA256";
const REGION = "us-east-1";
const SIGNED = "host;x-amz-date";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/** The headers that sign a request. Its address has no query, and no character that would have to be encoded. */
export function signature({ id, secret }, method, url, body) {
  const { host, pathname } = new URL(url);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const request = [method, pathname, "", `host:${host}`, `x-amz-date:${date}`, "", SIGNED, sha256(body)].join("\n");
  const scope = [date.slice(0, 8), REGION, "execute-api", "aws4_request"];
  const key = scope.reduce((key, part) => hmac(key, part), `AWS4${secret}`);
  const signed = hmac(key, [ALGORITHM, date, scope.join("/"), sha256(request)].join("\n")).toString("hex");
  return {
    "x-amz-date": date,
    authorization: `${ALGORITHM} Credential=${id}/${scope.join("/")}, SignedHeaders=${SIGNED}, Signature=${signed}`,
  };
}
