#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/commands_mail.h"
#include "app/commands_store.h"
#include "app/mail_text.h"
#include "base/text.h"
#include "mailauth/names.h"
#include "store/sqlite_store.h"

namespace postern::app {

namespace {

struct Listing {
  store::DomainRow domain;
  std::vector<store::DkimKeyRow> keys;  ///< newest first, without private keys
};

Result<std::unique_ptr<store::SqliteStore>> open_control(const std::filesystem::path& data_dir) {
  // Opening would make the file; who looks in the wrong place should hear so.
  std::error_code error;
  if (!std::filesystem::exists(data_dir / "postern.db", error)) {
    return fail(Fault::not_found, fmt::format("there is no postern.db in {}", data_dir.string()));
  }
  return store::SqliteStore::open((data_dir / "postern.db").string());
}

/// The domains that have keys, of every account; with `wanted` that one alone.
Result<std::vector<Listing>> collect(store::Store& store, const std::string& wanted) {
  std::vector<Listing> out;
  for (store::Page page;; page.offset += page.limit) {
    const auto accounts = store.accounts(page);
    if (!accounts) return tl::unexpected(accounts.error());
    for (const store::AccountRow& account : accounts->rows) {
      const auto domains = store.domains(account.id);
      if (!domains) return tl::unexpected(domains.error());
      for (const store::DomainRow& domain : domains->rows) {
        if (!wanted.empty() && domain.name != wanted) continue;
        auto keys = store.dkim_keys(account.id, domain.id);
        if (!keys) return tl::unexpected(keys.error());
        if (!keys->empty()) out.push_back({domain, std::move(*keys)});
      }
    }
    if (page.offset + page.limit >= accounts->total) return out;
  }
}

std::string name_of(const store::DkimKeyRow& key) {
  return key.selector + "._domainkey." + key.domain;
}

std::string since(const store::DkimKeyRow& key) {
  return time_text(std::chrono::system_clock::to_time_t(key.updated_at));
}

std::string_view state_of(const Listing& listing, const store::DkimKeyRow& key) {
  if (!key.signing) return "published";
  return listing.domain.verified ? "signing" : "signing, once the domain is verified";
}

/// A zone file: what is not a record is a comment of one.
std::string text_of(const Listing& listing) {
  std::string out;
  for (const store::DkimKeyRow& key : listing.keys) {
    out += fmt::format("; {}, {}, since {}\n{}\n", key.algorithm, state_of(listing, key),
                       since(key), txt_line(name_of(key), key.public_record));
  }
  return out;
}

boost::json::array json_of(const Listing& listing) {
  boost::json::array out;
  for (const store::DkimKeyRow& key : listing.keys) {
    out.push_back({{"domain", key.domain},
                   {"account_id", key.account_id},
                   {"verified", listing.domain.verified},
                   {"selector", key.selector},
                   {"algorithm", key.algorithm},
                   {"state", key.signing ? "signing" : "published"},
                   {"name", name_of(key)},
                   {"record", key.public_record},
                   {"updated_at", since(key)}});
  }
  return out;
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
        {fmt::format("`{}` is no domain name", printable(given, 64)), help_of(arguments)}, as_json,
        streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  auto store = open_control(config->server.data_dir);
  if (!store) {
    return failed(store.error(),
                  "name the gateway's data directory with --data-dir DIR or --config FILE");
  }
  const auto listings = collect(**store, given.empty() ? "" : *wanted);
  if (!listings) return failed(listings.error(), "try again");
  boost::json::array keys;
  for (const Listing& listing : *listings) {
    if (!as_json) streams.out << text_of(listing);
    for (auto& key : json_of(listing)) keys.push_back(std::move(key));
  }
  if (as_json) streams.out << boost::json::serialize(boost::json::object{{"keys", keys}}) << "\n";
  if (keys.empty() && !as_json && !arguments.has("--quiet")) streams.err << "there are no keys\n";
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
