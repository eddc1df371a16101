#include "dialect/vsl/manual.h"

#include <fmt/format.h>

#include "dialect/host_manual.h"
#include "dialect/vsl/compiler.h"
#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::string_view head =
    "# What .vsl rules can call\n\nEvery function of [.vsl policies](vsl.md). This page is made "
    "from the tables that register the functions;\na test fails when they differ.\n\nA parameter "
    "with `?` may be left out. `name` is the same as `sys::name`. Where a stage is named, the "
    "function\nis an error before it, and `postern check` reports that. A parameter of type "
    "`text` takes a string or an\nobject, whose text it is. If a function fails, it raises an "
    "error that `catch` handles.\n";

struct Section {
  std::string_view title;
  Group group;
};

std::string where(std::string_view name) {
  const Signature found = signature_of(name);
  if (found.from == policy::Stage::connect && found.to == policy::Stage::delivery) return {};
  if (found.from == found.to) return fmt::format(" In `{}` only.", word_of(found.from));
  if (found.to == policy::Stage::delivery)
    return fmt::format(" From `{}` on.", word_of(found.from));
  return fmt::format(" From `{}` to `{}`.", word_of(found.from), word_of(found.to));
}

}  // namespace

std::string api_manual() {
  const Section sections[] = {
      {"What a rule says", status_functions()},
      {"The session", session_functions()},
      {"Questions that all dialects offer", offered_functions()},
      {"The envelope", envelope_functions()},
      {"The message", message_functions()},
      {"Security", security_functions()},
      {"Tools", utility_functions()},
  };
  std::string page(head);
  for (const Section& section : sections) {
    page += fmt::format("\n## {}\n\n", section.title);
    for (const script::HostFunction& row : section.group.functions) {
      const std::string_view name = row.name.substr(row.name.find('.') + 1);
      if (row.help.empty()) continue;  // only compiled code calls it
      page +=
          item(signature(name, row.parameters, row.returns), std::string(row.help) + where(name));
    }
  }
  page += "\n## Predefined objects\n\n";
  for (const auto& [name, object] : predefined_objects()) page += item(name, object->text());
  return page;
}

}  // namespace postern::dialect::vsl
