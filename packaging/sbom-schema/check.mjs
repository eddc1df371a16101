// check.mjs FILE...: each is a CycloneDX 1.5 document by the schema that CycloneDX publishes, strictly; exit 1 when one is not. That the
// schema is in force is tried with a component of a kind that does not exist.
import { readFileSync } from 'node:fs';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

const schema = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
let failed = process.argv.length === 2;
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8');
  const wrong = await schema.validate(text);
  const broken = JSON.parse(text);
  broken.components[0].type = 'no such kind';
  const passed = (await schema.validate(JSON.stringify(broken))) === null;
  if (wrong !== null) console.error(`${file}: ${JSON.stringify(wrong).slice(0, 1000)}`);
  if (passed) console.error(`${file}: the schema is not in force`);
  failed ||= wrong !== null || passed;
}
process.exit(failed ? 1 : 0);
