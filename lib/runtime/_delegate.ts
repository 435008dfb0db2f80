/** Objects that stand for a standard one, which is made when it is needed. @module */

/** Whoever can make the standard object it stands for. */
interface Stand {
  standard(): object;
}

/**
 * Gives a class everything of a standard class that it does not have itself, `instanceof` included: each
 * use of it makes the standard object.
 *
 * @param ours Prototype of the class.
 * @param theirs Prototype of the standard class.
 */
export function delegate(ours: Stand, theirs: object): void {
  // Symbols too: what shows the object on a console looks into private fields.
  for (const name of Reflect.ownKeys(theirs)) {
    const { get, value } = Reflect.getOwnPropertyDescriptor(theirs, name)!;
    if (name in ours || (get === undefined && typeof value !== "function")) continue;
    Object.defineProperty(ours, name, {
      configurable: true,
      get(this: Stand): unknown {
        const real = this.standard();
        return get === undefined ? (value as () => unknown).bind(real) : get.call(real);
      },
    });
  }
  Object.setPrototypeOf(ours, theirs);
}
