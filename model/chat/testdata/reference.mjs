// Answers TestInterop with what @huggingface/jinja does: node reference.mjs FOLDER, where FOLDER/node_modules holds it.
//
// stdin and stdout are JSON, as for reference.py: a list of {"template", "variables"} -> a list of {"text"} or {"error"}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { Template } = createRequire(pathToFileURL(process.argv[2] + "/"))("@huggingface/jinja");
const answers = JSON.parse(readFileSync(0, "utf8")).map(({ template, variables }) => {
  try {
    return { text: new Template(template).render(variables) }; // it has raise_exception of its own
  } catch (e) {
    return { error: String(e) };
  }
});
process.stdout.write(JSON.stringify(answers));
