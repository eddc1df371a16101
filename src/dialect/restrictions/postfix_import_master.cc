// master.cf (master(5)): the service on port 25 is what main.cf is about, the other ones that run
// smtpd become listeners; what else has settings of its own is named.
#include <algorithm>
#include <iterator>
#include <ranges>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/shown.h"
#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

namespace {

using Role = MasterService::Role;

constexpr std::size_t most_services = 200;
constexpr std::size_t most_notes = 50;

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

/// The -o settings: "-o name=value", "-oname=value", "-o { name = value }".
std::vector<std::pair<std::string, std::string>> overrides_of(
    const std::vector<std::string_view>& fields) {
  constexpr std::size_t command = 7;  // after name, type, private, unpriv, chroot, wakeup, maxproc
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = command + 1; i < fields.size(); ++i) {
    std::string_view text = fields[i];
    if (!text.starts_with("-o")) continue;
    text.remove_prefix(2);
    if (text.empty() && i + 1 < fields.size()) text = fields[++i];
    if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
    const std::size_t equals = text.find('=');
    const std::string_view name = trim(text.substr(0, equals));
    if (equals == std::string_view::npos || name.empty() || name == "syslog_name") continue;
    out.emplace_back(name, trim(text.substr(equals + 1)));
  }
  return out;
}

std::uint16_t service_port(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint16_t> known[] = {
      {"smtp", 25}, {"submission", 587}, {"submissions", 465}, {"smtps", 465}};
  for (const auto& [name, port] : known) {
    if (text == name) return port;
  }
  return parse_port(text).value_or(0);
}

/// Finds the address and the port of a TCP service: "[::1]:submission", "127.0.0.1:2525", "smtp".
void read_address(MasterService& service) {
  std::string_view name = service.name;
  const std::size_t colon = name.rfind(':');
  if (colon != std::string_view::npos) {
    std::string_view host = name.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    service.host = host == "localhost" ? "127.0.0.1" : std::string(host);
    name.remove_prefix(colon + 1);
  }
  service.port = service_port(name);
}

Role role_of(const MasterService& service) {
  const bool is_tcp = service.type == "inet";
  if (service.type == "pass" && service.command == "smtpd") return Role::reception;
  if (service.type == "unix" && service.command == "smtp") {
    const bool is_usual = service.name == "smtp" || service.name == "relay";
    return is_usual ? Role::other : Role::transport;
  }
  if (!is_tcp || service.command != "smtpd") return Role::other;
  const auto address = IpAddress::parse(service.host);
  if (address && service.host.starts_with("127.") && service.sets("content_filter"))
    return Role::reentry;
  if (service.port == 25 && service.host.empty()) return Role::reception;
  const bool is_listener = service.port != 0 && (service.host.empty() || address);
  return is_listener ? Role::listener : Role::other;
}

/// The -o settings that `wanted` selects, as text.
template <class Wanted>
std::string settings_text(const MasterService& service, Wanted wanted) {
  std::string out;
  for (const auto& [name, value] : service.overrides) {
    if (!wanted(name)) continue;
    out += fmt::format("{}{}", out.empty() ? "" : ", ",
                       printable(without_passwords(fmt::format("{}={}", name, value)), 120));
  }
  return out;
}

bool is_any(std::string_view) { return true; }
/// The settings of an SMTP client that its [[route]]s and [[egress]] have.
bool is_transport_setting(const MasterService& service, std::string_view name) {
  // The name in EHLO belongs to a source address.
  if (name == "smtp_helo_name")
    return service.sets("smtp_bind_address") || service.sets("smtp_bind_address6");
  return name == "smtp_bind_address" || name == "smtp_bind_address6" ||
         name == "smtp_fallback_relay";
}
/// Those that they do not have, as text.
std::string lost_settings(const MasterService& service) {
  return settings_text(service,
                       [&](std::string_view name) { return !is_transport_setting(service, name); });
}
bool is_login_setting(std::string_view name) { return name.starts_with("smtpd_sasl_"); }

/// What becomes of a service; empty: nothing to tell.
std::string note_of(const MasterService& service, const std::vector<ListenerList>& lists) {
  const std::string all = settings_text(service, is_any);
  switch (service.role) {
    case Role::reception:
      return {};  // its settings are in the report
    case Role::listener: {
      std::string out = service.text() + " is a [[listener]]";
      const auto is_carried = [&](std::string_view name) {
        return std::ranges::any_of(lists, [&](const ListenerList& one) {
          return one.line == service.line && one.parameter == name;
        });
      };
      const std::string lost = settings_text(service, [&](std::string_view name) {
        return !is_listener_setting(name) && !is_login_setting(name) && !is_carried(name);
      });
      const std::string logins = settings_text(service, is_login_setting);
      if (!logins.empty()) out += "; for all listeners alike: " + logins;
      if (!lost.empty()) out += "; not carried: " + lost;
      const std::string own = settings_text(service, is_carried);
      if (!own.empty()) {
        out += "; its restriction lists are classes that check_listener_access chooses: " + own;
      }
      const bool stays = std::ranges::any_of(service.overrides, [&](const auto& one) {
        return is_list_of_listener(one.first) && !is_carried(one.first);
      });
      if (stays) {
        out +=
            "; a list about relaying that refuses nobody is not carried, and that of main.cf stays "
            "in force";
      }
      return out;
    }
    case Role::reentry:
      return service.text() +
             " is not carried: it takes mail back from a content filter, and none is called" +
             (all.empty() ? "" : "; it sets " + all);
    case Role::transport: {
      const std::string lost = lost_settings(service);
      if (lost.empty()) return {};
      return service.text() + ": mail is passed on by SMTP, without its own settings: " + lost +
             "; a [[route]] has keys for most (docs/relay.md)";
    }
    case Role::other:
      break;
  }
  if (service.type == "inet" && service.command == "smtpd") {
    return service.text() + " is not carried: a [[listener]] wants an address and a port" +
           (all.empty() ? "" : "; it sets " + all);
  }
  if (service.type == "unix" && service.command == "smtp") {
    const std::string lost = lost_settings(service);
    return lost.empty() ? "" : service.text() + " is carried without its own settings: " + lost;
  }
  return all.empty() ? "" : service.text() + " is not carried; it sets " + all;
}

}  // namespace

