#include "config/route_tables.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/transport_row.h"
#include "policy/answers.h"

namespace postern::app {

namespace lists = dialect::restrictions;

namespace {

/// For one question to a database; the mail waits in the queue meanwhile.
constexpr std::chrono::seconds patience{10};
/// Questions of one look-up: a union of tables, each with a restriction of its own.
constexpr int most_questions = 40;

std::vector<std::string> keys_of(std::string_view local_part, std::string_view domain,
                                 const lists::ListPolicy* policy) {
  std::vector<std::string> keys;
  const std::string at = "@" + std::string(domain);
  keys.push_back(std::string(local_part) + at);
  const std::size_t extension =
      policy != nullptr ? policy->extension_at(local_part) : std::string_view::npos;
  if (extension != std::string_view::npos) {
    keys.push_back(std::string(local_part.substr(0, extension)) + at);
  }
  keys.emplace_back(domain);
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    keys.emplace_back(domain.substr(dot));
  }
  keys.emplace_back("*");
  return keys;
}

}  // namespace

OpenedRouteTables open_route_tables(
    const Config& config, const std::function<void(std::size_t route, std::string)>& complain) {
  OpenedRouteTables out;
  lists::TableSources sources = lists::file_sources();
  sources.opened_remote = [&](std::shared_ptr<const lists::RemoteTable> table) {
    out.remote.emplace(table->name(), table);
  };
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    for (const std::string& name : config.routes[i].tables) {
      if (out.tables.contains(name)) continue;
      auto table = lists::open_table(name, sources);
      if (table) {
        out.tables.emplace(name, std::move(*table));
      } else {
        complain(i, table.error().message);
      }
    }
  }
  const auto* loaded = config.restrictions.loaded();
  if (loaded != nullptr) out.policy = loaded->compiled.policy;
  return out;
}

RouteTables::RouteTables(OpenedRouteTables opened, net::WorkPool& pool)
    : opened_(std::move(opened)), remote_(pool) {
  remote_.replace(opened_.remote);
}

Task<Result<std::optional<std::string>>> RouteTables::look_up(const lists::Table& table,
                                                              std::string key) {
  policy::Evidence evidence;  // of its replies alone
  for (int asked = 0; asked < most_questions; ++asked) {
    policy::Replies replies(evidence);
    lists::Found found = table.find(key, &replies);
    switch (found.status) {
      case lists::Found::Status::found:
        co_return std::optional(std::move(found.value));
      case lists::Found::Status::absent:
        co_return std::optional<std::string>();
      case lists::Found::Status::failed:
        co_return fail(Fault::temporary, std::move(found.trouble));
      case lists::Found::Status::waiting:
        break;
    }
    if (!replies.wanted()) break;
    policy::Consultation question = *replies.wanted();
    const auto answer = co_await remote_.look_up(question.service, question.request, patience);
    gateway::add_answer(std::move(question), answer, evidence);
  }
  co_return fail(Fault::temporary, table.name() + ": it asks too many other tables");
}

Task<Result<std::optional<std::vector<std::string>>>> RouteTables::find(
    std::vector<std::string> tables, std::string local_part, std::string domain) {
  const auto keys = keys_of(local_part, domain, opened_.policy.get());
  for (const std::string& key : keys) {
    for (const std::string& name : tables) {
      const auto table = opened_.tables.find(name);
      if (table == opened_.tables.end()) {
        co_return fail(Fault::temporary, printable(name, 100) + " is not open");
      }
      if (&key != &keys.front() && table->second->takes_patterns()) continue;
      auto row = co_await look_up(*table->second, key);
      if (!row) co_return tl::unexpected(std::move(row.error()));
      if (!*row) continue;
      auto route = lists::route_in_row(**row);
      if (!route) route.error().message.insert(0, table->second->name() + ": ");
      co_return route;
    }
  }
  co_return std::optional<std::vector<std::string>>();
}

}  // namespace postern::app
