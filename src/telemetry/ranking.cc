#include "telemetry/ranking.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace postern::telemetry {
namespace {

constexpr std::size_t longest_value = 100;

/// Replaces characters that would need an escape in the exposition or in a query.
std::string plain(std::string_view value) {
  std::string out(value.substr(0, longest_value));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; },
      '?');
  return out;
}

}  // namespace

Ranking::Ranking(std::string name, std::string help, Labels labels, std::size_t most)
    : name_("postern_" + std::move(name)),
      help_(std::move(help)),
      labels_(std::move(labels)),
      most_(most) {}

void Ranking::set(std::vector<std::pair<Labels, std::uint64_t>> values) {
  std::map<Labels, std::uint64_t> merged;  // equal labels are merged: each series appears once
  for (auto& [labels, value] : values) {
    for (std::string& one : labels) one = plain(one);
    merged[std::move(labels)] += value;
  }
  std::vector<std::pair<Labels, std::uint64_t>> ordered(merged.begin(), merged.end());
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::uint64_t others = 0;
  for (std::size_t i = most_; i < ordered.size(); ++i) others += ordered[i].second;
  ordered.resize(std::min(ordered.size(), most_));
  const std::lock_guard lock(mutex_);
  largest_ = std::move(ordered);
  others_ = others;
}

void Ranking::render(std::string& out) const {
  const auto line = [&](const auto& value_of, std::uint64_t value) {
    std::string labels;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      labels += fmt::format("{}{}=\"{}\"", i == 0 ? "" : ",", labels_[i], value_of(i));
    }
    out += fmt::format("{}{{{}}} {}\n", name_, labels, value);
  };
  const std::lock_guard lock(mutex_);
  out += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name_, help_, name_);
  for (const auto& each : largest_) {
    line([&](std::size_t i) { return each.first.at(i); }, each.second);
  }
  line([](std::size_t) { return std::string("other"); }, others_);
}

}  // namespace postern::telemetry
