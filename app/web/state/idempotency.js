/** The same key for the same order, so that repeating a lost request does not create a second job. */

export class OrderKey {
  key = "";
  of = "";

  /** @param {unknown[]} order all that it is made of */
  for(order) {
    const now = JSON.stringify(order);
    if (!this.key || now !== this.of) {
      this.key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    }
    this.of = now;
    return this.key;
  }

  /** It has become a job: the next one is another, even if it is the same. */
  spend() {
    this.key = "";
  }
}
