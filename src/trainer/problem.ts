/** An error whose message is meant for the person who started the run: what happened, to what, what to do. No stack. */
export class Problem extends Error {
  override readonly name = 'Problem';
}
