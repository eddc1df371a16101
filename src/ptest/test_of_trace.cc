#include "ptest/test_of_trace.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/simulation.h"
#include "base/text.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/webhook/fields.h"
#include "dns/dns.h"
#include "explain/evidence_words.h"
#include "explain/play.h"
#include "explain/report.h"
#include "policy/consultations.h"
#include "policy/webhook.h"
#include "ptest/run.h"
#include "ptest/update.h"

namespace postern::ptest {

namespace json = boost::json;
using policy::Decision;
using policy::Stage;

namespace {

/// Addresses with their local parts replaced, each by the same text everywhere.
class Names {
 public:
  explicit Names(bool redact) : redact_(redact) {}

  std::string address(const mail::Mailbox& mailbox) {
    if (!redact_) return mailbox.text();
    mail::Mailbox other = mailbox;
    other.local_part = replaced(mailbox.local_part, "someone-");
    return other.text();
  }
  std::string login(const std::string& name) { return redact_ ? replaced(name, "login-") : name; }
  /// A key of another program's table: an address, or `local@`, or the local part alone.
  std::string key(const std::string& text) const {
    for (const auto& [local, other] : known_) {
      if (text == local || text.starts_with(local + "@")) return other + text.substr(local.size());
    }
    return text;
  }
  /// What another program said, such as the reply of a host, which may have addresses.
  std::string said(std::string text) const {
    for (const auto& [local, other] : known_) {
      const std::string begin = local + "@";
      for (std::size_t at = 0; at < text.size(); ++at) {
        const bool inside = at > 0 && in_local_part(text[at - 1]);
        if (inside || !istarts_with(std::string_view(text).substr(at), begin)) continue;
        text.replace(at, local.size(), other);
        at += other.size();
      }
    }
    return text;
  }

 private:
  static bool in_local_part(char c) {
    return is_alnum(c) || std::string_view("._+-").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) > 127;
  }
  std::string replaced(const std::string& text, std::string_view prefix) {
    const auto [at, added] = known_.try_emplace(text);
    if (added) at->second = fmt::format("{}{}", prefix, known_.size());
    return at->second;
  }

