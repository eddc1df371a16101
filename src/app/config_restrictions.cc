#include "app/config_restrictions.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/parameters.h"

namespace postern::app {

namespace restrictions = dialect::restrictions;

namespace {

/// Other names of parameters: short ones, and those of the appliance whose manual is our seed.
constexpr std::pair<std::string_view, std::string_view> other_names[] = {
    {"client", "smtpd_client_restrictions"},
    {"helo", "smtpd_helo_restrictions"},
    {"sender", "smtpd_sender_restrictions"},
    {"relay", "smtpd_relay_restrictions"},
    {"recipient", "smtpd_recipient_restrictions"},
    {"data", "smtpd_data_restrictions"},
    {"end_of_data", "smtpd_end_of_data_restrictions"},
    {"hello_restrictions", "smtpd_helo_restrictions"},
    {"sender_restrictions", "smtpd_sender_restrictions"},
    {"recipient_restrictions", "smtpd_recipient_restrictions"},
    {"networks_served_by_mail_relay", "mynetworks"},
    {"domain_name_table", "relay_domains"},
};

constexpr std::string_view own_keys[] = {"mode", "errors", "require_complete_lists",
                                         "i_know_this_is_an_open_relay"};

std::string take_word(std::string_view value, std::string_view plain, std::string_view other,
                      bool& slot) {
  if (value != plain && value != other) {
    return fmt::format("write \"{}\" or \"{}\"", plain, other);
  }
  slot = value == other;
  return {};
}

std::string take_flag(std::string_view value, bool is_flag, bool& slot) {
  if (!is_flag) return "write true or false";
  slot = value == "yes";
  return {};
}

/// What holds where neither the file nor a compatibility level says anything: the defaults of the
/// seed, which are stricter than Postfix's.
void add_own_defaults(std::map<std::string, std::string, std::less<>>& parameters) {
  if (parameters.contains("compatibility_level")) return;
  parameters.emplace("compatibility_level", "3.6");
  parameters.emplace("smtpd_sender_restrictions",
                     "permit_mynetworks, reject_non_fqdn_sender, permit");
  parameters.emplace("smtpd_helo_required", "yes");
}

/// Macros of the user's own are parameters too, when something uses them.
bool is_used(const RestrictionsConfig& config, std::string_view name) {
  return std::any_of(config.parameters.begin(), config.parameters.end(), [&](const auto& one) {
    const std::string& value = one.second;
    for (std::size_t at = value.find(name); at != std::string::npos;
         at = value.find(name, at + 1)) {
      const std::size_t end = at + name.size();
      const bool begins = at == 0 || !(is_alnum(value[at - 1]) || value[at - 1] == '_');
      const bool ends = end == value.size() || !(is_alnum(value[end]) || value[end] == '_');
      if (begins && ends) return true;
    }
    return false;
  });
}

}  // namespace

std::string_view parameter_named(std::string_view key) {
  for (const auto& [name, parameter] : other_names) {
    if (key == name) return parameter;
  }
  return key;
}

std::vector<std::string_view> restriction_keys() {
  std::vector<std::string_view> keys(std::begin(own_keys), std::end(own_keys));
  for (const auto& [name, parameter] : other_names) keys.push_back(name);
  for (const std::string_view name : restrictions::restriction_parameters()) keys.push_back(name);
  return keys;
}

std::string take_restriction(RestrictionsConfig& config, std::string_view key, std::string value,
                             bool is_flag) {
  if (key == "mode") return take_word(value, "enforce", "shadow", config.shadow);
  if (key == "errors") return take_word(value, "refuse", "defer", config.defer_errors);
  if (key == "require_complete_lists") {
    return take_flag(value, is_flag, config.require_complete_lists);
  }
  if (key == "i_know_this_is_an_open_relay") {
    return take_flag(value, is_flag, config.open_relay_is_known);
  }
  key = parameter_named(key);
  const bool fresh = config.parameters.emplace(std::string(key), std::move(value)).second;
  return fresh ? std::string() : fmt::format("{} is set twice, under two names", key);
}

void compile_restrictions(RestrictionsConfig& config, const std::string& hostname,
                          const Positions& positions, Diagnostics& diagnostics) {
  if (!config.present) return;
  for (const auto& [name, value] : config.parameters) {
    if (restrictions::is_restriction_parameter(name) || is_used(config, name)) continue;
    Diagnostic diagnostic = positions.at("restrictions." + name, "C012",
                                         fmt::format("unknown key `{}`", printable(name, 64)));
    const auto near = nearest(name, restriction_keys());
    if (near) diagnostic.label = fmt::format("did you mean `{}`?", *near);
    diagnostic.hint = near ? "rename the key, or see `postern help C012`"
                           : "no restriction list depends on it; `postern import postfix` sorts a "
                             "main.cf out";
    diagnostics.add(std::move(diagnostic));
  }
  add_own_defaults(config.parameters);
  const restrictions::Parameters parameters(config.parameters, hostname);
  auto loaded = std::make_shared<restrictions::Loaded>(restrictions::load(
      parameters, restrictions::file_sources(),
      config.defer_errors ? restrictions::Errors::defer : restrictions::Errors::refuse));
  for (const restrictions::Diagnostic& one : loaded->compiled.diagnostics) {
    using Kind = restrictions::Diagnostic::Severity;
    Diagnostic diagnostic = positions.at_offset("restrictions." + one.place.parameter,
                                                one.place.offset, one.code, one.message);
    diagnostic.severity = one.severity == Kind::error     ? Severity::error
                          : one.severity == Kind::warning ? Severity::warning
                                                          : Severity::note;
    diagnostic.hint = one.hint;
    diagnostics.add(std::move(diagnostic));
  }
  config.loaded = std::move(loaded);
  lint_restrictions(config, positions, diagnostics);
}

}  // namespace postern::app
