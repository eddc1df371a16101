// What SPDX 2.3 asks of a document with packages and relationships alone, as a JSON schema: the members that packaging/make-sbom
// writes, each with its form (clauses 6, 7 and 11 of the specification), and no others. The schema that SPDX publishes is in no package
// of Debian or npm. references() looks at what a schema cannot: that ids are unique and that relationships name elements.
const id = { type: 'string', pattern: '^SPDXRef-[A-Za-z0-9.-]+$' };
const text = { type: 'string', minLength: 1 };
const location = { type: 'string', pattern: '^(NOASSERTION|NONE|(https?|git\\+https)://\\S+)$' };
const checksum = (algorithm, digits) => object({ algorithm: { const: algorithm }, checksumValue: { type: 'string', pattern: `^[0-9a-f]{${digits}}$` } });

function object(properties, optional = []) {
  return { type: 'object', properties, required: Object.keys(properties).filter((name) => !optional.includes(name)), additionalProperties: false };
}

const pkg = object({
  SPDXID: id,
  name: text,
  versionInfo: text,
  downloadLocation: location,
  filesAnalyzed: { const: false },
  licenseConcluded: { enum: ['NOASSERTION', 'NONE', 'Apache-2.0'] },
  licenseDeclared: { enum: ['NOASSERTION', 'NONE', 'Apache-2.0'] },
  licenseComments: text,
  copyrightText: text,
  sourceInfo: text,
  primaryPackagePurpose: { enum: ['APPLICATION', 'LIBRARY', 'FRAMEWORK', 'CONTAINER', 'SOURCE', 'ARCHIVE', 'INSTALL', 'FILE', 'OTHER'] },
  checksums: { type: 'array', minItems: 1, items: { anyOf: [checksum('SHA256', 64), checksum('SHA512', 128)] } },
  externalRefs: {
    type: 'array',
    minItems: 1,
    items: object({
      referenceCategory: { const: 'PACKAGE-MANAGER' },
      referenceType: { const: 'purl' },
      referenceLocator: { type: 'string', pattern: '^pkg:(deb/debian|npm)/[^\\s@]+@[^\\s?]+(\\?\\S+)?$' },
    }),
  },
}, ['licenseComments', 'sourceInfo', 'primaryPackagePurpose', 'checksums', 'externalRefs']);

export const schema = object({
  spdxVersion: { const: 'SPDX-2.3' },
  dataLicense: { const: 'CC0-1.0' },
  SPDXID: { const: 'SPDXRef-DOCUMENT' },
  name: text,
  documentNamespace: { type: 'string', pattern: '^https://[^\\s#]+$' },
  creationInfo: object({
    created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' },
    creators: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^(Tool|Organization|Person): .+' } },
  }),
  packages: { type: 'array', minItems: 2, items: pkg },
  relationships: {
    type: 'array',
    minItems: 2,
    items: object({ spdxElementId: id, relationshipType: { enum: ['DESCRIBES', 'DYNAMIC_LINK', 'STATIC_LINK'] }, relatedSpdxElement: id }),
  },
});

/** The first defect among ids and relationships, or null. Every package is described or linked by another. */
export function references(document) {
  const ids = [document.SPDXID, ...document.packages.map((each) => each.SPDXID)];
  if (new Set(ids).size !== ids.length) return 'an SPDXID is used twice';
  const reached = new Set([document.SPDXID]);
  for (const each of document.relationships) {
    for (const end of [each.spdxElementId, each.relatedSpdxElement]) if (!ids.includes(end)) return `${end} is no element`;
    reached.add(each.relatedSpdxElement);
  }
  const alone = ids.find((each) => !reached.has(each));
  return alone ? `${alone} is in no relationship` : null;
}
