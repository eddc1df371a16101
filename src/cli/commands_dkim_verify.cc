#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/json_text.h"
#include "cli/key_input.h"
#include "cli/mail_dns.h"
#include "cli/mail_text.h"
#include "config/input_file.h"
#include "mailauth/dkim/same_key.h"
#include "mailauth/names.h"

namespace postern::app {

namespace {

namespace dkim = mailauth::dkim;
namespace json = boost::json;

ExitCode code_of_signatures(const dkim::Results& results) {
  if (results.any_acceptable()) return ExitCode::ok;
  for (const dkim::SignatureResult& one : results.signatures) {
    if (one.status == dkim::Status::temperror) return ExitCode::try_again;
  }
  return ExitCode::no;
}

}  // namespace

int run_dkim_verify(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (const auto error = check_options(arguments, {})) {
    return report_usage(*error, as_json, streams);
  }
  const auto now = now_for(arguments);
  if (!now) return report_usage(now.error(), as_json, streams);
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const std::optional<std::string> file =
      arguments.words.empty() ? std::nullopt : std::optional(arguments.words.front());
  const auto text = read_message(arguments, file, streams);
  if (!text) return text.error();
  const std::string message = with_crlf(*text);
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();

  policy::Evidence evidence;
  evidence.dkim = (*dns)->resolve(dkim::verify_message(message, *now));
  evidence.arc = (*dns)->resolve(mailauth::arc::validate(message, {.now = *now}));
  const dkim::Results& results = *evidence.dkim;
  const std::string field = results_text(evidence, config->server.hostname);
  if (as_json) {
    streams.out << json_text(json::object{{"acceptable", results.any_acceptable()},
                                          {"result", dkim::to_text(results.overall())},
                                          {"from_fields", results.from_fields},
                                          {"signatures", dkim_json(results)},
                                          {"arc", arc_json(*evidence.arc)},
                                          {"authentication_results", policy::octets_json(field)},
                                          {"dns", policy::dns_json((*dns)->records())}})
                << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << dkim_text(results) << arc_text(*evidence.arc) << dns_text((*dns)->records())
                << field;
  }
  note_silence((*dns)->records(), arguments, streams);
  return to_int(code_of_signatures(results));
}

namespace {

struct KeyCheck {
  std::string name;
  dkim::ParsedKey key = tl::unexpected(dkim::Reason::key_missing);
  dkim::Reason trouble = dkim::Reason::ok;
  std::optional<bool> matches;  ///< if a private key was given
  std::vector<std::string> remarks;

  bool good() const { return trouble == dkim::Reason::ok && matches.value_or(true); }
};

std::vector<std::string> remarks_on_key(const dkim::KeyRecord& key) {
  std::vector<std::string> out;
  if (key.testing) out.emplace_back("t=y: receivers may treat signed mail as unsigned");
  if (key.exact_identity) out.emplace_back("t=s: i= of signatures must be in d= itself");
  if (key.type == dkim::KeyType::rsa && key.bits < 2048) {
    out.emplace_back("shorter than the 2048 bits that RFC 8301 advises");
  }
  return out;
}

KeyCheck check_key(const std::string& name, const std::optional<dkim::SigningKey>& own,
                   MailDns& dns) {
  KeyCheck out{.name = name};
  out.key = dns.resolve(dkim::find_key(name, nullptr));
  if (!out.key) {
    out.trouble = out.key.error();
    return out;
  }
  const dkim::KeyRecord& key = **out.key;
  out.trouble =
      dkim::key_trouble(key, key.type == dkim::KeyType::rsa ? dkim::Algorithm::rsa_sha256
                                                            : dkim::Algorithm::ed25519_sha256);
  out.remarks = remarks_on_key(key);
  if (own) out.matches = dkim::same_key(key, own->public_record());
  return out;
}

std::string check_text(const KeyCheck& check) {
  std::string out = check.name + ": ";
  if (check.trouble != dkim::Reason::ok) {
    out += fmt::format("not usable: {}\n", dkim::to_text(check.trouble));
  } else if (!check.matches) {
    out += "usable\n";
  } else {
    out += *check.matches ? "usable, and it matches the private key\n"
                          : "usable, but it does not match the private key\n";
  }
  if (check.key) {
    const dkim::KeyRecord& key = **check.key;
    out += fact("key", fmt::format("{}, {} bits",
                                   key.type == dkim::KeyType::rsa ? "RSA" : "Ed25519", key.bits));
  }
  for (const std::string& remark : check.remarks) out += fact("remark", remark);
  return out;
}

json::object check_json(const KeyCheck& check, const std::vector<policy::DnsRecord>& records) {
  json::array remarks;
  for (const std::string& remark : check.remarks) remarks.emplace_back(remark);
  json::object out{{"name", check.name},
                   {"usable", check.trouble == dkim::Reason::ok},
                   {"reason", dkim::to_text(check.trouble)},
                   {"matches", check.matches ? json::value(*check.matches) : json::value(nullptr)},
                   {"remarks", std::move(remarks)},
                   {"dns", policy::dns_json(records)}};
  if (check.key) {
    out["type"] = (*check.key)->type == dkim::KeyType::rsa ? "rsa" : "ed25519";
    out["bits"] = (*check.key)->bits;
  }
  return out;
}

}  // namespace

int run_dkim_check(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (const auto error = check_options(arguments, {"--domain", "--selector"})) {
    return report_usage(*error, as_json, streams);
  }
  const auto domain = mailauth::normalize_domain(*arguments.value("--domain"));
  const auto selector = mailauth::normalize_domain(*arguments.value("--selector"));
  if (!domain || !selector) {
    return report_usage({fmt::format("{} is not a name in DNS", domain ? "--selector" : "--domain"),
                         help_of(arguments)},
                        as_json, streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  std::optional<dkim::SigningKey> own;
  if (const auto file = arguments.value("--key")) {
    auto key = read_key(*file, arguments, streams);
    if (!key) return key.error();
    own = std::move(*key);
  }
  const auto dns = MailDns::open(arguments, *config, streams);
  if (!dns) return dns.error();
  const KeyCheck check = check_key(*selector + "._domainkey." + *domain, own, **dns);
  const auto& records = (*dns)->records();
  if (as_json) {
    streams.out << json_text(check_json(check, records)) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << check_text(check) << dns_text(records);
  }
  note_silence(records, arguments, streams);
  if (check.trouble == dkim::Reason::key_unavailable) return to_int(ExitCode::try_again);
  return to_int(check.good() ? ExitCode::ok : ExitCode::no);
}

}  // namespace postern::app
