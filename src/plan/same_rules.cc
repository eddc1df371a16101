#include "plan/same_rules.h"

#include <optional>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;

namespace {

std::string_view list_at(std::size_t kind) {
  return restrictions::parameter_of(static_cast<restrictions::ListKind>(kind));
}

/// The definition without its lists and where they stand; nullopt: another parameter, as a class,
/// is made of a list.
std::optional<json::object> without_lists(std::string_view definition) {
  json::object text = json::parse(definition).as_object();
  text.erase("places");
  json::object& parameters = text.at("parameters").as_object();
  for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
    parameters.erase(list_at(kind));
  }
  for (const auto& parameter : parameters) {
    const std::string_view value = parameter.value().as_string();
    for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
      if (value.find(list_at(kind)) != std::string_view::npos) return std::nullopt;
    }
  }
  return text;
}

/// Tables of other programs, which one version may ask and the other may not (api.table_services).
std::set<std::string_view> programs_of(const restrictions::ListPolicy& policy) {
  std::set<std::string_view> names;
  for (const auto& [name, table] : policy.remote_tables) names.insert(name);
  return names;
}

}  // namespace

bool is_list(std::string_view parameter) {
  for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
    if (parameter == list_at(kind)) return true;
  }
  return false;
}

SameRules::SameRules(const restrictions::Loaded& before, const restrictions::Loaded& after) {
  if (!before.compiled.policy || !after.compiled.policy) return;
  // With the files that they have read. One that only one version has read may be a table that
  // could not be opened for the other.
  const auto one = without_lists(before.definition);
  are_alike_ = one && one == without_lists(after.definition) &&
               programs_of(*before.compiled.policy) == programs_of(*after.compiled.policy);
}

std::string SameRules::name_of(const restrictions::Rule& rule) {
  std::string name;
  for (const std::string_view part :
       {rule.keyword != nullptr ? rule.keyword->name : std::string_view(),
        std::string_view(rule.words), std::string_view(rule.trouble)}) {
    name += fmt::format("{}:{}", part.size(), part);
  }
  return name;
}

}  // namespace postern::plan
