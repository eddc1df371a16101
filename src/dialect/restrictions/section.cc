#include "dialect/restrictions/section.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"

namespace postern::dialect::restrictions {

namespace json = boost::json;

namespace {

struct OtherName {
  std::string_view name;
  std::string_view parameter;
};
constexpr OtherName list_names[] = {
    {"client", "smtpd_client_restrictions"},           {"helo", "smtpd_helo_restrictions"},
    {"sender", "smtpd_sender_restrictions"},           {"relay", "smtpd_relay_restrictions"},
    {"recipient", "smtpd_recipient_restrictions"},     {"data", "smtpd_data_restrictions"},
    {"end_of_data", "smtpd_end_of_data_restrictions"}, {"etrn", "smtpd_etrn_restrictions"},
};
/// The ZixGateway appliance's names for the parameters.
constexpr OtherName appliance_names[] = {
    {"hello_restrictions", "smtpd_helo_restrictions"},
    {"sender_restrictions", "smtpd_sender_restrictions"},
    {"recipient_restrictions", "smtpd_recipient_restrictions"},
    {"networks_served_by_mail_relay", "mynetworks"},
    {"domain_name_table", "relay_domains"},
};

struct Flag {
  std::string_view name;
  bool Section::* slot;
};
constexpr Flag section_flags[] = {
    {"require_complete_lists", &Section::require_complete_lists},
    {"i_know_this_is_an_open_relay", &Section::open_relay_is_known},
};

struct Choice {
  std::string_view name;
  std::string_view plain;
  std::string_view other;
  bool Section::* slot;
};
constexpr Choice section_choices[] = {
    {"mode", "enforce", "shadow", &Section::shadow},
    {"errors", "refuse", "defer", &Section::defer_errors},
};

/// Defaults of what is not set: those of the appliance, which are stricter than Postfix's.
void add_own_defaults(std::map<std::string, std::string, std::less<>>& parameters) {
  if (parameters.contains("compatibility_level")) return;
  parameters.emplace("compatibility_level", "3.6");
  parameters.emplace("smtpd_sender_restrictions",
                     "permit_mynetworks, reject_non_fqdn_sender, permit");
  parameters.emplace("smtpd_helo_required", "yes");
}

/// Every word of the values, split in both possible ways: user-defined macros and classes are
/// parameters too, if a value uses them.
std::set<std::string_view> words_used(const Section& section) {
  std::set<std::string_view> words;
  const auto split = [&](std::string_view text, auto belongs) {
    for (auto at = text.begin(); at != text.end();) {
      const auto begin = std::find_if(at, text.end(), belongs);
      at = std::find_if_not(begin, text.end(), belongs);
      if (begin != at) words.emplace(begin, at);
    }
  };
  for (const auto& [name, value] : section.parameters) {
    split(value, is_word_char);
    split(value, [](char c) { return !is_space(c) && c != ','; });
  }
  return words;
}

using Severity = Diagnostic::Severity;

using Names = std::set<std::string, std::less<>>;

/// Lists that contain an error, or name a class that does: findings about the rest of such a list
/// are about another list than was meant. `code`: only such errors; empty: any.
Names broken_lists(const Parameters& parameters, const Diagnostics& diagnostics,
                   std::string_view code = {}) {
  Names broken;
  for (const Diagnostic& one : diagnostics) {
    const bool counts = code.empty() || one.code == code;
    if (counts && one.severity == Severity::error) broken.insert(one.place.parameter);
  }
  std::vector<std::string> lists;
  for (const OtherName& one : list_names) lists.emplace_back(one.parameter);
  const auto classes = parameters.words("smtpd_restriction_classes");
  for (const Word& one : classes.value_or(std::vector<Word>())) lists.push_back(one.text);
  std::map<std::string, std::vector<std::string_view>> users;  // by word, the lists that contain it
  for (const std::string& list : lists) {
    const auto words = parameters.words(list);
    for (const Word& word : words.value_or(std::vector<Word>())) {
      auto& of_word = users[word.text];
      if (of_word.empty() || of_word.back() != list) of_word.emplace_back(list);
    }
  }
  std::vector<std::string> open(broken.begin(), broken.end());
  while (!open.empty()) {
    const auto found = users.find(open.back());
    open.pop_back();
    if (found == users.end()) continue;
    for (const std::string_view list : found->second) {
      if (broken.emplace(list).second) open.emplace_back(list);
    }
  }
  return broken;
}

/// Finds the element that a finding is about, as place_of() does for rules of lists.
class Finder {
 public:
  Finder(const Parameters& parameters, const ListPolicy& policy)
      : parameters_(parameters), policy_(policy) {}

