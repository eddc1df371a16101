// master.cf (master(5)): only the service on port 25 is carried, without its -o settings; each
// service with settings of its own is named.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::size_t most_services = 50;

/// Fields are separated by blanks; braces group.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at < line.size();) {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    int depth = 0;
    for (; at < line.size() && (depth > 0 || !is_blank(line[at])); ++at) {
      if (line[at] == '{') ++depth;
      if (line[at] == '}') --depth;
    }
    fields.push_back(line.substr(begin, at - begin));
  }
  return fields;
}

/// The -o settings of a service, as written: "smtpd_tls_security_level=encrypt".
std::vector<std::string> overrides_of(const std::vector<std::string_view>& fields) {
  constexpr std::size_t command = 7;  // after name, type, private, unpriv, chroot, wakeup, maxproc
  std::vector<std::string> out;
  for (std::size_t i = command + 1; i < fields.size(); ++i) {
    std::string_view text = fields[i];
    if (!text.starts_with("-o")) continue;
    text.remove_prefix(2);
    if (text.empty() && i + 1 < fields.size()) text = fields[++i];
    if (text.starts_with('{') && text.ends_with('}')) text = trim(text.substr(1, text.size() - 2));
    if (!text.starts_with("syslog_name")) out.push_back(printable(text, 120));
  }
  return out;
}

/// Whether one of them is a restriction list.
bool sets_a_list(const std::vector<std::string>& overrides) {
  return std::ranges::any_of(overrides, [](const std::string& one) {
    return trim(std::string_view(one).substr(0, one.find('='))).ends_with("_restrictions");
  });
}

}  // namespace

std::vector<std::string> master_notes(const std::optional<std::string>& master_cf) {
  if (!master_cf) {
    return {
        "master.cf is not read (the folder of main.cf has none): its services on ports "
        "other than 25 (submission, smtps) and their -o settings are not in the result; add a "
        "[[listener]] for each"};
  }
  std::vector<std::string> out;
  for (LogicalLines lines(*master_cf); lines.next() && out.size() < most_services;) {
    const auto fields = fields_of(lines.text());
    if (fields.size() < 8) continue;
    const std::vector<std::string> overrides = overrides_of(fields);
    const bool is_smtpd = fields[1] == "inet" && fields[7] == "smtpd";
    const bool is_first = is_smtpd && (fields[0] == "smtp" || fields[0] == "25");
    const bool listens = is_smtpd && !is_first;
    if (overrides.empty() && !listens) continue;
    const std::string service = fmt::format("{} {} ({})", printable(fields[0], 40),
                                            printable(fields[1], 10), printable(fields[7], 40));
    std::string sets;
    for (const std::string& one : overrides) sets += (sets.empty() ? "" : ", ") + one;
    std::string note = fmt::format("master.cf line {}: ", lines.number());
    if (is_first) {
      note += fmt::format("{} is carried, but not its -o settings: {}; write them in main.cf",
                          service, sets);
    } else {
      note += service + " is not carried";
      if (listens) note += ": add a [[listener]] for it";
      if (!sets.empty()) note += "; it sets " + sets;
    }
    if (is_smtpd && sets_a_list(overrides)) {
      note +=
          "; restriction lists are the same for all listeners: if a port is only for clients that "
          "have signed in, a Lua policy refuses the others (docs/auth.md, A port where everybody "
          "signs in)";
    }
    out.push_back(std::move(note));
  }
  return out;
}

}  // namespace postern::dialect::restrictions
