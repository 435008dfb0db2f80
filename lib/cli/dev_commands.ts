/** The commands that `ati dev` prints: plain `sh`, to be pasted as they are, at any time. @module */

import { type DevState, ECHO_PREFIX } from "./dev_state.ts";
import { quoteShell } from "./shell.ts";

const SIGNED_PATH = `${ECHO_PREFIX}/hello`;

/** A command and what it shows. */
export interface DevCommand {
  /** What to expect. */
  readonly title: string;
  /** One line for `sh`. */
  readonly command: string;
}

/**
 * The commands. Secrets are read from their files, so that none is on the screen; the signature is
 * made when the command runs, since a printed one would expire within a minute.
 */
export function listCommands(url: string, state: DevState): readonly DevCommand[] {
  const token = `$(cat ${quoteShell(state.tokenFile)})`;
  const key = `hexkey:$(cat ${quoteShell(state.secretFile)})`;
  const mac = `openssl dgst -sha256 -mac HMAC -macopt "${key}" | sed 's/.*= *//'`;
  const curl = "curl -sS -w '\\n'";
  return [
    {
      title: "Who the session token makes you",
      command: `${curl} ${url}/whoami -H "Authorization: Bearer ${token}"`,
    },
    {
      title: "Refused: a request without a signature",
      command: `${curl} ${url}${SIGNED_PATH}`,
    },
    {
      title: "Forwarded: a signed request; the upstream shows the credential that was injected",
      command: `t=$(date +%s) && s=$(printf '%s.GET.${SIGNED_PATH}' "$t" | ${mac}) && ` +
        `${curl} ${url}${SIGNED_PATH} -H "X-Sandbox-Signature: t=$t,s=$s"`,
    },
  ];
}
