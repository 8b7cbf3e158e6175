/** What is wrong in a template, and where in its text. */
export interface TemplateProblem {
  readonly at: number;
  readonly message: string;
}
export const templateProblems = (_text: string): readonly TemplateProblem[] => [];
