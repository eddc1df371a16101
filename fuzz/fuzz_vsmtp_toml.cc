// A vsmtp.toml: the result of an import is TOML with known sections only; what is not carried is
// reported.
#include <algorithm>

#include "base/text.h"
#include "base/toml.h"
#include "dialect/vsl/import.h"
#include "invariant.h"

namespace {

using namespace postern::dialect;
using postern::fuzz::must;

constexpr std::string_view sections[] = {"server", "listener", "limits", "timeouts",
                                         "queue",  "dns",      "log",    "vsl"};

void check_toml(const std::string& text) {
  const auto root = postern::parse_toml(text);
  must(root.has_value(), "what is imported is TOML");
  for (const auto& [name, node] : *root) {
    const bool known =
        std::find(std::begin(sections), std::end(sections), name.str()) != std::end(sections);
    must(known, "no text of the file becomes a section");
    must(node.is_table() || node.is_array_of_tables(), "every key stands in a section");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const vsl::VsmtpImport import = vsl::import_vsmtp(text);
  if (!import.ok()) {
    must(import.toml.empty(), "mistakes prevent an import");
    for (const vsl::ImportMistake& one : import.mistakes) {
      must(one.line > 0 && one.column > 0 && !one.message.empty(), "a mistake has a place");
      must(postern::is_utf8(one.message), "it can be printed");
    }
    return 0;
  }
  check_toml(import.toml);
  std::size_t line = 0;
  for (const ImportedParameter& one : import.parameters) {
    must(one.line >= line, "the report is in the file's order");
    must(one.fate == Fate::carried || !one.note.empty(), "what is not simply carried says why");
    line = one.line;
  }
  return 0;
}
