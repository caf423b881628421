// Tokens as an application that already has users would mint them.
import { createHmac, generateKeyPairSync, sign } from "node:crypto";

export const kSecret = "e2e-secret-0123456789abcdef0123456789abcdef0123456789abcdef01234";

const encode = (part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

export const now = () => Math.floor(Date.now() / 1000);

// `claims` are merged over {sub, exp in an hour}; a claim of undefined is left out.
export function mint(sub, claims = {}, { secret = kSecret, header = {} } = {}) {
  return signed({ alg: "HS256", typ: "JWT", ...header }, { sub, exp: now() + 3600, ...claims }, (input) =>
    createHmac("sha256", secret).update(input).digest(),
  );
}

// `signer` turns the signing input into the signature's bytes.
export function signed(header, claims, signer) {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${Buffer.from(signer(input)).toString("base64url")}`;
}

// A key pair {kid, alg, jwk (public), mint(sub, claims, header)}; `alg` is EdDSA or RS256.
export function keyPair(alg, kid) {
  const { publicKey, privateKey } =
    alg === "EdDSA" ? generateKeyPairSync("ed25519") : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  const bytes = (input) => sign(alg === "EdDSA" ? null : "sha256", Buffer.from(input), privateKey);
  return {
    kid,
    alg,
    jwk,
    pem: publicKey.export({ type: "spki", format: "pem" }),
    mint: (sub, claims = {}, header = {}) =>
      signed({ alg, typ: "JWT", kid, ...header }, { sub, exp: now() + 3600, ...claims }, bytes),
  };
}
