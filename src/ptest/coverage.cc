#include "ptest/coverage.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/shown.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/policy.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/rules.h"
#include "dialect/vsl/policy.h"
#include "policy/webhook.h"

namespace postern::ptest {

namespace json = boost::json;

namespace {

std::string_view word_of(Coverage::Proof::Word word) {
  constexpr std::string_view words[] = {"idle", "spare", "needed", "unknown"};
  return words[static_cast<std::size_t>(word)];
}

}  // namespace

void Coverage::add_rule(const dialect::restrictions::Rule& rule) {
  const std::string name(rule.keyword != nullptr ? rule.keyword->name : rule.words);
  Count& count = rules_[{configuration_, "restrictions", rule.origin, name}];
  if (rule.table == nullptr || rule.table == count.table) return;
  count.table = rule.table;
  for (std::string& row : rule.table->row_names(most_rows).value_or(std::vector<std::string>())) {
    count.rows[std::move(row)];
  }
}

void Coverage::add_rules(const app::Config& config) {
  if (const auto* loaded = config.restrictions.loaded()) {
    const auto add = [this](const dialect::restrictions::List& list) {
      for (const auto& rule : list) add_rule(rule);
    };
    const auto& policy = *loaded->compiled.policy;
    for (const auto& list : policy.lists) add(list);
    for (const auto& [name, list] : policy.classes) add(*list);
  }
  if (config.vsl.loaded) {
    for (std::size_t i = 0; i < policy::stage_count; ++i) {
      for (const auto& one : config.vsl.loaded->directives(static_cast<policy::Stage>(i))) {
        rules_[{configuration_, "vsl", one.place(), one.name}];
      }
    }
  }
  if (config.lua.loaded) {
    for (const auto& event : dialect::kumo::all_events()) {
      const bool judges = event.fired() && event.name.starts_with("smtp_server_") &&
                          event.name != dialect::kumo::events::rewrite &&
                          event.name != dialect::kumo::events::dynamic &&
                          event.name != dialect::kumo::events::auth_plain;
      if (!judges || !config.lua.loaded->handles(event.name)) continue;
      rules_[{configuration_, "lua", config.lua.loaded->place_of(event.name),
              std::string(event.name)}];
    }
  }
}

void Coverage::add_rules(const policy::Directory& directory,
                         const std::set<std::string>& policies) {
  for (const std::string& id : policies) {
    const auto policy = directory.policy(id);
    if (!policy) continue;
    for (std::size_t i = 0; i < policy::stage_count; ++i) {
      for (const policy::Rule& rule : policy->plan.at(static_cast<policy::Stage>(i))) {
        rules_[{configuration_, "webhook", rule.origin, std::string(rule.check->name)}];
      }
    }
  }
}

void Coverage::add_test(const policy::Trace& trace) {
  struct Seen {
    bool decides = false;
    std::map<std::string, bool> rows;  ///< that were found; whether one decides
  };
  std::map<Key, Seen> seen;
  for (const policy::Decision& decision : trace.decisions) {
    for (const policy::Step& step : decision.steps) {
      const Key key{configuration_, std::string(step.layer), step.origin, std::string(step.check)};
      Seen& rule = seen[key];
      const bool passes = step.verdict.kind == policy::Verdict::Kind::pass_on;
      const bool decides = step.enforced && !passes;
      rule.decides = rule.decides || decides;
      if (step.key.empty()) continue;
      bool& row_decides = rule.rows[step.key];
      row_decides = row_decides || decides;
    }
  }
  for (const auto& [key, what] : seen) {
    const auto rule = rules_.find(key);
    if (rule == rules_.end()) continue;
    Count& count = rule->second;
    ++count.asked;
    if (what.decides) ++count.decided;
    for (const auto& [found, decides] : what.rows) {
      const auto row =
          count.table ? count.rows.find(count.table->row_named(found)) : count.rows.end();
      if (row == count.rows.end()) continue;
      ++row->second.found;
      if (decides) ++row->second.decided;
    }
  }
}

std::size_t Coverage::decided() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rules_, [](const auto& rule) { return rule.second.decided > 0; }));
}

std::size_t Coverage::idle() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rules_, [](const auto& rule) { return rule.second.is_idle(); }));
}

