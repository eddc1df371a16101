#include "replay/tally.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/time_text.h"
#include "policy/json_octets.h"
#include "policy/trace.h"

namespace postern::replay {

namespace {

/// RFC 3339 §5.6, whole seconds.
std::string shown_time(std::int64_t seconds) {
  return to_rfc3339(std::chrono::system_clock::from_time_t(seconds), 0);
}

namespace json = boost::json;

constexpr Change real_changes[] = {Change::newly_refused, Change::newly_accepted, Change::changed};

constexpr std::string_view key_of(Change change) {
  constexpr std::string_view keys[] = {"same", "newly_refused", "newly_accepted", "changed",
                                       "undecidable"};
  return keys[static_cast<std::size_t>(change)];
}

constexpr std::string_view title_of(Change change) {
  constexpr std::string_view titles[] = {"same", "newly refused", "newly accepted", "other reply",
                                         "not decidable"};
  return titles[static_cast<std::size_t>(change)];
}

/// The rule that made the difference: the draft's, or the recorded one that no longer rejects.
RuleName rule_of(const Replayed& found) {
  if (found.draft_rule) return *found.draft_rule;
  return found.recorded_rule.value_or(RuleName{});
}

std::string rule_text(const RuleName& rule) {
  if (rule.layer.empty()) return "no rule";
  return printable(
      rule.layer + " " + rule.check + (rule.origin.empty() ? "" : " (" + rule.origin + ")"), 160);
}

json::value rule_json(const std::optional<RuleName>& rule) {
  if (!rule) return nullptr;
  return json::object{{"layer", rule->layer},
                      {"check", rule->check},
                      {"origin", policy::octets_json(rule->origin)}};
}

std::string sample_text(const ReplaySample& sample) {
  const Replayed& found = sample.found;
  std::string out =
      fmt::format("  {}  {}  {}  <{}>{}  at {}\n", sample.trace_id, shown_time(sample.time),
                  sample.client, printable(sample.sender, 80),
                  sample.recipient.empty() ? "" : " to <" + printable(sample.recipient, 80) + ">",
                  policy::to_string(found.stage));
  const auto line = [&out](std::string_view name, const std::string& answer,
                           const std::optional<RuleName>& rule) {
    out += fmt::format("      {:<9} {}\n", name, printable(answer, 300));
    if (rule) out += fmt::format("      {:<9} {}\n", "", rule_text(*rule));
  };
  line("recorded", found.recorded, found.recorded_rule);
  line("draft", found.draft, found.draft_rule);
  return out;
}

json::object sample_json(const ReplaySample& sample) {
  const Replayed& found = sample.found;
  return {{"trace_id", sample.trace_id},
          {"time", shown_time(sample.time)},
          {"client_ip", sample.client},
          {"mail_from", policy::octets_json(sample.sender)},
          {"rcpt_to", policy::or_null(sample.recipient)},
          {"stage", policy::to_string(found.stage)},
          {"recorded", policy::octets_json(found.recorded)},
          {"recorded_rule", rule_json(found.recorded_rule)},
          {"draft", policy::octets_json(found.draft)},
          {"draft_rule", rule_json(found.draft_rule)}};
}

/// Largest count first.
std::vector<std::pair<RuleName, std::uint64_t>> ranked(
    const std::map<RuleName, std::uint64_t>& rules) {
  std::vector<std::pair<RuleName, std::uint64_t>> out(rules.begin(), rules.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return out;
}

ReplaySample sample_of(std::uint64_t number, const policy::Trace& trace, const Replayed& found) {
  ReplaySample sample{.number = number, .trace_id = trace.id};
  sample.time =
      std::chrono::duration_cast<std::chrono::seconds>(trace.started.time_since_epoch()).count();
  sample.client = trace.evidence.session.client_ip.to_string();
  if (trace.evidence.reverse_path) sample.sender = trace.evidence.reverse_path->text();
  sample.recipient = found.recipient;
  if (sample.recipient.empty() && !trace.evidence.recipients.empty()) {
    sample.recipient = trace.evidence.recipients.front().address.text();
  }
  sample.found = found;
  return sample;
}

}  // namespace

void ReplayTally::keep(std::size_t kind, ReplaySample sample) {
  std::vector<ReplaySample>& kept = samples_[kind];
  const auto newer = [](const ReplaySample& a, const ReplaySample& b) {
    return a.number > b.number;
  };
  kept.insert(std::upper_bound(kept.begin(), kept.end(), sample, newer), std::move(sample));
  if (kept.size() > most_samples_) kept.pop_back();
}

void ReplayTally::add(std::uint64_t number, const policy::Trace& trace,
                      const std::vector<Replayed>& found) {
  ++traces_;
  for (const Replayed& one : found) {
    const auto kind = static_cast<std::size_t>(one.change);
    ++counts_[kind];
    if (one.change == Change::same) continue;
    if (one.change == Change::undecidable) {
      Missing& missing = missing_[one.lack.kind];
      ++missing.count;
      // The smallest one, so that it does not depend on the order.
      if (missing.example.empty() || one.lack.example < missing.example) {
        missing.example = one.lack.example;
      }
      continue;
    }
    ++rules_[kind][rule_of(one)];
    const std::vector<ReplaySample>& kept = samples_[kind];
    const bool wanted =
        kept.size() < most_samples_ || (most_samples_ > 0 && kept.back().number < number);
    if (wanted) keep(kind, sample_of(number, trace, one));
  }
}

void ReplayTally::add_unreadable(std::string why) {
  ++traces_;
  ++counts_[static_cast<std::size_t>(Change::undecidable)];
  Missing& missing = missing_["a record that can be read"];
  ++missing.count;
  if (missing.example.empty() || why < missing.example) missing.example = std::move(why);
}

void ReplayTally::add(ReplayTally other) {
  traces_ += other.traces_;
  dns_questions_ += other.dns_questions_;
  for (std::size_t kind = 0; kind < change_count; ++kind) {
    counts_[kind] += other.counts_[kind];
    for (const auto& [rule, count] : other.rules_[kind]) rules_[kind][rule] += count;
    for (ReplaySample& sample : other.samples_[kind]) keep(kind, std::move(sample));
  }
  for (auto& [kind, theirs] : other.missing_) {
    Missing& ours = missing_[kind];
    if (ours.count == 0 || theirs.example < ours.example) ours.example = std::move(theirs.example);
    ours.count += theirs.count;
  }
  script_log_.add(other.script_log_);
}

std::uint64_t ReplayTally::decisions() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

bool ReplayTally::changes() const {
  return std::any_of(std::begin(real_changes), std::end(real_changes),
                     [this](Change change) { return count(change) > 0; });
}

bool ReplayTally::undecidable() const { return count(Change::undecidable) > 0; }

std::string ReplayTally::change_text(Change change) const {
  const auto kind = static_cast<std::size_t>(change);
  std::string out = fmt::format("\n{}: {}\n", title_of(change), counts_[kind]);
  for (const auto& [rule, count] : ranked(rules_[kind])) {
    out += fmt::format("  {:>9}  {}\n", count, rule_text(rule));
  }
  for (const ReplaySample& sample : samples_[kind]) out += sample_text(sample);
  return out;
}

std::string ReplayTally::text(std::string_view under) const {
  std::string out =
      fmt::format("{} decision{} of {} transaction{} under {}:\n", decisions(),
                  decisions() == 1 ? "" : "s", traces_, traces_ == 1 ? "" : "s", under);
  for (std::size_t kind = 0; kind < change_count; ++kind) {
    out += fmt::format("  {:>9}  {}\n", counts_[kind], title_of(static_cast<Change>(kind)));
  }
  for (const Change change : real_changes) {
    if (count(change) > 0) out += change_text(change);
  }
  if (!missing_.empty()) {
    out += fmt::format("\nnot decidable: {}, because the record does not have\n",
                       count(Change::undecidable));
  }
  for (const auto& [kind, missing] : missing_) {
    out +=
        fmt::format("  {:>9}  {}{}\n", missing.count, printable(kind, 160),
                    missing.example.empty() ? "" : ", such as " + printable(missing.example, 160));
  }
  const std::vector<std::string> written = script_log_.lines();
  if (!written.empty()) out += "\nwritten by scripts:\n";
  for (const std::string& line : written) out += "  " + line + "\n";
  if (script_log_.left_out() > 0) {
    out += fmt::format("  {} more lines, or the same again\n", script_log_.left_out());
  }
  return out;
}

json::object ReplayTally::json() const {
  json::object out{
      {"transactions", traces_}, {"decisions", decisions()}, {"dns_questions", dns_questions_}};
  json::object counts;
  json::object changes;
  for (std::size_t kind = 0; kind < change_count; ++kind) {
    counts[key_of(static_cast<Change>(kind))] = counts_[kind];
  }
  for (const Change change : real_changes) {
    const auto kind = static_cast<std::size_t>(change);
    json::array rules;
    for (const auto& [rule, count] : ranked(rules_[kind])) {
      rules.push_back({{"rule", rule_json(rule)}, {"count", count}});
    }
    json::array samples;
    for (const ReplaySample& sample : samples_[kind]) samples.push_back(sample_json(sample));
    changes[key_of(change)] =
        json::object{{"rules", std::move(rules)}, {"samples", std::move(samples)}};
  }
  json::array missing;
  for (const auto& [kind, one] : missing_) {
    missing.push_back({{"missing", policy::octets_json(kind)},
                       {"example", policy::or_null(one.example)},
                       {"count", one.count}});
  }
  out["counts"] = std::move(counts);
  out["changes"] = std::move(changes);
  out["undecidable"] = std::move(missing);
  json::array written;
  for (const std::string& line : script_log_.lines()) written.push_back(policy::octets_json(line));
  out["script_log"] = std::move(written);
  out["script_log_left_out"] = script_log_.left_out();
  return out;
}

}  // namespace postern::replay
