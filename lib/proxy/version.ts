/** The version of atikit. @module */

/** As in package.json and deno.json. */
export const VERSION: string = "0.2.0";
