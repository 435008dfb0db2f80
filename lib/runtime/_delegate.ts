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
  for (
    const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(theirs))
  ) {
    if (name in ours) continue;
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
