#include "plan/list_edit.h"

#include <sstream>

#include "base/text.h"
#include "base/toml.h"
#include "dialect/restrictions/section.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using restrictions::List;
using restrictions::ListKind;
using restrictions::ListPolicy;
using restrictions::Rule;

namespace {

std::string written_rule(const Rule& rule) {
  std::string text = rule.warn_only ? "warn_if_reject " : "";
  for (const char c : rule.words) text += c == '$' ? std::string("$$") : std::string(1, c);
  return text;
}

}  // namespace

const List* rules_of(const ListPolicy& policy, std::string_view parameter) {
  for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
    if (restrictions::parameter_of(static_cast<ListKind>(kind)) == parameter) {
      return &policy.lists[kind];
    }
  }
  const auto found = policy.classes.find(parameter);
  return found == policy.classes.end() ? nullptr : found->second.get();
}

std::optional<Spot> spot_of(const ListPolicy& policy, const std::string& origin) {
  const std::size_t colon = origin.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto number = parse_number(std::string_view(origin).substr(colon + 1));
  Spot spot{.parameter = origin.substr(0, colon)};
  const List* rules = rules_of(policy, spot.parameter);
  if (rules == nullptr || !number || *number == 0 || *number > rules->size()) return std::nullopt;
  spot.at = *number - 1;
  return spot;
}

std::vector<std::string> written(const List& rules) {
  std::vector<std::string> all;
  for (const Rule& rule : rules) all.push_back(written_rule(rule));
  return all;
}

std::string joined(const std::vector<std::string>& rules) {
  std::string text;
  for (const std::string& rule : rules) text += (text.empty() ? "" : ", ") + rule;
  return text;
}

bool take_out(const ListPolicy& policy, const std::string& origin, ListEdit& edit) {
  const auto spot = spot_of(policy, origin);
  if (!spot) return false;
  auto rules = written(*rules_of(policy, spot->parameter));
  rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(spot->at));
  edit.parameters[spot->parameter] = joined(rules);
  return true;
}

std::optional<std::string> with_parameters(const std::string& text, const ListEdit& edit) {
  auto file = parse_toml(text);
  if (!file) return std::nullopt;
  toml::table* section = file->get_as<toml::table>("restrictions");
  if (section == nullptr) return std::nullopt;
  for (const auto& [name, value] : edit.parameters) {
    // A section that has it under another name, as `relay`, keeps that.
    std::string key = name;
    for (const auto& [known, old] : *section) {
      if (restrictions::parameter_named(known.str()) == name) key = known.str();
    }
    section->insert_or_assign(key, value);
  }
  std::ostringstream out;
  out << *file << '\n';
  return out.str();
}

}  // namespace postern::plan
