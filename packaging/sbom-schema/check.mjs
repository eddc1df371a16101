// check.mjs FILE...: each *.cdx.json is a CycloneDX 1.5 document by the schema that CycloneDX publishes, strictly; each *.spdx.json is
// what SPDX 2.3 asks for (spdx.mjs); exit 1 when one is not. That a schema is in force is tried with documents that are broken.
import { readFileSync } from 'node:fs';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { Ajv } from 'ajv';
import { references, schema } from './spdx.mjs';

const cyclonedx = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
const spdx = new Ajv({ allErrors: true }).compile(schema);

// What is wrong with a document, or null; and ways to break one.
const kinds = {
  'cdx.json': {
    wrong: async (document) => cyclonedx.validate(JSON.stringify(document)),
    breaks: [(document) => (document.components[0].type = 'no such kind')],
  },
  'spdx.json': {
    wrong: async (document) => (spdx(document) ? references(document) : spdx.errors),
    breaks: [
      (document) => delete document.packages[0].downloadLocation,
      (document) => (document.packages[1].SPDXID = document.packages[0].SPDXID),
      (document) => (document.relationships[1].relatedSpdxElement = 'SPDXRef-nowhere'),
      (document) => document.relationships.pop(),
      (document) => (document.colour = 'red'),
    ],
  },
};

let failed = process.argv.length === 2;
for (const file of process.argv.slice(2)) {
  const kind = kinds[file.split('.').slice(-2).join('.')];
  const text = readFileSync(file, 'utf8');
  const wrong = kind ? await kind.wrong(JSON.parse(text)) : 'neither .cdx.json nor .spdx.json';
  if (wrong !== null) console.error(`${file}: ${JSON.stringify(wrong).slice(0, 1000)}`);
  failed ||= wrong !== null;
  for (const [number, harm] of (kind?.breaks ?? []).entries()) {
    const broken = JSON.parse(text);
    harm(broken);
    if ((await kind.wrong(broken)) !== null) continue;
    console.error(`${file}: broken in way ${number + 1}, it passes`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
