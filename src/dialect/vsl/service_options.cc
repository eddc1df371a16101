#include "dialect/vsl/service_options.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/url/parse.hpp>

#include "base/text.h"
#include "script/duration.h"
#include "script/state.h"

namespace postern::dialect::vsl {

using script::demand;

ServiceOptions::ServiceOptions(std::string where, const Value& options)
    : where_(std::move(where)), map_(std::get_if<Value::Map>(&options.is)) {
  demand(map_ != nullptr, where_ + ": the options are a map `#{ ... }`");
}

void ServiceOptions::wrong(std::string_view name, std::string_view what) const {
  throw std::runtime_error(fmt::format("{}: `{}` {}", where_, printable(name, 60), what));
}

const Value* ServiceOptions::find(std::string_view name) {
  known_.emplace(name);
  const auto found = map_->find(name);
  return found == map_->end() ? nullptr : &found->second;
}

std::optional<std::string> ServiceOptions::optional_text(std::string_view name) {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value->is)) return *text;
  if (const auto* object = std::get_if<ObjectPtr>(&value->is)) return (*object)->text();
  wrong(name, "must be a string");
}

std::string ServiceOptions::text(std::string_view name) {
  auto value = optional_text(name);
  if (!value) wrong(name, "is missing");
  if (value->empty()) wrong(name, "is empty");
  return *std::move(value);
}

std::string ServiceOptions::one_of(std::string_view name,
                                   const std::vector<std::string_view>& words) {
  std::string word = optional_text(name).value_or(std::string(words.front()));
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    wrong(name,
          fmt::format("must be one of {}, not '{}'", fmt::join(words, ", "), printable(word, 60)));
  }
  return word;
}

std::chrono::milliseconds ServiceOptions::timeout() {
  const auto time = script::parse_duration(optional_text("timeout").value_or("30s"));
  if (!time) wrong("timeout", "is wrong: " + time.error().message);
  if (time->count() <= 0 || *time > std::chrono::hours(1)) {
    wrong("timeout", "must be more than nothing and an hour at most");
  }
  return *time;
}

std::int64_t ServiceOptions::integer(std::string_view name, std::int64_t least, std::int64_t most,
                                     std::int64_t missing) {
  const Value* value = find(name);
  if (value == nullptr) return missing;
  const auto* number = std::get_if<std::int64_t>(&value->is);
  if (number == nullptr || *number < least || *number > most) {
    wrong(name, fmt::format("must be a number from {} to {}", least, most));
  }
  return *number;
}

std::optional<std::vector<std::string>> ServiceOptions::texts(std::string_view name) {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto* array = std::get_if<Value::Array>(&value->is);
  if (array == nullptr) wrong(name, "must be an array of strings");
  std::vector<std::string> list;
  for (const Value& one : *array) list.push_back(argument_text(one, name));
  return list;
}

ServiceOptions ServiceOptions::map(std::string_view name) {
  const Value* value = find(name);
  if (value == nullptr) wrong(name, "is missing");
  return {where_ + ": `" + std::string(name) + "`", *value};
}

std::string ServiceOptions::endpoint(std::string_view name) {
  const std::string value = text(name);
  const auto parsed = boost::urls::parse_authority(value);
  if (!parsed || parsed->host().empty() || parsed->port_number() == 0 || parsed->has_userinfo()) {
    wrong(name, "must be a host and a port such as \"192.0.2.1:10026\", not '" +
                    printable(value, 100) + "'");
  }
  return value;
}

void ServiceOptions::done() const {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [name, value] : *map_) {
    if (known_.contains(name)) continue;
    const auto meant = nearest(name, known);
    wrong(name, meant ? fmt::format("is no option; do you mean `{}`?", *meant)
                      : fmt::format("is no option; there are {}", fmt::join(known, ", ")));
  }
}

std::string argument_text(const Value& value, std::string_view what) {
  const bool scalar =
      std::holds_alternative<std::string>(value.is) ||
      std::holds_alternative<std::int64_t>(value.is) || std::holds_alternative<double>(value.is) ||
      std::holds_alternative<bool>(value.is) || std::holds_alternative<ObjectPtr>(value.is);
  demand(scalar, fmt::format("{}: text is expected, not `{}`", what, type_of(value)));
  return text_of(value);
}

std::string policy_file(script::Call& call, const std::string& path, std::string_view where) {
  const script::Files& files = call.state().files();
  if (files.given) return path;
  const Result<std::string> found = files.find(path);
  demand(found.has_value(), found ? "" : fmt::format("{}: {}", where, found.error().message));
  return *found;
}

}  // namespace postern::dialect::vsl