std::string MasterService::text() const {
  return fmt::format("{} {} ({})", printable(name, 40), printable(type, 10),
                     printable(command, 40));
}

bool MasterService::sets(std::string_view parameter) const {
  return std::ranges::any_of(overrides, [&](const auto& one) { return one.first == parameter; });
}

const MasterService* MasterCf::reception() const {
  const auto found = std::ranges::find(services, Role::reception, &MasterService::role);
  return found == services.end() ? nullptr : &*found;
}

const MasterService* MasterCf::transport(std::string_view name) const {
  const auto found = std::ranges::find_if(services, [&](const MasterService& one) {
    return one.type == "unix" && one.command == "smtp" && iequals(one.name, name);
  });
  return found == services.end() ? nullptr : &*found;
}

bool MasterCf::is_smtp_client(std::string_view transport) const {
  if (transport == "smtp" || transport == "relay") return true;
  return std::ranges::any_of(services, [&](const MasterService& one) {
    return one.role == Role::transport && iequals(one.name, transport);
  });
}

MasterCf read_master(const std::optional<std::string>& text) {
  MasterCf out;
  if (!text) return out;
  out.is_read = true;
  for (LogicalLines lines(*text); lines.next() && out.services.size() < most_services;) {
    const auto fields = fields_of(lines.text());
    if (fields.size() < 8) continue;
    MasterService service{.name = std::string(fields[0]),
                          .type = std::string(fields[1]),
                          .command = std::string(fields[7]),
                          .line = lines.number(),
                          .host = {},
                          .overrides = overrides_of(fields),
                          .arguments = {}};
    for (const std::string_view field : fields | std::views::drop(8)) {
      service.arguments += (service.arguments.empty() ? "" : " ") + std::string(field);
    }
    if (service.type == "inet") read_address(service);
    service.role = role_of(service);
    out.services.push_back(std::move(service));
  }
  return out;
}

Parameters parameters_of(const MasterService& service, const Parameters& parameters) {
  auto settings = parameters.settings();
  for (const auto& [name, value] : service.overrides) settings.insert_or_assign(name, value);
  return Parameters(std::move(settings), std::string(no_hostname));
}

std::vector<std::string> sockets_in_queue(std::string_view value) {
  constexpr std::string_view unix_socket = "unix:";
  std::vector<std::string> paths;
  for (std::size_t at = value.find(unix_socket); at != std::string_view::npos;
       at = value.find(unix_socket, at + 1)) {
    const std::string_view rest = value.substr(at + unix_socket.size());
    const std::string_view path = rest.substr(0, rest.find_first_of(" \t\r\n,}"));
    // unix:passwd.byname is a table, not a socket.
    const bool is_socket = !path.starts_with('/') && path.find('/') != std::string_view::npos;
    if (is_socket && std::ranges::find(paths, path) == paths.end()) paths.emplace_back(path);
  }
  return paths;
}

std::string socket_note(const std::string& path, const Parameters& parameters,
                        const MasterCf& master) {
  const std::string folder = parameters.text("queue_directory");
  const std::string whole = printable(folder + "/" + path, 200);
  // master(8): private/NAME and public/NAME are the services of type unix.
  if (!path.starts_with("private/") && !path.starts_with("public/")) return {};
  const std::string_view name = std::string_view(path).substr(path.find('/') + 1);
  const auto service = std::ranges::find_if(master.services, [&](const MasterService& one) {
    return one.type == "unix" && one.name == name;
  });
  if (service == master.services.end()) {
    return fmt::format(
        "{} is asked there; only Postfix's user may enter {}, so let the program listen "
        "elsewhere, as in /run, and name that socket, or give Postern's user access",
        whole, printable(folder + "/" + path.substr(0, path.find('/')), 200));
  }
  if (service->command != "spawn") {
    return fmt::format("{} is the service {} of Postfix (master.cf line {}), which ends with it",
                       whole, service->text(), service->line);
  }
  return fmt::format(
      "{} is made by Postfix, which starts the program for each connection (master.cf line {}: "
      "spawn {}). Without Postfix, a socket unit of systemd does that (Accept=yes, and "
      "StandardInput=socket in the service): put its ListenStream= here instead of {}",
      whole, service->line, printable(without_passwords(service->arguments), 300),
      printable(path, 100));
}

std::vector<std::string> master_notes(const MasterCf& master,
                                      const std::vector<ListenerList>& lists) {
  if (!master.is_read) {
    return {
        "master.cf is not read (the folder of main.cf has none): its services on ports "
        "other than 25 (submission, smtps) and their -o settings are not in the result; add a "
        "[[listener]] for each"};
  }
  std::vector<std::string> out;
  for (const MasterService& service : master.services) {
    if (out.size() == most_notes) break;
    const std::string note = note_of(service, lists);
    if (!note.empty()) out.push_back(fmt::format("master.cf line {}: {}", service.line, note));
  }
  return out;
}

}  // namespace postern::dialect::restrictions
