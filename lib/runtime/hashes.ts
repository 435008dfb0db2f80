/** The hash primitives each runtime is fastest at. @module */

import process from "node:process";
import type { Hashes } from "../ports.ts";
import { bunNamespace } from "./_bun.ts";

type NodeCrypto = typeof import("node:crypto");

let loaded: NodeCrypto | undefined;

// Loaded at the first hash: the module costs milliseconds that most commands never need.
function nodeCrypto(): NodeCrypto {
  return loaded ??= process.getBuiltinModule("node:crypto");
}

function sha256(data: Uint8Array): Uint8Array {
  return nodeCrypto().createHash("sha256").update(data).digest();
}

/** {@link Hashes} for Node: synchronous, 4 to 10 times as fast as Web Crypto there. */
export const nativeHashes: Hashes = {
  sha256,
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
    return nodeCrypto().createHmac("sha256", key).update(data).digest();
  },
};

/** {@link Hashes} for Bun: its own, without the streams that `node:crypto` makes of each hash. */
export const bunHashes: Hashes = {
  sha256: (data: Uint8Array): Uint8Array => hashOnBun(data),
  hmacSha256: (key: Uint8Array, data: Uint8Array): Uint8Array => hashOnBun(data, key),
};

function hashOnBun(data: Uint8Array, key?: Uint8Array): Uint8Array {
  const { CryptoHasher } = bunNamespace();
  return new CryptoHasher("sha256", key).update(data).digest();
}

/**
 * {@link Hashes} for Deno, where a hash is quick and an HMAC, native or of Web Crypto, costs five times
 * as much: so it is made of two hashes. Of a key what goes before the data is kept as long as its bytes
 * live; they must not change after their first use.
 */
export const denoHashes: Hashes = {
  sha256,
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
    let pads = knownPads.get(key);
    if (pads === undefined) {
      pads = createPads(key);
      knownPads.set(key, pads);
    }
    return hashBehind(pads.outer, hashBehind(pads.inner, data));
  },
};

interface Pads {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

const BLOCK_BYTES = 64;
const knownPads = new WeakMap<Uint8Array, Pads>();

// RFC 2104 §2: ipad is the byte 0x36, opad 0x5c, a block long; a longer key is hashed first.
function createPads(key: Uint8Array): Pads {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  return { inner: block.map((byte) => byte ^ 0x36), outer: block.map((byte) => byte ^ 0x5c) };
}

function hashBehind(pad: Uint8Array, data: Uint8Array): Uint8Array {
  return nodeCrypto().createHash("sha256").update(pad).update(data).digest();
}
