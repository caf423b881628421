// Waiting with a deadline: every wait in these tests ends, and none is a fixed sleep.

// How long to wait for what must happen, in milliseconds. Shorter while a test is expected to fail.
export const patience = { ms: 30_000 };

// Resolves as `promise` does, or rejects once `ms` have passed.
export async function within(promise, what, ms = patience.ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Calls `probe` until it returns a truthy value, which is returned.
export async function eventually(what, probe, ms = patience.ms, every = 20) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

// A first-in first-out queue whose readers wait, with a deadline, for what writers push.
export class Inbox {
  #items = [];
  #waiting = [];
  #ended = null;

  push(item) {
    const reader = this.#waiting.shift();
    if (reader) reader.resolve(item);
    else this.#items.push(item);
  }

  // What is in the queue can still be read; after it every reader gets `error`.
  end(error) {
    if (this.#ended) return;
    this.#ended = error;
    for (const reader of this.#waiting.splice(0)) reader.reject(error);
  }

  get size() {
    return this.#items.length;
  }

  async next(what = "next item", ms = patience.ms) {
    if (this.#items.length > 0) return this.#items.shift();
    if (this.#ended) throw this.#ended;
    let reader;
    const item = new Promise((resolve, reject) => {
      reader = { resolve, reject };
      this.#waiting.push(reader);
    });
    try {
      return await within(item, what, ms);
    } finally {
      this.#waiting = this.#waiting.filter((other) => other !== reader);
    }
  }
}