  const bool redact_;
  std::map<std::string, std::string> known_;
};

/// Octets as a zone has them.
std::string octets(std::string_view text) {
  if (is_utf8(text)) return toml_string(text);
  return fmt::format("{{ hex = {} }}", toml_string(hex_encode(text)));
}

std::string record_text(dns::Type type, const std::string& record) {
  if (type == dns::Type::mx) {
    const std::size_t blank = record.find(' ');
    if (blank != std::string::npos) {
      return fmt::format("[{}, {}]", record.substr(0, blank),
                         toml_string(record.substr(blank + 1)));
    }
  }
  return octets(record);
}

std::string_view fault_of(dns::Status status) {
  return status == dns::Status::timeout ? "TIMEOUT" : "SERVFAIL";
}

/// The answers of a decision as a zone, by name and then by key.
using Zone = std::map<std::string, std::map<std::string, std::string>>;

Zone zone_of(const std::vector<policy::DnsRecord>& answers, std::set<std::string>& missing) {
  Zone zone;
  for (const policy::DnsRecord& one : answers) {
    std::string name = lower(one.question.name);
    const std::string type(dns::to_string(one.question.type));
    if (!one.answer.canonical_name.empty() && one.answer.canonical_name != name) {
      zone[name]["CNAME"] = fmt::format("[{}]", toml_string(one.answer.canonical_name));
      name = one.answer.canonical_name;
    }
    if (one.answer.status == dns::Status::nx_domain) {
      missing.insert(name);
      continue;
    }
    std::map<std::string, std::string>& entry = zone[name];
    if (one.answer.trouble()) {
      entry[type] = toml_string(fault_of(one.answer.status));
    } else if (one.answer.status == dns::Status::found) {
      std::string records;
      for (const std::string& record : one.answer.records) {
        records += (records.empty() ? "" : ", ") + record_text(one.question.type, record);
      }
      entry[type] = fmt::format("[{}]", records);
    }
    if (one.answer.secure) entry["\"!\""] = "{ ad = true }";
  }
  for (const auto& [name, entry] : zone) missing.erase(name);
  return zone;
}

std::string inline_table(const std::map<std::string, std::string>& members) {
  std::string out;
  for (const auto& [key, value] : members) {
    out += fmt::format("{} {} = {}", out.empty() ? "" : ",", key, value);
  }
  return out.empty() ? "{}" : fmt::format("{{{} }}", out);
}

/// Whether only SPF, DKIM or DMARC has asked for it, whose results stand in the test.
bool is_replaced(const policy::DnsRecord& one, const policy::Evidence& evidence) {
  if (one.question.type != dns::Type::txt) return false;
  const std::string name = lower(one.question.name);
  if (name.starts_with("_dmarc.")) return evidence.dmarc.has_value();
  if (name.find("._domainkey.") != std::string::npos) return evidence.dkim.has_value();
  if (!evidence.spf) return false;
  const bool of_client = iequals(name, evidence.session.helo) ||
                         (evidence.reverse_path && iequals(name, evidence.reverse_path->domain));
  return of_client || std::ranges::any_of(one.answer.records, [](const std::string& record) {
           return istarts_with(record, "v=spf1");
         });
}

std::string zone_lines(const policy::Evidence& evidence, bool has_results) {
  std::vector<policy::DnsRecord> answers = evidence.dns;
  if (has_results) {
    std::erase_if(answers,
                  [&](const policy::DnsRecord& one) { return is_replaced(one, evidence); });
  }
  std::string out;
  std::set<std::string> missing;
  for (const auto& [name, entry] : zone_of(answers, missing)) {
    out += fmt::format("dns.{} = {}\n", toml_string(name), inline_table(entry));
  }
  for (const std::string& name : missing) {
    out += fmt::format("dns.{} = \"NXDOMAIN\"\n", toml_string(name));
  }
  return out;
}

/// Answers of one service by request; of a policy server by the state of its request.
std::string answer_lines(const policy::Consultations& consulted, const Names& names) {
  namespace lists = dialect::restrictions;
  std::map<std::string, std::map<std::string, std::string>> services;
  for (const policy::Consultation& one : consulted) {
    const bool is_table = lists::is_remote_table(one.service);
    auto& answers = services[one.service];
    // A state names nobody.
    const std::string_view asked = app::asked_of(one);
    const std::string key = asked == one.request ? names.key(one.request) : std::string(asked);
    constexpr std::string_view found = "found ";
    if (one.failed) {
      answers[toml_string(key)] = "false";
    } else if (!is_table) {
      answers[toml_string(key)] = toml_string(names.said(one.answer));
    } else if (one.answer.starts_with(found)) {
      answers[toml_string(key)] = toml_string(names.said(one.answer.substr(found.size())));
    }
  }
  std::string out;
  for (const auto& [service, answers] : services) {
    const bool one_key = answers.size() == 1 && answers.begin()->first == "\"\"";
    out += fmt::format("answers.{} = {}\n", toml_string(service),
                       one_key ? answers.begin()->second : inline_table(answers));
  }
  return out;
}

std::string evidence_line(const policy::Evidence& evidence, bool redact) {
  const app::EvidenceWords words = app::words_of_evidence(evidence);
  std::map<std::string, std::string> members;
  for (const auto& [key, value] : words.words) {
    if (key == "message_id" && redact) continue;
    members[key] = toml_string(value);
  }
  for (const auto& [key, value] : words.counts) members[key] = std::to_string(value);
  if (words.dkim) {
    std::string domains;
    for (const std::string& one : *words.dkim) {
      domains += (domains.empty() ? "" : ", ") + toml_string(one);
    }
    members["dkim"] = fmt::format("[{}]", domains);
  }
  return fmt::format("evidence = {}\n", inline_table(members));
}

std::string toml_of(const json::value& value) {
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_string()) return toml_string(value.as_string());
  return json::serialize(value);
}

/// The webhooks and policies of the recipients.
std::string directory_lines(const policy::Trace& trace, const std::set<std::string>& logins,
                            Names& names) {
  std::string out;
  std::set<std::string> seen;
  for (const Decision& one : trace.decisions) {
    if (!one.candidate || !one.candidate->route.webhook) continue;
    const policy::Route& route = one.candidate->route;
    const auto owner = mail::parse_mailbox(route.webhook->address, mail::Utf8::allowed);
    const std::string address = owner ? names.address(*owner) : route.webhook->address;
    if (!seen.insert(address).second) continue;
    out += fmt::format("[webhook.{}]\n", toml_string(address));
    if (!route.webhook->is_active) out += "is_active = false\n";
    if (!route.policy) {
      out += "\n";
      continue;
    }
    const std::string& id = route.policy->id;
    out += fmt::format("policy = {}\n\n", toml_string(id));
    if (!seen.insert(id).second) continue;
    const auto fields = dialect::webhook::fields_of(route.policy->definition);
    if (!fields) continue;
    out += fmt::format("[policy.{}]\n", toml_string(id));
    for (const auto& [key, value] : dialect::webhook::to_json(*fields)) {
      const bool is_empty = value.is_string() && value.as_string().empty();
      if (key == "name" || key == "smtp_usernames" || is_empty || value.is_array()) continue;
      out += fmt::format("{} = {}\n", std::string_view(key), toml_of(value));
    }
    std::set<std::string> users;
    const auto& auth = trace.evidence.session.auth;
    if (auth && auth->granted.contains(id)) users.insert(auth->username);
    for (const std::string& login : logins) {
      if (route.policy->credential(login) != nullptr) users.insert(login);
    }
    if (users.empty() && fields->require_smtp_auth) users.emplace(other_account);
    std::string credentials;
    for (const std::string& user : users) {
      credentials += fmt::format("{}{{ username = {}, password = \"not the real one\" }}",
                                 credentials.empty() ? "" : ", ", toml_string(names.login(user)));
    }
    if (!users.empty()) out += fmt::format("smtp_credentials = [{}]\n", credentials);
    out += "\n";
  }
  return out;
}

