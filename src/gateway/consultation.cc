#include "gateway/consultation.h"

#include <boost/asio.hpp>

#include "base/text.h"
#include "dialect/restrictions/verification.h"
#include "net/mysql_client.h"
#include "net/pgsql_client.h"
#include "net/policy_client.h"
#include "net/table_client.h"

namespace postern::gateway {

namespace asio = boost::asio;
using namespace dialect::restrictions;
using Clock = std::chrono::steady_clock;
using Answer = Result<std::string>;

namespace {

net::PgsqlServers servers_of(const PgsqlTable& table) {
  return {
      .hosts = table.hosts, .user = table.user, .password = table.password, .dbname = table.dbname};
}

net::MysqlServers servers_of(const MysqlTable& table) {
  return {.hosts = table.hosts,
          .user = table.user,
          .password = table.password,
          .dbname = table.dbname,
          .tls = {.required = table.tls,
                  .ca_file = table.ca_file,
                  .ca_directory = table.ca_directory,
                  .certificate = table.certificate,
                  .key = table.key,
                  .ciphers = table.ciphers,
                  .verify_name = table.verify_name},
          .require_result_set = table.require_result_set};
}

net::LdapServers servers_of(const LdapTable& table) {
  return {.uris = table.servers,
          .bind = table.bind,
          .bind_dn = table.bind_dn,
          .bind_password = table.bind_password,
          .start_tls = table.start_tls,
          .ca_file = table.ca_file,
          .verify_certificate = table.verify_certificate};
}

net::MemcacheServer server_of(const MemcacheTable& table) {
  return {.service = table.service,
          .limits = {.line = table.longest_line, .value = table.longest_value},
          .tries = table.tries,
          .pause = table.pause,
          .timeout = table.timeout};
}

net::LdapSearch::Scope scope_of(LdapTable::Scope scope) {
  switch (scope) {
    case LdapTable::Scope::base:
      return net::LdapSearch::Scope::base;
    case LdapTable::Scope::one:
      return net::LdapSearch::Scope::one;
    case LdapTable::Scope::subtree:
      break;
  }
  return net::LdapSearch::Scope::subtree;
}

Answer answer_of(const Found& found) {
  if (found.status == Found::Status::failed) return fail(Fault::temporary, found.trouble);
  return recorded(found);
}

Answer answer_of(const net::TableReply& reply) {
  if (!reply) return tl::unexpected(reply.error());
  return *reply ? recorded({Found::Status::found, **reply, {}}) : recorded({});
}

/// A cache with a backup that let a key wait for this long in vain is not asked for so long.
constexpr std::chrono::milliseconds slow_failure{1000};
constexpr std::chrono::seconds rest{10};

/// A job on a thread of the pool, and the coroutine that waits for it, if it still does.
struct Wait {
  explicit Wait(asio::steady_timer when) : timer(std::move(when)) {}
  asio::steady_timer timer;
  std::optional<Answer> answer;
};

Task<void> run_job(net::WorkPool& pool, std::function<Answer()> job, std::shared_ptr<Wait> wait) {
  Result<Answer> ran = co_await pool.run(std::move(job));
  wait->answer = ran ? std::move(*ran) : Answer(tl::unexpected(ran.error()));
  wait->timer.cancel();
}

/// The answer, or a timeout; after a timeout the job goes on without a listener. `servers`: who is
/// asked, for the error.
Task<Answer> within(net::WorkPool& pool, std::string servers, std::function<Answer()> job,
                    Clock::time_point deadline) {
  const auto executor = co_await asio::this_coro::executor;
  const auto wait = std::make_shared<Wait>(asio::steady_timer(executor, deadline));
  asio::co_spawn(executor, run_job(pool, std::move(job), wait), asio::detached);
  if (!wait->answer) {
    const auto ignored = co_await wait->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(ignored);
  }
  if (wait->answer) co_return std::move(*wait->answer);
  co_return fail(Fault::temporary, servers + ": no answer in time");
}

}  // namespace

void RemoteTables::replace(const Named& tables) {
  std::map<std::string, Known, std::less<>> next;
  for (const auto& [name, table] : tables) {
    Known known{.table = table, .sql = nullptr, .ldap = nullptr};
    if (const auto* pgsql = std::get_if<PgsqlTable>(&table->kind())) {
      known.sql = std::make_shared<net::PgsqlClient>(servers_of(*pgsql));
    } else if (const auto* mysql = std::get_if<MysqlTable>(&table->kind())) {
      known.sql = std::make_shared<net::MysqlClient>(servers_of(*mysql));
    } else if (const auto* ldap = std::get_if<LdapTable>(&table->kind())) {
      known.ldap = std::make_shared<net::LdapClient>(servers_of(*ldap));
    }
    next.emplace(name, std::move(known));
  }
  const std::lock_guard lock(mutex_);
  tables_.swap(next);
  resting_.clear();
}

bool RemoteTables::knows(std::string_view service) const {
  const std::lock_guard lock(mutex_);
  return tables_.contains(service);
}

Answer RemoteTables::select(const Known& known, const std::string& key,
                            Clock::time_point deadline) {
  // The deadline may have passed while the job waited for a thread.
  if (Clock::now() >= deadline) {
    return fail(Fault::temporary,
                known.table->servers() + ": not asked, no thread was free in time");
  }
  Result<std::vector<std::string>> results;
  if (known.sql) {
    const auto statement = [&](const net::SqlClient::Quote& quote) {
      return known.table->statement(key, quote);
    };
    results = known.sql->select(statement, deadline);
  } else {
    const auto& settings = std::get<LdapTable>(known.table->kind());
    RemoteTable::Search search = known.table->search(key);
    results = known.ldap->search({.base = std::move(search.base),
                                  .scope = scope_of(settings.scope),
                                  .filter = std::move(search.filter),
                                  .attributes = settings.attributes,
                                  .size_limit = static_cast<int>(settings.size_limit),
                                  .base_may_lack = !search.fixed_base},
                                 std::min(deadline, Clock::now() + settings.timeout));
  }
  if (!results) return tl::unexpected(results.error());
  return answer_of(known.table->value_of(*results, key));
}

Task<Answer> RemoteTables::look_up(std::string service, std::string key,
                                   std::chrono::milliseconds patience) {
  Known known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(service);
    if (found == tables_.end()) co_return fail(Fault::temporary, "the lists have changed");
    known = found->second;
  }
  const RemoteTable::Kind& kind = known.table->kind();
  if (const auto* tcp = std::get_if<TcpTable>(&kind)) {
    const net::TableReply reply =
        co_await net::ask_tcp_table(tcp->service, std::move(key), patience);
    co_return answer_of(reply);
  }
  if (const auto* map = std::get_if<SocketmapTable>(&kind)) {
    const net::TableReply reply =
        co_await net::ask_socketmap(map->service, map->map, std::move(key), patience);
    co_return answer_of(reply);
  }
  if (const auto* cache = std::get_if<MemcacheTable>(&kind)) {
    std::optional<std::string> cached = known.table->cache_key(key);
    if (!cached) co_return fail(Fault::bug, "a key that no cache has");
    Answer answer = co_await ask_cache(*cache, std::move(*cached), patience);
    co_return answer;
  }
  const Clock::time_point deadline = Clock::now() + patience;
  std::function<Answer()> job = [known, key = std::move(key), deadline] {
    return select(known, key, deadline);
  };
  Answer answer = co_await within(pool_, known.table->servers(), std::move(job), deadline);
  co_return answer;
}

