/**
 * Writes down every exported name, by entry, where the tests compare it.
 *
 *     tsx tools/surface.ts
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { readSurface, SURFACE_FILE } from "../tests/house/_surface.ts";

writeFileSync(SURFACE_FILE, readSurface());
console.log("Written: tests/house/public_surface.txt. Read its diff before you commit it.");
