#include "dialect/vsl/manual.h"

#include <fmt/format.h>

#include "dialect/host_manual.h"
#include "dialect/vsl/compiler.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/vsmtp_names.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::string_view manual_head =
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

/// A line for each module of vSMTP 2, and one for names without a module.
std::string other_versions() {
  std::string page =
      "\n## Names of other versions of vSMTP\n\nThe modules of vSMTP 2 are known, unless the "
      "policy imports a module of that name. An arrow\nleads to the name above where it is another "
      "one. `address(\"a@example.org\")`, `code(550, \"no\")` and the\nother types of objects are "
      "objects without a name; `const scan = cmd::build(#{ ... })` is a service.\nWhat stands "
      "before a dot in `ctx().mail_from` and as the first argument in `f(srv(), x)` is left out.\n"
      "A name that is not carried keeps a policy from loading, with its reason.\n\n";
  std::string_view module = "none yet";
  std::string line;
  std::string code;
  const auto end_line = [&] {
    if (!line.empty()) page += item(code, line);
    line.clear();
  };
  for (const OtherName& one : other_names()) {
    if (one.module != module) end_line();
    module = one.module;
    code = module.empty() ? "no module" : std::string(module) + "::";
    line += fmt::format("{}`{}`", line.empty() ? "" : ", ", one.name);
    if (one.here.empty()) {
      line += " (not carried)";
    } else if (one.here != one.name) {
      line += fmt::format(" → `{}`", one.here);
    }
  }
  end_line();
  return page;
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
  std::string page(manual_head);
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
  return page + other_versions();
}

}  // namespace postern::dialect::vsl
