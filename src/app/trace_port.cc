#include "app/trace_port.h"

#include <boost/json/parse.hpp>

#include "deliver/payload.h"
#include "policy/record.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// How far back a list goes at most: `total` counts no further.
constexpr std::uint64_t longest_list = 10'000;

json::object to_object(const store::TraceRow& row) {
  json::object object{{"id", row.id},
                      {"time", deliver::rfc3339(row.time)},
                      {"outcome", row.outcome},
                      {"client_ip", row.client_ip},
                      {"mail_from", row.mail_from},
                      {"rcpt_to", row.rcpt},
                      {"webhook_id", nullptr},
                      {"code", nullptr}};
  if (row.webhook_id) object["webhook_id"] = *row.webhook_id;
  if (row.code != 0) object["code"] = row.code;
  return object;
}

Result<admin::TraceList> read_list(const std::string& path, const admin::TraceQuery& query) {
  auto reader = store::TraceReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  store::TraceFilter filter{.account_id = query.account_id,
                            .webhook_id = query.webhook_id,
                            .outcome = query.outcome,
                            .since = {},
                            .limit = longest_list};
  auto rows = (*reader)->recent(filter);
  if (!rows) return tl::unexpected(rows.error());
  admin::TraceList list{.traces = {}, .total = rows->size()};
  for (std::size_t i = query.offset; i < rows->size() && list.traces.size() < query.limit; ++i) {
    list.traces.push_back(to_object((*rows)[i]));
  }
  return list;
}

Result<std::optional<json::object>> read_one(const std::string& path, const std::string& account,
                                             const std::string& id) {
  auto reader = store::TraceReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  auto row = (*reader)->row(id);
  if (!row) return tl::unexpected(row.error());
  if (!*row || (*row)->account_id != account) return std::optional<json::object>();
  auto record = (*reader)->record(id);
  if (!record) return tl::unexpected(record.error());
  if (!*record) return std::optional<json::object>();
  boost::system::error_code error;
  json::value value = json::parse(**record, error);
  if (error || !value.is_object()) return fail(Fault::permanent, "a trace record is damaged");
  policy::hide_other_accounts(value.get_object(), account);
  return std::optional<json::object>(std::move(value.get_object()));
}

}  // namespace

Task<Result<admin::TraceList>> TracePort::list(admin::TraceQuery query) {
  store::TraceWriter* writer = &writer_;
  auto work = [writer, path = path_, query = std::move(query)] {
    writer->flush();
    return read_list(path, query);
  };
  auto result = co_await disk_.run(std::move(work));
  if (!result) co_return tl::unexpected(result.error());
  co_return std::move(*result);
}

Task<Result<std::optional<json::object>>> TracePort::find(std::string account_id, std::string id) {
  store::TraceWriter* writer = &writer_;
  auto work = [writer, path = path_, account = std::move(account_id), id = std::move(id)] {
    writer->flush();
    return read_one(path, account, id);
  };
  auto result = co_await disk_.run(std::move(work));
  if (!result) co_return tl::unexpected(result.error());
  co_return std::move(*result);
}

}  // namespace postern::app
