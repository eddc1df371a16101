// A file of policy tests: any octets give tests or errors, and what --update would write is a file
// of tests again.
#include <cstdint>
#include <string>
#include <string_view>

#include "invariant.h"
#include "ptest/file.h"
#include "ptest/update.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ptest;
  using postern::fuzz::must;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Parsed parsed = parse_file(text, "fuzz.ptest");
  must(parsed.file.text == text, "the text stays");
  const std::string shown = parsed.diagnostics.render();
  must(shown.find('\x1b') == std::string::npos, "nothing of the file steers a terminal");
  if (!parsed.ok()) return 0;
  must(!parsed.file.tests.empty(), "there is a test");
  std::vector<Outcome> outcomes;
  for (const Test& test : parsed.file.tests) {
    must(!test.name.empty() && !test.expected.empty(), "it has a name and expects something");
    Outcome& outcome = outcomes.emplace_back();
    outcome.test = &test;
    for (std::size_t i = 0; i < test.expected.size(); ++i) {
      const Expectation& one = test.expected[i];
      must(one.spot.begin < one.spot.end && one.spot.end <= text.size(), "a value is in the file");
      const char first = text[one.spot.begin];
      must(one.number || first == '"' || first == '\'', "a text has quotation marks");
      if (one.key == "verdict") {
        outcome.differs.push_back({i, "refused"});
      } else if (one.key == "code") {
        outcome.differs.push_back({i, "554"});
      } else if (one.key == "route") {
        outcome.differs.push_back({i, std::nullopt});
      }
    }
  }
  const Updated updated = update(parsed.file, outcomes);
  const Parsed again = parse_file(updated.text, "fuzz.ptest");
  for (const postern::app::Diagnostic& one : again.diagnostics.list()) {
    // A value that stayed may contradict the new one; the text is still TOML of known keys.
    must(one.code != "U001" && one.code != "U002", "the update is a file of tests");
  }
  (void)difference_of("fuzz.ptest", text, updated.text);
  return 0;
}
