/** Why TensorFlow could not be installed, for the person who wanted it: what happened and what to do. */
export class InstallProblem extends Error {
  override readonly name = 'InstallProblem';
}
