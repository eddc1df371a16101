// Help on words that are neither commands, topics nor codes: commands of SMTP, keywords of
// restriction lists, keys and sections of the configuration.
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/help.h"
#include "config/schema.h"
#include "dialect/restrictions/rules.h"

namespace postern::app {

namespace {

/// A command of SMTP (RFC 5321 §4.1.1, RFC 3207, RFC 4954) and what decides about it.
struct SmtpCommand {
  std::string_view names;    ///< with blanks between them
  std::string_view decides;  ///< whole lines
};

constexpr SmtpCommand smtp_commands[] = {
    {"EHLO HELO",
     "  restriction lists  client and helo (asked at RCPT if smtpd_delay_reject = yes)\n"
     "  Lua                smtp_server_ehlo\n"
     "  .vsl               stages connect and helo\n"},
    {"STARTTLS", "  configuration      tls, certificate and key of [[listener]]\n"},
    {"AUTH",
     "  configuration      [auth] and [[auth.source]] (docs/auth.md)\n"
     "  Lua                smtp_server_auth_plain\n"
     "  .vsl               stage authenticate\n"
     "  webhook policies   their SMTP users, if auth.policies = true\n"},
    {"MAIL",
     "  restriction lists  sender (asked at RCPT if smtpd_delay_reject = yes)\n"
     "  Lua                smtp_server_mail_from\n"
     "  .vsl               stage mail\n"},
    {"RCPT",
     "  restriction lists  relay and recipient; client, helo and sender too if\n"
     "                     smtpd_delay_reject = yes\n"
     "  Lua                get_listener_domain (may mail be relayed?), then\n"
     "                     smtp_server_rcpt_to\n"
     "  .vsl               stage rcpt\n"
     "  webhook policies   the policy of the recipient's webhook (docs/checks.md)\n"},
    {"DATA BDAT",
     "  restriction lists  data, and end_of_data when the message has arrived\n"
     "  Lua                smtp_server_data, smtp_server_message_received\n"
     "  .vsl               stages preq, postq and delivery\n"
     "  webhook policies   SPF, DKIM, DMARC and the like (docs/checks.md)\n"},
    {"ETRN", "  restriction lists  etrn\n"},
};

std::string command_text(std::string_view name, const SmtpCommand& command) {
  return fmt::format(
      "{} is a command of SMTP. What decides about it:\n\n{}\n"
      "Why a client got its reply:       postern explain ID (the log has the ID)\n"
      "What a message would get:         postern help explain\n"
      "When Postern gives a reply code:  postern help 550\n",
      name, command.decides);
}

/// Most keys and keywords of an answer; the rest is counted.
constexpr std::size_t most_found = 60;

/// The keys and keywords that contain a text in lower case: in their names, or in their help.
std::vector<std::string> rows_with(std::string_view wanted, bool in_names) {
  const auto has = [&](std::string_view text) {
    return lower(text).find(wanted) != std::string::npos;
  };
  std::vector<std::string> found;
  for (const Key& key : config_keys()) {
    if (!has(in_names ? fmt::format("{}.{}", key.section, key.name) : std::string(key.comment))) {
      continue;
    }
    found.push_back(
        fmt::format("  {} {} = {}\n", section_header(key.section), key.name, key.preset) +
        wrapped(key.comment, 6));
  }
  for (const auto& one : dialect::restrictions::keywords()) {
    if (!(in_names ? has(one.name) || has(one.former) : has(one.help))) continue;
    found.push_back(fmt::format("  {} (restriction lists)\n", one.name) + wrapped(one.help, 6));
  }
  return found;
}

}  // namespace

std::optional<std::string> help_on_word(std::string_view word) {
  // "RCPT TO" and "[[route]]" are meant, too.
  const bool is_section = word.starts_with('[');
  while (word.starts_with('[')) word.remove_prefix(1);
  word = word.substr(0, word.find_first_of(" ]"));
  for (const SmtpCommand& command : smtp_commands) {
    for (const std::string_view name : split(command.names, ' ')) {
      if (!is_section && iequals(name, word)) return command_text(name, command);
    }
  }
  if (word == "restrictions") {
    return "[restrictions] holds the restriction lists of Postfix under the names that they\n"
           "have in main.cf. docs/restriction-lists.md describes them.\n\n"
           "  postern help keywords            the words of the lists\n"
           "  postern import postfix main.cf   makes the section out of a main.cf\n"
           "  postern check                    says whether the lists are an open relay\n";
  }
  if (word.size() < 3) return std::nullopt;
  const std::string wanted = lower(word);
  std::vector<std::string> found = rows_with(wanted, true);
  if (found.empty()) found = rows_with(wanted, false);
  if (found.empty()) return std::nullopt;
  std::string out = fmt::format("Keys and keywords about `{}`:\n\n", word);
  const std::size_t shown = std::min(found.size(), most_found);
  for (std::size_t i = 0; i < shown; ++i) out += found[i];
  if (found.size() > shown) out += fmt::format("  and {} more\n", found.size() - shown);
  return out + "\nMore: postern help configuration|keywords\n";
}

}  // namespace postern::app
