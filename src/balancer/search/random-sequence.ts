/** A fixed sequence of numbers from 0 up to 1 (xorshift, Marsaglia 2003): the same steps for the same problem. */
export function randomSequence(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}
