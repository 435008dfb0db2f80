/** Where the keyring's files lie in a state directory. @module */

/** Paths of one state directory. */
export interface KeyringPaths {
  /** Plaintext credentials, JSON. */
  readonly credentials: string;
  /** The sealed keyring. */
  readonly sealed: string;
  /** The persistent key of the sealed keyring. */
  readonly key: string;
}

/** Where a one-shot key lies unless `ATI_KEY_FILE` says otherwise. */
export const DEFAULT_ONE_SHOT_KEY_FILE: string = "/run/ati/.key";

/**
 * The paths of a state directory's keyring files.
 *
 * @param directory The state directory, with or without a slash at the end.
 * @throws {TypeError} When it is empty: the paths would lie in the root.
 */
export function keyringPaths(directory: string): KeyringPaths {
  if (directory === "") throw new TypeError("Cannot find the keyring: the directory is empty");
  const folder = directory.replace(/\/+$/, "");
  return {
    credentials: `${folder}/credentials`,
    sealed: `${folder}/keyring.enc`,
    key: `${folder}/.keyring-key`,
  };
}
