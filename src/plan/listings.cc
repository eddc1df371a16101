#include "plan/listings.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "policy/dns_list.h"

namespace postern::plan {

namespace {

/// More answers than these are not told apart.
constexpr std::size_t most_listings = 64;

}  // namespace

dns::Answer found(std::vector<std::string> records) {
  return {.status = dns::Status::found, .records = std::move(records)};
}
dns::Answer missing() { return {.status = dns::Status::nx_domain, .records = {}}; }
dns::Answer failed() { return {.status = dns::Status::server_failure, .records = {}}; }

std::vector<PossibleAnswer> listings(const std::vector<policy::DnsList>& zones,
                                     const std::string& zone) {
  std::vector<const policy::DnsList*> lists;
  // The ends of the ranges of each number, and their neighbours.
  std::array<std::set<int>, 4> numbers{std::set<int>{127, 10}, {0}, {0}, {2, 99}};
  for (const policy::DnsList& list : zones) {
    if (list.zone() != zone) continue;
    lists.push_back(&list);
    const std::size_t equals = list.text().find('=');
    if (equals == std::string::npos) continue;
    std::size_t octet = 0;
    bool in_brackets = false;
    const std::string& text = list.text();
    for (std::size_t at = equals + 1; at < text.size();) {
      if (is_digit(text[at])) {
        std::size_t end = at;
        while (end < text.size() && is_digit(text[end])) ++end;
        const int number = static_cast<int>(parse_number(text.substr(at, end - at)).value_or(0));
        for (const int near : {number - 1, number, number + 1}) {
          if (near >= 0 && near < 256 && octet < numbers.size()) numbers[octet].insert(near);
        }
        at = end;
        continue;
      }
      if (text[at] == '[') in_brackets = true;
      if (text[at] == ']') in_brackets = false;
      if (text[at] == '.' && !in_brackets) ++octet;
      ++at;
    }
  }
  std::size_t combinations = 1;
  for (const std::set<int>& octet : numbers) combinations *= octet.size();
  constexpr std::size_t most_combinations = 100'000;
  if (combinations > most_combinations) {
    throw NotCompiled("table_too_large", "the filters of " + zone);
  }
  /// Which of the lists have the name when DNS gives these records.
  const auto meets = [&](const std::vector<std::string>& records) {
    std::vector<bool> listed;
    for (const policy::DnsList* list : lists) listed.push_back(has_listed(*list, found(records)));
    return listed;
  };
  std::map<std::vector<bool>, std::vector<std::string>> sets;
  for (const int first : numbers[0]) {
    for (const int second : numbers[1]) {
      for (const int third : numbers[2]) {
        for (const int fourth : numbers[3]) {
          const std::vector<std::string> records{
              fmt::format("{}.{}.{}.{}", first, second, third, fourth)};
          auto listed = meets(records);
          const bool usual = first == 127 && second == 0 && third == 0;
          if (usual) {
            sets.insert_or_assign(std::move(listed), records);
          } else {
            sets.emplace(std::move(listed), records);
          }
        }
      }
    }
  }
  // All unions of them.
  for (bool grew = true; grew && sets.size() <= most_listings;) {
    grew = false;
    const auto before = sets;
    for (const auto& [one, records] : before) {
      for (const auto& [other, more] : before) {
        std::vector<std::string> both = records;
        for (const std::string& record : more) {
          if (std::ranges::find(both, record) == both.end()) both.push_back(record);
        }
        grew |= sets.emplace(meets(both), both).second;
      }
    }
  }
  if (sets.size() > most_listings) {
    throw NotCompiled("table_too_large", "more than 64 results of " + zone);
  }
  std::vector<PossibleAnswer> answers{{.dns = missing(), .words = "not listed"}};
  for (const auto& [listed, records] : sets) {
    std::string words;
    for (const std::string& record : records) words += (words.empty() ? "" : " ") + record;
    answers.push_back({.dns = found(records), .words = std::move(words)});
  }
  answers.push_back({.dns = failed(), .words = "no answer"});
  return answers;
}

}  // namespace postern::plan
