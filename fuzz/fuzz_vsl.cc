// Rule scripts: for any text, the parser ends with a tree of bounded height or an error with a
// place in the text; equal texts give equal results; what parses is linted, and every warning has a
// place in the text too.
#include <algorithm>

#include "dialect/vsl/lint.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/parser.h"
#include "dialect/vsl/walk.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::vsl;
using fuzz::must;

void check_place(const Mistake& mistake, std::string_view text) {
  const auto lines = 1 + std::ranges::count(text, '\n');
  must(mistake.at.line >= 1 && mistake.at.line <= lines, "a line of the text");
  must(mistake.at.column >= 1 && mistake.at.column <= text.size() + 1, "a column of the text");
  must(!mistake.message.empty(), "a mistake says something");
}

constexpr script::HostFunction rows[] = {
    {"vsl.next", "", "status", "", nullptr},
    {"vsl.deny", "code?: code|string", "status", "", nullptr},
    {"vsl.check_spf", "header: string|object, policy?: string", "status", "", nullptr},
    {"vsl.sign_dkim", "selector: text, headers?: array, canonicalization?: text", "", "", nullptr},
    {"vsl.log", "level: text, message: any", "", "", nullptr},
};
constexpr Allowed stages[] = {{"check_spf", policy::Stage::mail}};

const std::map<std::string_view, Signature>& signatures() {
  static const Group group{rows, stages};
  static const auto all = signatures_of({&group, 1});
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto file = parse("main.vsl", text);
  std::vector<Mistake> further;
  const auto again = parse("main.vsl", text, &further);
  must(file.has_value() == again.has_value(), "the same text, the same answer");
  if (!file) {
    must(file.error() == again.error(), "the same mistake");
    check_place(file.error(), text);
    for (const Mistake& one : further) check_place(one, text);
    return 0;
  }
  for_each_node_of(*file, [&](const Node& node) {
    must(node.height <= max_height, "a tree is of bounded height");
    for_each_child(node, [&](const Node& child) {
      must(child.height < node.height, "a tree is higher than what is in it");
    });
  });
  // The text is also its own module: an import of "other" finds it.
  const auto files = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"main.vsl", text}, {"other.vsl", text}});
  const auto sources = load_sources("main.vsl", read_given(files));
  if (!sources) {
    must(!sources.error().empty(), "what does not load has a mistake");
    for (const Mistake& one : sources.error()) check_place(one, text);
    return 0;
  }
  for (const Mistake& one : check_stages(*sources)) check_place(one, text);
  const auto find = [](std::string_view name) {
    const auto found = signatures().find(name);
    return found == signatures().end() ? Signature{} : found->second;
  };
  for (const Mistake& one : lint(*sources, find)) check_place(one, text);
  return 0;
}
