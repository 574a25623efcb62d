/**
 * Has things done one after the other, in the order asked for.
 * @returns what takes the next one: it begins when those before it have ended, however they ended, and resolves or rejects as it does.
 */
export function oneAtATime(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const turn = last.then(act);
    last = turn.catch(() => undefined);
    return turn;
  };
}
