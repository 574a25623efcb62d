/** What is wrong with the set-up, one line each: the receiver does not start with any of it. */
export class SetupError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SetupError';
    this.problems = problems;
  }
}