Task<Answer> RemoteTables::ask_cache(const MemcacheTable& cache, std::string key,
                                     std::chrono::milliseconds patience) {
  const Clock::time_point begun = Clock::now();
  if (cache.backup) {
    const std::lock_guard lock(mutex_);
    const auto found = resting_.find(cache.service);
    if (found != resting_.end() && begun < found->second) {
      co_return fail(Fault::temporary, cache.service + ": not asked, it failed a moment ago");
    }
  }
  const net::TableReply reply =
      co_await net::ask_memcache(server_of(cache), std::move(key), patience);
  // A quick failure costs no client a wait, and may be about its key alone.
  if (cache.backup && !reply && Clock::now() - begun >= slow_failure) {
    const std::lock_guard lock(mutex_);
    resting_[cache.service] = Clock::now() + rest;
  }
  co_return answer_of(reply);
}

void add_answer(policy::Consultation question, const Answer& answer, policy::Evidence& evidence) {
  question.failed = !answer;
  question.answer = answer ? *answer : printable(answer.error().message, 600);
  evidence.consulted.push_back(std::move(question));
}

Task<void> consult(policy::Consultation question, std::chrono::milliseconds patience,
                   std::shared_ptr<RemoteTables> tables, policy::Evidence& evidence) {
  Answer answer;
  if (policy::is_verification(question.service)) {
    answer = fail(Fault::temporary, "only the running gateway asks mail hosts");
  } else if (tables && tables->knows(question.service)) {
    answer = co_await tables->look_up(question.service, question.request, patience);
  } else {
    answer = co_await net::ask_policy_server(question.service, question.request, patience);
  }
  add_answer(std::move(question), answer, evidence);
}

}  // namespace postern::gateway
