#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "cli/mail_text.h"
#include "dns/zone_text.h"
#include "mailauth/names.h"

namespace postern::app {

namespace {

struct ListedKey {
  std::string domain;
  std::string account_id;
  bool verified = false;  ///< of the domain
  std::string selector;
  std::string algorithm;
  bool signing = false;
  std::string record;
  store::Time updated_at;

  std::string name() const { return selector + "._domainkey." + domain; }
  std::string since() const { return time_text(std::chrono::system_clock::to_time_t(updated_at)); }
};

std::vector<ListedKey> listed_keys(const boost::json::object& answer) {
  std::vector<ListedKey> out;
  for (const boost::json::value& one : answer.at("keys").as_array()) {
    const auto text = [&](std::string_view name) { return std::string(one.at(name).as_string()); };
    out.push_back(
        {.domain = text("domain"),
         .account_id = text("account_id"),
         .verified = one.at("verified").as_bool(),
         .selector = text("selector"),
         .algorithm = text("algorithm"),
         .signing = one.at("signing").as_bool(),
         .record = text("record"),
         .updated_at = store::from_millis(one.at("updated_at").to_number<std::int64_t>())});
  }
  return out;
}

std::string_view state_of_key(const ListedKey& key) {
  if (!key.signing) return "published";
  return key.verified ? "signing" : "signing, once the domain is verified";
}

/// As a zone file, in which all but the records are comments.
std::string zone_text(const ListedKey& key) {
  return fmt::format("; {}, {}, since {}\n{}\n", key.algorithm, state_of_key(key), key.since(),
                     dns::txt_line(key.name(), key.record));
}

boost::json::object json_of(const ListedKey& key) {
  return {{"domain", key.domain},       {"account_id", key.account_id},
          {"verified", key.verified},   {"selector", key.selector},
          {"algorithm", key.algorithm}, {"state", key.signing ? "signing" : "published"},
          {"name", key.name()},         {"record", key.record},
          {"updated_at", key.since()}};
}

}  // namespace

int run_dkim_keys(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  const auto failed = [&](const Error& error, std::string_view hint) {
    report(error.message, hint, as_json, streams);
    return to_int(exit_code_of(error.fault));
  };
  const std::string given = arguments.words.empty() ? "" : arguments.words.front();
  const auto wanted = mailauth::normalize_domain(given);
  if (!given.empty() && !wanted) {
    return report_usage(
        {fmt::format("`{}` is not a domain name", printable(given, 64)), help_of(arguments)},
        as_json, streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const auto answer = LiveData(config->server.data_dir)
                          .ask("dkim-keys", {{"domain", given.empty() ? "" : *wanted}});
  if (!answer) {
    return failed(answer.error(),
                  "name the gateway's data directory with --data-dir DIR or --config FILE");
  }
  boost::json::array listed;
  for (const ListedKey& key : listed_keys(*answer)) {
    if (!as_json) streams.out << zone_text(key);
    listed.push_back(json_of(key));
  }
  const bool none = listed.empty();
  if (as_json) streams.out << json_text(boost::json::object{{"keys", listed}}) << "\n";
  if (none && !as_json && !arguments.has("--quiet")) streams.err << "there are no keys\n";
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