  Place place_in(const Finding& finding) {
    if (finding.word.empty()) return place_of(policy_, finding);
    const Offsets& offsets = offsets_of(finding.list);
    const auto found = offsets.find(lower(finding.word));
    return found != offsets.end() ? Place{finding.list, found->second} : place_of(policy_, finding);
  }

 private:
  using Offsets = std::unordered_map<std::string, std::size_t>;  // of the first such word

  const Offsets& offsets_of(const std::string& parameter) {
    const auto [known, fresh] = offsets_.try_emplace(parameter);
    if (!fresh) return known->second;
    const auto words = parameters_.words(parameter);
    for (const Word& word : words.value_or(std::vector<Word>())) {
      std::string text = lower(word.text);
      std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
      // A single address is a network of one address.
      const std::string_view alone = text.find(':') == std::string::npos ? "/32" : "/128";
      known->second.try_emplace(text + std::string(alone), word.offset);
      known->second.try_emplace(std::move(text), word.offset);
    }
    return known->second;
  }

  const Parameters& parameters_;
  const ListPolicy& policy_;
  std::map<std::string, Offsets> offsets_;
};

bool names_relay(std::string_view code) { return code == "R110" || code == "R113"; }

Severity severity_of(const Finding& finding, const Section& section) {
  if (finding.code == "R101" && section.require_complete_lists) return Severity::error;
  // What Postfix refuses to serve with is refused here too, even if it is proved closed.
  const bool serious = finding.severity == Severity::error || finding.code == "R113";
  const bool harmless = section.open_relay_is_known || section.shadow;
  if (serious && names_relay(finding.code) && harmless) return Severity::warning;
  return serious ? Severity::error : finding.severity;
}

}  // namespace

std::string_view parameter_named(std::string_view key) {
  for (const auto& [name, parameter] : list_names) {
    if (key == name) return parameter;
  }
  for (const auto& [name, parameter] : appliance_names) {
    if (key == name) return parameter;
  }
  return key;
}

std::string_view short_name(std::string_view parameter) {
  for (const OtherName& one : list_names) {
    if (parameter == one.parameter) return one.name;
  }
  return {};
}

std::vector<std::string_view> own_keys() {
  std::vector<std::string_view> keys;
  for (const Choice& choice : section_choices) keys.push_back(choice.name);
  for (const Flag& flag : section_flags) keys.push_back(flag.name);
  for (const OtherName& one : list_names) keys.push_back(one.name);
  for (const OtherName& one : appliance_names) keys.push_back(one.name);
  return keys;
}

std::vector<std::string_view> section_keys() {
  std::vector<std::string_view> keys = own_keys();
  for (const std::string_view name : restriction_parameters()) keys.push_back(name);
  return keys;
}

std::string take(Section& section, std::string_view key, std::string value, bool is_flag) {
  for (const Choice& choice : section_choices) {
    if (key != choice.name) continue;
    if (value != choice.plain && value != choice.other) {
      return fmt::format("write \"{}\" or \"{}\"", choice.plain, choice.other);
    }
    section.*choice.slot = value == choice.other;
    return {};
  }
  for (const Flag& flag : section_flags) {
    if (key != flag.name) continue;
    if (!is_flag) return "write true or false";
    section.*flag.slot = value == "yes";
    return {};
  }
  key = parameter_named(key);
  const bool fresh = section.parameters.emplace(std::string(key), std::move(value)).second;
  return fresh ? std::string() : fmt::format("{} is set twice, under two names", key);
}

std::string to_json(const Section& section) {
  json::object out;
  for (const Choice& choice : section_choices) {
    out[choice.name] = section.*choice.slot ? choice.other : choice.plain;
  }
  for (const Flag& flag : section_flags) out[flag.name] = section.*flag.slot;
  json::object parameters;
  for (const auto& [name, value] : section.parameters) parameters[name] = value;
  out["parameters"] = std::move(parameters);
  return json::serialize(out);
}

Result<Section> section_from_json(std::string_view text) {
  try {
    const json::value parsed = json::parse({text.data(), text.size()});
    Section section;
    for (const Choice& choice : section_choices) {
      section.*choice.slot = parsed.at(choice.name).as_string() == choice.other;
    }
    for (const Flag& flag : section_flags) section.*flag.slot = parsed.at(flag.name).as_bool();
    for (const auto& [name, value] : parsed.at("parameters").as_object()) {
      section.parameters.emplace(name, json::value_to<std::string>(value));
    }
    return section;
  } catch (const std::exception& error) {  // Boost.JSON's way of saying "missing" or "wrong type"
    return fail(Fault::malformed, std::string("kept restriction lists: ") + error.what());
  }
}

Parameters parameters_of(const Section& section, const std::string& hostname) {
  auto parameters = section.parameters;
  add_own_defaults(parameters);
  return Parameters(std::move(parameters), hostname);
}

bool is_about_relay(const Diagnostic& diagnostic) {
  return diagnostic.severity == Severity::error && names_relay(diagnostic.code);
}

bool Judged::compiles() const { return unknown.empty() && loaded->compiled.policy; }

bool Judged::ok() const {
  return compiles() &&
         std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& one) { return one.severity == Severity::error; });
}

