#include "cli/recorded_traffic.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/text.h"
#include "base/time_text.h"

namespace postern::app {

tl::expected<std::optional<store::Time>, UsageError> since_of(const Arguments& arguments,
                                                              std::string_view option) {
  const auto text = arguments.value(option);
  if (!text) return std::nullopt;
  if (const auto back = parse_duration(*text)) return store::now() - *back;
  if (const auto time = from_rfc3339(*text)) return *time;
  return tl::unexpected(
      UsageError{fmt::format("{}: `{}` is not a time", option, printable(*text, 64)),
                 fmt::format("{} 24h, 7d, or 2026-11-20T09:00:00Z", option)});
}

Result<store::TraceSpan> ask_span(LiveData& data, std::optional<store::Time> since,
                                  std::optional<std::uint64_t> limit) {
  boost::json::object given;
  if (since) given["since"] = store::to_millis(*since);
  if (limit) given["limit"] = *limit;
  const auto answer = data.ask("trace-span", given);
  if (!answer) return tl::unexpected(answer.error());
  return store::TraceSpan{.after = answer->at("after").to_number<std::uint64_t>(),
                          .last = answer->at("last").to_number<std::uint64_t>(),
                          .count = answer->at("count").to_number<std::uint64_t>(),
                          .since = since};
}

replay::TraceSource source_of(LiveData& data) {
  replay::TraceSource source;
  source.records = [&data](const store::TraceSpan& span,
                           std::size_t most) -> Result<std::vector<store::NumberedRecord>> {
    boost::json::object given{{"after", span.after}, {"last", span.last}, {"most", most}};
    if (span.since) given["since"] = store::to_millis(*span.since);
    const auto answer = data.ask("trace-records", given);
    if (!answer) return tl::unexpected(answer.error());
    std::vector<store::NumberedRecord> records;
    for (const boost::json::value& one : answer->at("records").as_array()) {
      records.push_back(
          {one.at("number").to_number<std::uint64_t>(), std::string(one.at("text").as_string())});
    }
    return records;
  };
  source.definition = [&data](const std::string& id, std::uint64_t version) -> Result<std::string> {
    const auto answer = data.ask("trace-definition", {{"id", id}, {"version", version}});
    if (!answer) return tl::unexpected(answer.error());
    return std::string(answer->at("text").as_string());
  };
  return source;
}

}  // namespace postern::app
