// Waiting for a condition with a deadline: the only way these scenarios wait.

/** Asks until the answer is truthy and gives it; throws with the last answer or error after `within` ms. */
export async function until(what, ask, { within = 30_000, every = 100 } = {}) {
  const deadline = Date.now() + within;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`not within ${within} ms: ${what}; last seen: ${seen}`);
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