std::set<std::string> Coverage::undecided() const {
  std::set<std::string> origins;
  for (const auto& [key, count] : rules_) {
    const bool is_asked = key.layer == "restrictions" && key.configuration == configuration_;
    if (is_asked && count.decided == 0) origins.insert(key.at);
  }
  return origins;
}

void Coverage::add_proof(const std::string& origin, Proof proof) {
  for (auto& [key, count] : rules_) {
    const bool is_it =
        key.configuration == configuration_ && key.layer == "restrictions" && key.at == origin;
    if (is_it && (!count.proof || count.proof->word < proof.word)) count.proof = proof;
  }
}

double Coverage::percent() const {
  const std::size_t all = rules_.size() - idle();
  return all == 0 ? 100 : 100.0 * static_cast<double>(decided()) / static_cast<double>(all);
}

json::object Coverage::json() const {
  json::array rules;
  for (const auto& [key, count] : rules_) {
    json::object one{{"config", shown(key.configuration)},
                     {"layer", key.layer},
                     {"at", shown(key.at)},
                     {"rule", shown(key.rule)},
                     {"decided", count.decided},
                     {"asked", count.asked},
                     {"proof", nullptr}};
    json::value& rows = one["rows"];
    if (!count.rows.empty()) rows.emplace_array();
    for (const auto& [row, tests] : count.rows) {
      rows.as_array().push_back(
          json::object{{"row", shown(row)}, {"decided", tests.decided}, {"found", tests.found}});
    }
    if (count.proof) {
      one["proof"] = word_of(count.proof->word);
      if (!count.proof->witness.empty()) one["witness"] = count.proof->witness;
      if (count.proof->word == Proof::Word::unknown) one["why"] = shown(count.proof->text);
    }
    rules.push_back(std::move(one));
  }
  return {{"rules", std::move(rules)},
          {"decided", decided()},
          {"all", rules_.size()},
          {"idle", idle()},
          {"percent", percent()}};
}

std::string Coverage::text() const {
  const std::size_t can = rules_.size() - idle();
  std::string out =
      can == 0 ? "there are no rules that can decide\n"
               : fmt::format("{} of {} rules {}were decided by a test ({:.0f} %)\n", decided(), can,
                             idle() > 0 ? "that can decide " : "", percent());
  for (const auto& [key, count] : rules_) {
    if (count.decided > 0) continue;
    out += fmt::format("  {}  {}\n",
                       count.is_idle()   ? "idle "
                       : count.asked > 0 ? "asked"
                                         : "never",
                       name_of(key));
    if (!count.proof) continue;
    switch (count.proof->word) {
      case Proof::Word::idle:
        out += "         it never decides, whatever mail comes\n";
        break;
      case Proof::Word::spare:
        out += "         it can decide, but without it all mail gets the same verdict\n";
        break;
      case Proof::Word::needed:
        out += fmt::format("         for a test: {}\n", shown(count.proof->text));
        break;
      case Proof::Word::unknown:
        out += fmt::format("         not proved: {}\n", shown(count.proof->text));
        break;
    }
  }
  return out + rows_text();
}

std::string Coverage::name_of(const Key& key) const {
  std::string name = fmt::format("{} {} at {}", key.layer, shown(key.rule), shown(key.at));
  const bool has_others = rules_.begin()->first.configuration != key.configuration ||
                          rules_.rbegin()->first.configuration != key.configuration;
  return has_others ? name + " of " + shown(key.configuration) : name;
}

std::string Coverage::rows_text() const {
  constexpr std::size_t most_named = 5;
  std::string out;
  for (const auto& [key, count] : rules_) {
    std::vector<std::string> missed;
    for (const auto& [row, tests] : count.rows) {
      if (tests.found == 0) missed.push_back(shown(row));
    }
    // Rules that no test asked have been named.
    if (missed.empty() || count.asked == 0 || count.is_idle()) continue;
    const std::size_t named = std::min(missed.size(), most_named);
    out += fmt::format(
        "  rows   {}: {} of {} found; not found: {}{}\n", name_of(key),
        count.rows.size() - missed.size(), count.rows.size(),
        fmt::join(missed.begin(), missed.begin() + static_cast<std::ptrdiff_t>(named), ", "),
        missed.size() > named ? fmt::format(" and {} more", missed.size() - named) : "");
  }
  return out;
}

}  // namespace postern::ptest
