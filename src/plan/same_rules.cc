#include "plan/same_rules.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;

SameRules::SameRules(std::string_view before, std::string_view after) {
  std::array<json::object, 2> definitions{json::parse(before).as_object(),
                                          json::parse(after).as_object()};
  for (std::size_t side = 0; side < 2; ++side) {
    json::object& definition = definitions[side];
    Files& files = files_[side];
    for (const auto& file : definition.at("files").as_object()) {
      files.emplace_back(file.key(), hex_encode(sha256(file.value().as_string())));
    }
    if (const json::value* left_out = definition.if_contains("left_out")) {
      for (const auto& file : left_out->as_object()) {
        files.emplace_back(file.key(), std::string(file.value().as_string()));
      }
    }
    std::ranges::stable_sort(files, std::ranges::greater(),
                             [](const auto& file) { return file.first.size(); });
    json::object& parameters = definition.at("parameters").as_object();
    for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
      parameters.erase(restrictions::parameter_of(static_cast<restrictions::ListKind>(kind)));
    }
    for (auto& parameter : parameters) {
      parameter.value() = without_names(parameter.value().as_string(), files);
    }
    for (const char* const place : {"files", "left_out", "places"}) definition.erase(place);
  }
  are_alike_ = definitions[0] == definitions[1];
}

std::string SameRules::name_of(std::size_t side, const restrictions::Rule& rule) const {
  return fmt::format("{}\n{}\n{}\n{}\n{}",
                     rule.keyword != nullptr ? rule.keyword->name : std::string_view(), rule.code,
                     rule.table ? without_names(rule.table->name(), files_[side]) : std::string(),
                     rule.trouble, without_names(rule.words, files_[side]));
}

/// Only whole names: "/a" is not replaced in "/a/b".
std::string SameRules::without_names(std::string_view text, const Files& files) {
  constexpr std::string_view between = " \t\r\n,{}=:";
  std::string made;
  bool begins = true;
  while (!text.empty()) {
    const auto file = !begins ? files.end() : std::ranges::find_if(files, [&](const auto& one) {
      const std::size_t end = one.first.size();
      return text.starts_with(one.first) &&
             (end == text.size() || between.find(text[end]) != std::string_view::npos);
    });
    const std::size_t size = file != files.end() ? file->first.size() : 1;
    begins = between.find(text[size - 1]) != std::string_view::npos;
    made += file != files.end() ? "<" + file->second + ">" : std::string(text.substr(0, size));
    text.remove_prefix(size);
  }
  return made;
}

}  // namespace postern::plan
