// Reads from the row of a function how it may be called.
#include <algorithm>

#include "base/text.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/machine.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::string_view function_prefix = "vsl.";

/// Functions that only compiled code calls; scripts cannot call them by name.
constexpr std::string_view inner_functions[] = {"predefined", "toml",         "make_object",
                                                "make_group", "make_service", "call_service"};

/// Counts parameters: "a: string, b?: string" has one required and one optional. Commas in brackets
/// do not separate; `...` takes any number.
void count_parameters(std::string_view parameters, Signature& signature) {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= parameters.size(); ++i) {
    const char c = i < parameters.size() ? parameters[i] : ',';
    if (c == '(' || c == '<' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == '>' || c == ']' || c == '}') --depth;
    if (c != ',' || (depth > 0 && i < parameters.size())) continue;
    const std::string_view one = trim(parameters.substr(begin, i - begin));
    begin = i + 1;
    if (one.empty()) continue;
    if (one.starts_with("...")) {
      signature.most = std::string_view::npos;
      return;
    }
    ++signature.most;
    if (!one.substr(0, one.find(':')).ends_with('?')) signature.least = signature.most;
  }
}

}  // namespace

std::map<std::string_view, Signature> signatures_of(std::span<const Group> groups) {
  std::map<std::string_view, Signature> all;
  for (const Group& group : groups) {
    for (const script::HostFunction& row : group.functions) {
      if (!row.name.starts_with(function_prefix)) continue;
      const std::string_view name = row.name.substr(function_prefix.size());
      if (std::ranges::find(inner_functions, name) != std::ranges::end(inner_functions)) continue;
      Signature signature{.function = &row};
      count_parameters(row.parameters, signature);
      const auto stages = std::ranges::find(group.stages, name, &Allowed::name);
      if (stages != group.stages.end()) {
        signature.from = stages->from;
        signature.to = stages->to;
      }
      all.emplace(name, signature);
    }
  }
  return all;
}

Signature method_of(std::string_view name) {
  static const std::map<std::string_view, Signature> all = [] {
    constexpr std::string_view before = "vsl_method.";
    std::map<std::string_view, Signature> made;
    for (const script::HostTable table : {method_functions(), array_functions()}) {
      for (const script::HostFunction& row : table) {
        if (!row.name.starts_with(before)) continue;
        Signature signature{.function = &row};
        count_parameters(row.parameters, signature);
        made.emplace(row.name.substr(before.size()), signature);
      }
    }
    return made;
  }();
  const auto found = all.find(name);
  return found == all.end() ? Signature{} : found->second;
}

}  // namespace postern::dialect::vsl
