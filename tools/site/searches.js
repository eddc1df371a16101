// node searches.js SITE QUERY...: the best page that the site's own search finds for each query, one a line: PAGE#ANCHOR, or "nothing".
// Runs the scripts of the site, with stubs in the place of a browser.
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [site, ...queries] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(site, name), "utf8");
const shows = "_displayNextItem(results, results.length, searchTerms, highlightTerms);";
const tools = read("_static/searchtools.js");
if (!tools.includes(shows)) throw new Error("searchtools.js shows its results in another way");
const page = {
  document: { getElementById: () => null },
  _ready: () => {},
  _removeChildren: () => {},
  _: (text) => text,
  SPHINX_HIGHLIGHT_ENABLED: false,
  DOCUMENTATION_OPTIONS: {},
  found: null,
};
const script = [
  read("_static/language_data.js"),
  tools.replace(shows, "found = results;"),
  "Search.setIndex = (index) => (Search._index = index);",
  read("searchindex.js"),
  "const best = (query) => { Search.query(query); return found.pop(); };",
  "best",
].join("\n");
const best = vm.runInNewContext(script, page);
for (const query of queries) {
  const result = best(query);
  console.log(result ? result[0] + result[2] : "nothing");
}
