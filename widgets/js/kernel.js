// Messages to the kernel, and what comes back from it.

const SILENCE = 8000; // ms after which a page says that nobody answers
export const SEND_EVERY = 100; // ms between two messages in the middle of a drag

/** Numbers that the kernel sent as bytes. */
export function typed(view, Type) {
  if (!view) return new Type(0);
  return new Type(view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view);
}

/** Changed traits to the kernel: `soon` at most every `every` ms, `now` at once, `flush` what is still waiting. */
export function messages(model, every = SEND_EVERY) {
  let [last, waiting] = [0, 0];
  const now = () => {
    clearTimeout(waiting);
    waiting = 0;
    last = performance.now();
    model.save_changes();
  };
  return {
    now,
    soon() {
      if (!waiting && Number.isFinite(every)) waiting = setTimeout(now, Math.max(0, every - (performance.now() - last)));
    },
    flush() {
      if (waiting) now();
    },
  };
}

/**
 * Requests to the kernel, each with a name of its own; of those within `wait` ms only the newest is sent: at their end
 * (`steady`), or once none has followed for so long. One that comes after a rest is sent at once (`lead`).
 */
export function requests(model, { wait, onSilence, steady = false, lead = false }) {
  const view = `view ${Math.random().toString(36).slice(2)} `;
  let [count, timer, guard, wanted, last] = [0, 0, 0, null, -Infinity];
  const newest = () => view + count;
  const silent = () => {
    guard = 0;
    onSilence();
  };
  function send() {
    clearTimeout(timer);
    timer = 0;
    try {
      model.send({ request: newest(), ...wanted });
    } catch { // the kernel that made this view is gone
      silent();
    }
  }
  return {
    /** Whether a message answers the newest request of this view, or is none of this view's at all. */
    current: ({ request }) => !request.startsWith(view) || request === newest(),
    mine: ({ request }) => request === newest(),
    waiting: () => Boolean(guard),
    ask(content) {
      count += 1;
      wanted = content;
      clearTimeout(guard);
      guard = setTimeout(silent, SILENCE);
      const now = performance.now();
      const rested = !timer && now - last >= wait;
      last = now;
      if (lead && rested) send();
      else if (!(steady && timer)) {
        clearTimeout(timer);
        timer = setTimeout(send, wait);
      }
    },
    flush() {
      if (timer) send();
    },
    done() {
      clearTimeout(timer);
      clearTimeout(guard);
      timer = guard = 0;
    },
  };
}
