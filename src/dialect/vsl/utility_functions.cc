// Domains, logs, time, DNS, files: what is neither session nor message.
#include <pwd.h>
#include <unistd.h>

#include <ctime>

#include <fmt/chrono.h>

#include "base/text.h"
#include "dialect/ask_dns.h"
#include "dialect/vsl/app_files.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/functions.h"
#include "mailauth/names.h"
#include "policy/answers.h"
#include "script/blocking.h"
#include "script/state.h"

namespace postern::dialect::vsl {

using policy::Stage;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

std::string_view behind_at(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

bool in_domain(Call& call, Value value) {
  const Site& site = site_of(call);
  if (const auto* text = std::get_if<std::string>(&value.is)) {
    return site.is_local(behind_at(*text));
  }
  const auto* object = std::get_if<ObjectPtr>(&value.is);
  if (object == nullptr) return false;
  if ((*object)->type() == Object::Type::fqdn) return site.is_local((*object)->text());
  return (*object)->mailbox() && site.is_local((*object)->mailbox()->domain);
}

void log_line(Call& call, std::string_view level, std::string text) {
  call.world().log(level, call.state().place(), call.redacted(std::move(text)));
}

void log(Call& call, Text level, Value message) {
  const std::string word = lower(level.value);
  std::string_view known = "warning";
  if (word == "error" || word == "info") known = word;
  if (word == "debug" || word == "trace") known = "debug";
  log_line(call, known, text_of(message));
}
void print(Call& call, Value value) { log_line(call, "info", text_of(value)); }
void debug(Call& call, Value value) { log_line(call, "debug", debug_of(value)); }

Task<bool> user_exist(Call& call, Text name) {
  const auto exists = std::make_shared<bool>(false);
  const auto ask = [exists, user = name.value] {
    std::string room(16u << 10, '\0');
    passwd entry{};
    passwd* found = nullptr;
    int trouble = ERANGE;
    while ((trouble = ::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found)) ==
               ERANGE &&
           room.size() < (1u << 20)) {
      room.resize(room.size() * 2);
    }
    demand(trouble == 0, "the users of this system cannot be looked up");
    *exists = found != nullptr;
  };
  const Result<void> done = co_await script::blocking(call, ask);
  demand(done.has_value(), done ? "" : done.error().message);
  co_return *exists;
}

std::string hostname(Call& call) { return site_of(call).hostname; }

std::string now_as(Call& call, const char* name, fmt::string_view format) {
  const json::value said = call.told_by(name, [&]() -> json::value {
    return json::value(fmt::format(fmt::runtime(format), fmt::gmtime(std::time(nullptr))));
  });
  return std::string(said.as_string());
}
std::string date(Call& call) { return now_as(call, "date", "{:%Y-%m-%d}"); }
std::string time_of_day(Call& call) { return now_as(call, "time", "{:%H:%M:%S}"); }

/// The addresses of a host; throws if none is found.
Task<Value> lookup(Call& call, Text host) {
  Context& context = rule_of(call);
  Value::Array found;
  if (const auto address = IpAddress::from_text(host.value)) {
    found.push_back(address->to_string());
    co_return found;
  }
  demand_text(refused_host, host.value);
  const auto name = mailauth::normalize_domain(host.value);
  std::string trouble;
  for (const dns::Type type : {dns::Type::a, dns::Type::aaaa}) {
    const dns::Answer answer = co_await ask_dns(context.inquiry, *name, type);
    if (answer.trouble()) trouble = dns_sentence(*name, type, answer);
    for (const std::string& record : answer.records) found.push_back(record);
  }
  demand(!found.empty(), trouble.empty() ? "no record found for '" + *name + "'" : trouble);
  co_return found;
}

Task<Value> rlookup(Call& call, Text ip) {
  Context& context = rule_of(call);
  demand_text(refused_ip, ip.value);
  const auto address = IpAddress::from_text(ip.value);
  const std::string name = policy::reverse_name(*address);
  const dns::Answer answer = co_await ask_dns(context.inquiry, name, dns::Type::ptr);
  demand(!answer.trouble(), dns_sentence(name, dns::Type::ptr, answer));
  demand(!answer.records.empty(), "no PTR record for '" + address->to_string() + "'");
  Value::Array found;
  for (const std::string& record : answer.records) found.push_back(record);
  co_return found;
}

std::string get_root_domain(Text domain) {
  demand_text(refused_domain, domain.value);
  const auto name = mailauth::normalize_domain(behind_at(domain.value));
  return mailauth::SuffixList::system().organizational_domain(*name);
}

/// The mailbox of an address; nullopt: the null sender.
std::optional<mail::Mailbox> mailbox_from(const Value& value) {
  const auto* object = std::get_if<ObjectPtr>(&value.is);
  if (object != nullptr && (*object)->type() == Object::Type::address) return (*object)->mailbox();
  return address_from(value);
}

std::string get_local_part(Value address) {
  const auto mailbox = mailbox_from(address);
  return mailbox ? mailbox->local_part : std::string();
}
std::string get_domain(Value address) {
  const auto mailbox = mailbox_from(address);
  return mailbox ? mailbox->domain : std::string();
}

/// A part of each address. A domain that is not a name, such as an address literal, stays text.
Value parts_of(const Value& addresses, Object::Type type, std::string (*part)(Value)) {
  const auto* list = std::get_if<Value::Array>(&addresses.is);
  demand(list != nullptr, "an array of addresses expected");
  Value::Array parts;
  for (const Value& one : *list) {
    std::string text = part(one);
    const Result<ObjectPtr> object = Object::make(type, text);
    parts.push_back(object ? Value(*object) : Value(std::move(text)));
  }
  return parts;
}
Value get_local_parts(Value addresses) {
  return parts_of(addresses, Object::Type::identifier, get_local_part);
}
Value get_domains(Value addresses) { return parts_of(addresses, Object::Type::fqdn, get_domain); }

ObjectPtr new_address(Value text) { return Object::address(address_from(text)); }
std::string type_word(Value value) { return std::string(type_of(value)); }

Task<void> write_message(Call& call, std::string folder, std::string extension, std::string text) {
  Context& context = rule_of(call);
  if (context.stage < Stage::mail) too_early("message_id", "mail");
  const std::string& root = context.site.app_directory;
  demand(!root.empty(), "no folder is configured for files: set vsl.app_dir");
  if (call.leaves_undone("write a file into " + printable(folder, 200))) co_return;
  const auto written = std::make_shared<Result<std::string>>();
  auto job = [written, root, folder, extension, text = std::move(text),
              name = message_id_of(context)] {
    *written = write_new_file(root, folder, name, extension, text);
  };
  const Result<void> done = co_await script::blocking(call, std::move(job));
  demand(done.has_value(), done ? "" : done.error().message);
  demand(written->has_value(), *written ? "" : written->error().message);
}

Task<void> write_eml(Call& call, Text folder) {
  co_await write_message(call, folder.value, ".eml", message_text(rule_of(call)));
}

Task<void> dump(Call& call, Text folder) {
  Context& context = rule_of(call);
  const policy::SessionFacts& session = context.evidence.session;
  std::string message = readable(message_text(context));
  json::array recipients;
  for (const mail::Mailbox& one : recipients_of(context)) recipients.emplace_back(one.text());
  const auto sender = sender_of(context);
  const json::value all = {
      {"client", with_port(session.client_ip, session.client_port)},
      {"helo", readable(session.helo)},
      {"mail_from", sender ? sender->text() : std::string()},
      {"rcpt", recipients},
      {"message", std::move(message)},
  };
  co_await write_message(call, folder.value, ".json", json::serialize(all));
}

Value toml(Call& call, std::string name) {
  const Site& site = site_of(call);
  demand(name == "server" || name == "app", "`toml::" + printable(name, 100) + "` is not defined");
  return value_of(name == "server" ? site.toml_server : site.toml_app);
}

constexpr HostFunction utility_rows[] = {
    {"vsl.in_domain", "value: address|fqdn|string", "bool",
     "Whether mail of that domain is ours: `vsl.domain` and the virtual domains, without "
     "regard to case, no sub-domains. No for the null sender and for values of other types.",
     bind<&in_domain>},
    {"vsl.log", "level: text, message: any", "",
     "Writes a line to the log. Levels are trace, debug, info, warn and error; others count as "
     "warn.",
     bind<&log>},
    {"vsl.print", "value: any", "", "Writes a line to the log at level info.", bind<&print>},
    {"vsl.debug", "value: any", "",
     "Writes a line to the log at level debug, with text in quotes and lists in brackets.",
     bind<&debug>},
    {"vsl.user_exist", "name: text", "bool", "Whether this system has a user of that name.",
     bind<&user_exist>},
    {"vsl.hostname", "", "string", "The name of this machine.", bind<&hostname>},
    {"vsl.date", "", "string", "The day in UTC: `2026-11-21`.", bind<&date>},
    {"vsl.time", "", "string", "The time of day in UTC: `13:07:00`.", bind<&time_of_day>},
    {"vsl.lookup", "host: text", "array",
     "The IPv4 addresses of a name, then the IPv6 addresses. No address and a failed lookup are "
     "errors.",
     bind<&lookup>},
    {"vsl.rlookup", "ip: text", "array",
     "The names of an address. No name and a failed lookup "
     "are errors.",
     bind<&rlookup>},
    {"vsl.get_root_domain", "domain: text", "string",
     "The registered domain of a name: `example.co.uk` for `mx.example.co.uk`.",
     bind<&get_root_domain>},
    {"vsl.get_local_part", "address: address|string", "string", "The part before the @.",
     bind<&get_local_part>},
    {"vsl.get_domain", "address: address|string", "string", "The part after the @.",
     bind<&get_domain>},
    {"vsl.get_local_parts", "addresses: array", "array", "The identifiers of a list of addresses.",
     bind<&get_local_parts>},
    {"vsl.get_domains", "addresses: array", "array", "The domain names of a list of addresses.",
     bind<&get_domains>},
    {"vsl.new_address", "text: string", "address",
     "The text as an address; other text is an error.", bind<&new_address>},
    {"vsl.type_of", "value: any", "string",
     "`string`, `i64`, `f64`, `bool`, `array`, `map`, `()`, `status`, or the type of an object.",
     bind<&type_word>},
    {"vsl.write", "folder: text", "",
     "Writes the message to a file in a folder below the app directory; before `preq` the header "
     "that rules have made so far.",
     bind<&write_eml>},
    {"vsl.dump", "folder: text", "",
     "Writes envelope and message, as write() has it, as JSON to a file in a folder below the app "
     "directory.",
     bind<&dump>},
    // Compiled from `toml::server` and `toml::app`.
    {"vsl.toml", "name: string", "map", "", bind<&toml>},
};

constexpr Allowed utility_stages[] = {
    {"write", Stage::mail},
    {"dump", Stage::mail},
};

}  // namespace

Group utility_functions() { return {utility_rows, utility_stages}; }

}  // namespace postern::dialect::vsl