Judged judge(const Section& section, const std::string& hostname, const TableSources& sources,
             const Locate& locate) {
  Judged judged;
  const std::set<std::string_view> used = words_used(section);
  for (const auto& [name, value] : section.parameters) {
    if (!is_restriction_parameter(name) && !used.contains(name)) judged.unknown.push_back(name);
  }
  auto loaded =
      std::make_shared<Loaded>(load(parameters_of(section, hostname), sources,
                                    section.defer_errors ? Errors::defer : Errors::refuse, locate));
  const Compiled& compiled = loaded->compiled;
  auto report = std::make_shared<LintReport>(lint(*compiled.draft, compiled.diagnostics));
  judged.diagnostics = compiled.diagnostics;
  const Parameters parameters = parameters_of(section, hostname);
  const Names broken = broken_lists(parameters, compiled.diagnostics);
  // A misspelt keyword may be the one whose absence R113 reports.
  const Names misspelt = broken_lists(parameters, compiled.diagnostics, "R001");
  const bool may_protect = misspelt.contains(parameter_of(ListKind::relay)) ||
                           misspelt.contains(parameter_of(ListKind::recipient));
  // No advice about a broken list, nor about the style of a default list; that the whole
  // configuration is open is reported nevertheless.
  std::erase_if(report->findings, [&](const Finding& one) {
    if (one.code == "R113" && may_protect) return true;
    const bool advice = one.code.starts_with("R1") && one.severity != Severity::error;
    const bool is_default =
        one.severity == Severity::note && !section.parameters.contains(one.list);
    return advice && (is_default || broken.contains(one.list));
  });
  Finder finder(parameters, *compiled.draft);
  for (Finding& finding : report->findings) {
    if (!finding.code.starts_with("R1")) continue;  // of the compiler, reported already
    finding.severity = severity_of(finding, section);
    Diagnostic one{.severity = finding.severity,
                   .code = finding.code,
                   .place = finder.place_in(finding),
                   .message = finding.message,
                   .hint = finding.hint};
    judged.opens_relay = judged.opens_relay || is_about_relay(one);
    judged.diagnostics.push_back(std::move(one));
  }
  judged.loaded = std::move(loaded);
  judged.lint = std::move(report);
  return judged;
}

}  // namespace postern::dialect::restrictions