/// The recipients in the order of their commands.
std::vector<mail::Mailbox> recipients_of(const policy::Trace& trace) {
  std::vector<mail::Mailbox> all;
  for (const Decision& one : trace.decisions) {
    if (one.stage == Stage::rcpt && one.candidate) all.push_back(one.candidate->address);
  }
  return all;
}

std::string expected_lines(const policy::Trace& trace, const std::vector<mail::Mailbox>& recipients,
                           Names& names) {
  const auto lines = [](const std::string& prefix, const Got& got) {
    std::string out;
    for (const char* const key : {"verdict", "stage", "code", "enhanced", "layer", "rule", "at"}) {
      const auto found = got.find(key);
      if (found == got.end()) continue;
      out +=
          fmt::format("{}{} = {}\n", prefix, key,
                      std::string_view(key) == "code" ? found->second : toml_string(found->second));
    }
    return out;
  };
  std::string out = lines("expect.", got_of(trace));
  if (recipients.size() < 2) return out;
  std::set<std::string> seen;
  for (const mail::Mailbox& one : recipients) {
    const std::string address = names.address(one);
    if (!seen.insert(lower(address)).second) continue;
    const Got got = got_of(trace, one.text());
    out += fmt::format("expect.rcpt.{}.verdict = {}\n", toml_string(address),
                       toml_string(got.at("verdict")));
  }
  return out;
}

/// When the client's commands began to come ahead, as far as decisions show it.
app::Early early_of_trace(const policy::Trace& trace) {
  const auto first = std::ranges::find_if(trace.decisions, &policy::Decision::early);
  if (first == trace.decisions.end()) return app::Early::never;
  const auto& tls = trace.evidence.session.tls;
  const bool again = tls && tls->starttls && !first->before_tls;
  return std::max(app::Early::ehlo, app::moment_of(first->stage, again));
}

}  // namespace

std::string as_test(const policy::Trace& trace, const AsTest& options) {
  Names names(options.redact);
  const policy::Evidence& evidence = trace.evidence;
  const policy::SessionFacts& session = evidence.session;
  std::string out = directory_lines(trace, options.logins, names);
  out += "[[test]]\n";
  out += fmt::format("name = {}\n", toml_string(options.name));
  out += fmt::format("client = {}\n", toml_string(session.client_ip.to_string()));
  out += fmt::format("helo = {}\n", toml_string(session.helo));
  if (session.listener != app::ListenerConfig().name) {
    out += fmt::format("listener = {}\n", toml_string(session.listener));
  }
  if (session.auth) {
    out += fmt::format("auth = {}\n", toml_string(names.login(session.auth->username)));
    if (!session.tls) out += "tls = false\n";
  } else if (session.tls) {
    out += "tls = true\n";
  }
  const app::Early early = options.early.value_or(early_of_trace(trace));
  if (early == app::Early::ehlo) {
    out += "early = true\n";
  } else if (early != app::Early::never) {
    out += fmt::format("early = {}\n", toml_string(to_string(early)));
  }
  out += fmt::format(
      "from = {}\n",
      toml_string(evidence.reverse_path ? names.address(*evidence.reverse_path) : std::string()));
  const std::vector<mail::Mailbox> recipients = recipients_of(trace);
  std::string list;
  for (const mail::Mailbox& one : recipients) {
    list += (list.empty() ? "" : ", ") + toml_string(names.address(one));
  }
  // Refused before RCPT: any recipient will do.
  if (recipients.empty()) list = "\"postmaster\"";
  out +=
      recipients.size() > 1 ? fmt::format("rcpt = [{}]\n", list) : fmt::format("rcpt = {}\n", list);
  const bool has_results = !options.message && evidence.message;
  out += zone_lines(evidence, has_results);
  out += answer_lines(evidence.consulted, names);
  if (options.message) {
    out += fmt::format("message_text = {}\n", toml_string(*options.message));
  } else if (has_results) {
    out += evidence_line(evidence, options.redact);
  }
  return out + expected_lines(trace, recipients, names);
}

}  // namespace postern::ptest
