#include "serve/trace_port.h"

#include <boost/json/parse.hpp>

#include "admin/trace_json.h"
#include "explain/report.h"
#include "explain/trace_story.h"
#include "policy/record.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// The most traces that a list covers; `total` counts no further.
constexpr std::uint64_t longest_list = 10'000;

Result<admin::TraceList> read_list(store::TraceReader& reader, const admin::TraceQuery& query) {
  store::TraceFilter filter{.account_id = query.account_id,
                            .webhook_id = query.webhook_id,
                            .outcome = query.outcome,
                            .since = {},
                            .limit = longest_list};
  auto rows = reader.recent(filter);
  if (!rows) return tl::unexpected(rows.error());
  admin::TraceList list{.traces = {}, .total = rows->size()};
  for (std::size_t i = query.offset; i < rows->size() && list.traces.size() < query.limit; ++i) {
    list.traces.push_back(admin::summary_json((*rows)[i]));
  }
  return list;
}

Result<std::optional<json::object>> read_one(store::TraceReader& reader,
                                             const std::optional<std::string>& account,
                                             const std::string& id) {
  auto record = reader.record_for(account, id);
  if (!record) return tl::unexpected(record.error());
  if (!*record) return std::optional<json::object>();
  boost::system::error_code error;
  json::value value = json::parse(**record, error);
  if (error || !value.is_object()) return fail(Fault::permanent, "a trace record is damaged");
  policy::hide_logins(value.get_object());
  if (account) policy::hide_other_accounts(value.get_object(), *account);
  return std::optional<json::object>(std::move(value.get_object()));
}

Result<std::optional<json::object>> read_story(store::TraceReader& reader,
                                               const std::optional<std::string>& account,
                                               const std::string& id) {
  auto record = reader.record_for(account, id);
  if (!record) return tl::unexpected(record.error());
  if (!*record) return std::optional<json::object>();
  auto explanation =
      explanation_of(**record, [&reader](const std::string& name, std::uint64_t version) {
        return reader.definition(name, version);
      });
  if (!explanation) return tl::unexpected(explanation.error());
  if (account) explanation->places.clear();  // the operators' files are not named to accounts
  return std::optional<json::object>(story_json(*explanation, account));
}

}  // namespace

Result<store::TraceReader*> TracePort::reader() {
  writer_.flush();
  const std::lock_guard lock(mutex_);
  if (reader_) return reader_.get();
  auto made = store::TraceReader::open(path_);
  if (!made) return tl::unexpected(made.error());
  reader_ = std::move(*made);
  return reader_.get();
}

namespace {

template <class Work>
Task<std::invoke_result_t<Work&>> in_turn(net::WorkPool& disk, net::Turn turn, Work work) {
  auto result = co_await disk.run(std::move(turn), std::move(work));
  if (!result) co_return tl::unexpected(result.error());
  co_return std::move(*result);
}

}  // namespace

template <class Read>
auto TracePort::with_reader(const std::optional<std::string>& account, Read read)
    -> Task<std::invoke_result_t<Read&, store::TraceReader&>> {
  using R = std::invoke_result_t<Read&, store::TraceReader&>;
  auto work = [this, read = std::move(read)]() mutable -> R {
    const auto opened = reader();
    if (!opened) return tl::unexpected(opened.error());
    return read(**opened);
  };
  net::Turn turn{.account = account.value_or("operators"), .client = {}};
  return in_turn(disk_, std::move(turn), std::move(work));
}

Task<Result<admin::TraceList>> TracePort::list(admin::TraceQuery query) {
  const std::string account = query.account_id;
  return with_reader(account, [query = std::move(query)](store::TraceReader& reader) {
    return read_list(reader, query);
  });
}

Task<Result<std::optional<json::object>>> TracePort::find(std::optional<std::string> account_id,
                                                          std::string id) {
  return with_reader(account_id, [account_id, id = std::move(id)](store::TraceReader& reader) {
    return read_one(reader, account_id, id);
  });
}

Task<Result<std::optional<json::object>>> TracePort::story(std::optional<std::string> account_id,
                                                           std::string id) {
  return with_reader(account_id, [account_id, id = std::move(id)](store::TraceReader& reader) {
    return read_story(reader, account_id, id);
  });
}

Task<Result<store::TraceFound>> TracePort::search(store::TraceSearch search,
                                                  store::TraceWords words) {
  const std::optional<std::string> account = search.account_id;
  return with_reader(
      account, [search = std::move(search), words = std::move(words)](store::TraceReader& reader) {
        return reader.search(search, words);
      });
}

Task<Result<std::vector<store::TallyRow>>> TracePort::tallies(store::TallyQuery query) {
  const std::optional<std::string> account = query.account_id;
  return with_reader(account, [query = std::move(query)](store::TraceReader& reader) {
    return reader.tallies(query);
  });
}

Task<Result<std::vector<store::DayCounts>>> TracePort::day_counts(
    std::string account_id, std::vector<std::string> webhooks) {
  return with_reader(account_id, [webhooks = std::move(webhooks)](store::TraceReader& reader) {
    return reader.day_counts(webhooks, store::now());
  });
}

}  // namespace postern::app
