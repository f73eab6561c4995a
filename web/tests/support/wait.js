// Tests wait for what must come, never for time to pass.

/** How long anything may take; a loaded machine is slow. */
export const DEADLINE = Number(process.env.DEADLINE ?? 60_000);

export const pause = ms => new Promise(done => setTimeout(done, ms));

/** Asks again and again until the answer holds, and returns it. */
export async function until(what, ask, deadline = DEADLINE) {
  const end = Date.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadline / 1000} s`);
    await pause(20);
  }
}
