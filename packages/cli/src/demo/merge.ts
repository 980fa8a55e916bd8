/** Two classifiers of some digits become one for all. */
import { repositoryFile, type Section } from "./stage.ts";

const methods = "average,fisher,regmean,ggn,function";
const report = "hessonite-merge-report.html";

export const merge: Section = async (stage) => {
  stage.heading("Two classifiers, of the digits 0–4 and 5–9, become one for all ten");
  const recipe = repositoryFile("packages/merge/testdata/digits/recipe.yaml");
  const code = await stage.run(["merge", recipe, "--compare", methods, "--report", report]);
  stage.reported(report);
  return code;
};
