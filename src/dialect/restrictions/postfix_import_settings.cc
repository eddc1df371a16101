// Parameters that have a key outside [restrictions], and those that ask for what Postern always
// does.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "mail/hostname.h"

namespace postern::dialect::restrictions {

namespace {

// --- amounts ---

struct Amount {
  enum class Kind : std::uint8_t { count, size, seconds, hours, days };  ///< of a bare number
  std::string_view name;
  std::string_view section;
  std::string_view key;
  Kind kind;
  std::uint64_t least;
  std::uint64_t most;
  bool zero_is_no_limit;
  std::string_view difference;  ///< what differs; "" for nothing
};

constexpr std::uint64_t gib = 1u << 30;
constexpr std::uint64_t million = 1'000'000;
constexpr std::uint64_t day = 86'400;

constexpr std::string_view connection_rate = "smtpd_client_connection_rate_limit";

constexpr auto amounts = [] {
  using enum Amount::Kind;
  return std::to_array<Amount>({
      {"bounce_queue_lifetime", "queue", "expire_null_path", days, 3600, 30 * day, false, ""},
      {"default_process_limit", "limits", "sessions", count, 1, million, false,
       "SMTP sessions at a time; other services have no limit here"},
      {"delay_warning_time", "queue", "delay_notice", hours, 0, 30 * day, false, ""},
      {"hopcount_limit", "limits", "received_fields", count, 1, 100'000, false, ""},
      {"line_length_limit", "limits", "command_line", count, 64, 1u << 20, false,
       "a longer command is refused, not cut"},
      {"maximal_backoff_time", "queue", "longest_retry", seconds, 1, day, false, ""},
      {"maximal_queue_lifetime", "queue", "expire", days, 3600, 30 * day, false, ""},
      {"message_size_limit", "limits", "message_size", size, 1, 4 * gib, true, ""},
      {"minimal_backoff_time", "queue", "first_retry", seconds, 1, day, false,
       "each further delay is twice the one before"},
      {"smtpd_client_connection_count_limit", "limits", "sessions_per_address", count, 1, million,
       true, "an IPv6 client counts by its /64"},
      {connection_rate, "limits", "new_sessions_per_minute", count, 1, 100 * million, true,
       "an IPv6 client counts by its /64"},
      {"smtpd_error_sleep_time", "limits", "error_delay", seconds, 0, 60, false, ""},
      {"smtpd_hard_error_limit", "limits", "errors", count, 1, million, false, ""},
      {"smtpd_junk_command_limit", "limits", "junk_commands", count, 0, million, false, ""},
      {"smtpd_recipient_limit", "limits", "recipients", count, 1, million, false, ""},
      {"smtpd_sasl_response_limit", "limits", "auth_line", count, 64, 1u << 20, false, ""},
      {"smtpd_soft_error_limit", "limits", "soft_errors", count, 1, million, false, ""},
      {"smtpd_starttls_timeout", "timeouts", "tls_handshake", seconds, 1, day, false, ""},
      {"smtpd_timeout", "timeouts", "command", seconds, 1, day, false,
       "for a whole command; message data has timeouts.data_block"},
      {"smtpd_upstream_proxy_timeout", "timeouts", "proxy_header", seconds, 1, day, false, ""},
  });
}();

/// As parse_time(), in seconds; letters of units in either case.
std::optional<std::uint64_t> parse_seconds(std::string_view text, std::uint64_t unit = 1) {
  const auto time = parse_time(lower(text), std::chrono::seconds(unit));
  if (!time) return std::nullopt;
  return static_cast<std::uint64_t>(time->count());
}

std::string amount_toml(const Amount& amount, std::uint64_t number) {
  using enum Amount::Kind;
  switch (amount.kind) {
    case count:
      return std::to_string(number);
    case size:
      return fmt::format("\"{}\"", number);
    case seconds:
    case hours:
    case days:
      return fmt::format("\"{}s\"", number);
  }
  return {};
}

Judgement judge_amount(const Amount& amount, const Parameters& parameters) {
  const auto text = parameters.value(amount.name);
  if (!text) return not_supported(text.error().message);
  using enum Amount::Kind;
  const bool is_time = amount.kind != count && amount.kind != size;
  const std::uint64_t unit = amount.kind == days ? day : amount.kind == hours ? 3600 : 1;
  const auto number = is_time ? parse_seconds(*text, unit) : parse_number(*text);
  if (!number) {
    return not_supported(fmt::format("`{}` is not a {} here; set {}.{}", printable(*text, 40),
                                     is_time ? "time" : "number", amount.section, amount.key));
  }
  std::uint64_t wanted = *number;
  std::string note = fmt::format("{}.{}", amount.section, amount.key);
  std::string difference(amount.difference);
  if (amount.name == connection_rate) {
    const std::uint64_t unit_of_rates =
        parse_seconds(parameters.text("anvil_rate_time_unit")).value_or(60);
    if (unit_of_rates != 60 && unit_of_rates != 0 && wanted != 0) {
      difference =
          fmt::format("{} in anvil_rate_time_unit = {} s; {}", wanted, unit_of_rates, difference);
      wanted = (std::min(wanted, amount.most) * 60 + unit_of_rates - 1) / unit_of_rates;
    }
  }
  if (amount.zero_is_no_limit && wanted == 0) {
    wanted = amount.most;
    difference = "there is always a limit; this is the highest";
  } else if (wanted < amount.least || wanted > amount.most) {
    wanted = std::clamp(wanted, amount.least, amount.most);
    difference = fmt::format("{} is out of range, this is the nearest", *number);
  }
  Judgement out = difference.empty() ? carried(note) : changed(note + ": " + difference);
  out.entries.push_back({amount.section, amount.key, amount_toml(amount, wanted), amount.name});
  return out;
}

// --- what Postern always does ---

struct Always {
  std::string_view name;
  bool on;
  std::string_view instead;  ///< what is lost if the other value is set, and what to do
  std::string_view same = "Postern always does so";  ///< if this value is set
};
constexpr Always always[] = {
    {"allow_min_user", false, "addresses that begin with a hyphen are refused"},
    {"smtputf8_enable", true, "SMTPUTF8 is always offered"},
};

Judgement judge_always(const Always& fixed, const Parameters& parameters) {
  const auto wanted = parameters.flag(fixed.name);
  if (!wanted) return not_supported(wanted.error().message);
  if (*wanted == fixed.on) return carried(std::string(fixed.same));
  return not_supported(std::string(fixed.instead));
}

// --- single parameters ---

Judgement judge_hostname(const Parameters& parameters) {
  const std::string name = parameters.text("myhostname");
  // The configuration does not allow underscores (RFC 1123 §2.1).
  if (!mail::is_hostname(name) || name.find('_') != std::string::npos || name.ends_with('.')) {
    return changed(fmt::format("`{}` is not a domain name; set server.hostname for the greeting",
                               printable(name, 64)));
  }
  Judgement out = carried("also server.hostname");
  out.entries.push_back({"server", "hostname", toml_quoted(name), "myhostname"});
  return out;
}

Judgement judge_bare_newline(const Parameters& parameters) {
  const std::string wanted = lower(parameters.text("smtpd_forbid_bare_newline"));
  const bool mends = wanted == "yes" || wanted == "normalize";
  if (!mends && wanted != "reject") {
    return not_supported(
        "a bare LF never ends a line; limits.bare_newline says what happens to it");
  }
  Judgement out = carried("limits.bare_newline");
  out.entries.push_back({"limits", "bare_newline", mends ? "\"normalize\"" : "\"reject\"",
                         "smtpd_forbid_bare_newline"});
  return out;
}

Judgement judge_style(const Parameters& parameters) {
  if (parameters.is_set("mynetworks")) return meaningless("mynetworks is set");
  return not_supported("networks are not read from the interfaces; list them in mynetworks");
}

Judgement judge_at_myorigin(const Parameters& parameters) {
  const auto wanted = parameters.flag("append_at_myorigin");
  if (!wanted) return not_supported(wanted.error().message);
  if (*wanted) return carried("Postern always does so");
  return not_supported("an address without a domain is always completed with myorigin");
}

Judgement judge_broken_clients(const Parameters& parameters) {
  const auto wanted = parameters.flag("broken_sasl_auth_clients");
  if (!wanted) return not_supported(wanted.error().message);
  if (!*wanted) return carried("Postern always does so");
  return not_supported("EHLO has \"AUTH PLAIN\", never \"AUTH=PLAIN\" for clients of before 1999");
}

Judgement judge_overrides(const Parameters& parameters) {
  const auto words = parameters.words("receive_override_options");
  const bool unchecked = words && std::ranges::any_of(*words, [](const Word& word) {
                           return iequals(word.text, "no_unknown_recipient_checks");
                         });
  if (!unchecked) return meaningless("there are no content filters");
  return not_supported(
      "no_unknown_recipient_checks: recipients that do not exist are refused; write "
      "smtpd_reject_unlisted_recipient = no to accept them");
}

Judgement judge_rate_unit(const Parameters& parameters) {
  if (parse_seconds(parameters.text("anvil_rate_time_unit")) == 60) {
    return carried("rates are counted a minute");
  }
  if (parameters.is_set(connection_rate) &&
      parse_seconds(parameters.text("anvil_rate_time_unit")).value_or(0) != 0) {
    return changed("rates are counted a minute; limits.new_sessions_per_minute is converted");
  }
  return not_supported("rates are counted a minute; adjust limits.new_sessions_per_minute");
}

Judgement judge_sasl_options(std::string_view name, const Parameters& parameters,
                             const ImportOptions& options) {
  const auto words = parameters.words(name);
  const auto fine = [](const Word& word) { return iequals(word.text, "noanonymous"); };
  const bool outside = name == "smtpd_sasl_security_options";
  if (words && std::all_of(words->begin(), words->end(), fine)) {
    return carried("Postern always does so");
  }
  // Without TLS there is no AUTH at all, so restrictions on it do not matter.
  if (words && outside && !is_auth_in_the_clear(parameters, options)) {
    return carried("no AUTH outside TLS");
  }
  if (outside) return not_supported("AUTH without TLS is PLAIN and LOGIN, too");
  return not_supported("AUTH inside TLS is PLAIN and LOGIN");
}

/// What Postern demands where it logs in to a smart host.
Judgement judge_own_logins(std::string_view name, const Parameters& parameters) {
  const auto words = parameters.words(name);
  // Without TLS no password is sent at all.
  const bool outside = name == "smtp_sasl_security_options";
  const auto fine = [outside](const Word& word) {
    return iequals(word.text, "noanonymous") || (outside && iequals(word.text, "noplaintext"));
  };
  if (!words || !std::all_of(words->begin(), words->end(), fine)) {
    return not_supported("a [[route]] logs in with PLAIN, LOGIN or SCRAM (docs/relay.md)");
  }
  return carried(
      "a password is sent only to a server whose certificate is verified (docs/relay.md)");
}

}  // namespace

std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for (const Amount& amount : amounts) names.push_back(amount.name);
  for (const Always& fixed : always) names.push_back(fixed.name);
  return names;
}

std::optional<Judgement> judge_setting(std::string_view name, const Parameters& parameters,
                                       const ImportOptions& options) {
  for (const Amount& amount : amounts) {
    if (amount.name == name) return judge_amount(amount, parameters);
  }
  for (const Always& fixed : always) {
    if (fixed.name == name) return judge_always(fixed, parameters);
  }
  if (name == "myhostname") return judge_hostname(parameters);
  if (auto listening = judge_listener(name, parameters, options)) return listening;
  if (name == "mynetworks" && !parameters.is_set("smtpd_client_event_limit_exceptions")) {
    // Its default is $mynetworks.
    const auto networks = networks_toml(name, parameters);
    if (!networks) {
      return changed(
          "limits count its clients too, except for limits.exempt_networks, which takes only "
          "networks");
    }
    Judgement out = carried("also limits.exempt_networks");
    out.entries.push_back({"limits", "exempt_networks", *networks, "mynetworks"});
    return out;
  }
  if (name == "smtpd_client_event_limit_exceptions") {
    Judgement out = judge_networks(name, "limits.exempt_networks", parameters);
    if (out.fate == Fate::carried) {
      out.entries.push_back({"limits", "exempt_networks", *networks_toml(name, parameters),
                             "smtpd_client_event_limit_exceptions"});
    }
    return out;
  }
  if (name == "smtpd_forbid_bare_newline") return judge_bare_newline(parameters);
  if (name == "proxy_interfaces") {
    const auto addresses = addresses_toml(name, parameters);
    if (!addresses) return not_supported("relay.proxy_addresses takes addresses; set it by hand");
    Judgement out = carried("also relay.proxy_addresses");
    out.entries.push_back({"relay", "proxy_addresses", *addresses, "proxy_interfaces"});
    return out;
  }
  if (name == "mynetworks_style") return judge_style(parameters);
  if (name == "receive_override_options") return judge_overrides(parameters);
  if (name == "anvil_rate_time_unit") return judge_rate_unit(parameters);
  if (name == "append_at_myorigin") return judge_at_myorigin(parameters);
  if (name == "broken_sasl_auth_clients") return judge_broken_clients(parameters);
  if (name == "smtp_sasl_security_options" || name == "smtp_sasl_tls_security_options") {
    return judge_own_logins(name, parameters);
  }
  if (name == "smtpd_sasl_security_options" || name == "smtpd_sasl_tls_security_options") {
    return judge_sasl_options(name, parameters, options);
  }
  return std::nullopt;
}

}  // namespace postern::dialect::restrictions
