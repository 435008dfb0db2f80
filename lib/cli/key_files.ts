/** The ES256 key files of a state directory. @module */

import { encodeUtf8 } from "../encoding/utf8.ts";
import { generateEs256KeyPair } from "../jwt/generate.ts";
import type { FileStore } from "../ports.ts";

/** Name of the private key's file. */
export const PRIVATE_KEY_FILE: string = "jwt-private.pem";
/** Name of the public key's file. */
export const PUBLIC_KEY_FILE: string = "jwt-public.pem";

/**
 * Writes a fresh pair: the private key with mode 0600, the public one with 0644.
 *
 * @throws {FileError} `ERR_FILE_EXISTS` when there is a private key and `replace` is not set: of two
 *   that start at once only one may set the pair.
 */
export async function writeKeyPair(
  directory: string,
  files: FileStore,
  options: { readonly replace?: boolean } = {},
): Promise<void> {
  const { privatePem, publicPem } = await generateEs256KeyPair();
  await files.write(`${directory}/${PRIVATE_KEY_FILE}`, encodeUtf8(privatePem), {
    mode: 0o600,
    exclusive: options.replace !== true,
  });
  await files.write(`${directory}/${PUBLIC_KEY_FILE}`, encodeUtf8(publicPem), { mode: 0o644 });
}
