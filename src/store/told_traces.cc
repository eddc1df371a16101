#include "store/told_traces.h"

#include <boost/json.hpp>

namespace postern::store {
namespace {

namespace json = boost::json;

// An item is a JSON array whose first member says what it is, a line feed, and the octets of a
// record or of a definition. Members that a later version adds at the end are ignored.
constexpr std::string_view of_trace = "trace";
constexpr std::string_view of_definition = "definition";
constexpr std::string_view of_forgotten = "forgotten";

std::string item_of(const json::array& head, std::string_view rest) {
  std::string item = json::serialize(head);
  item += '\n';
  item += rest;
  return item;
}

json::value of(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

std::optional<std::string> optional_text(const json::value& value) {
  return value.is_null() ? std::nullopt : std::optional(json::value_to<std::string>(value));
}

ToldTrace read_trace(const json::array& head, std::string_view record) {
  ToldTrace trace;
  std::size_t at = 0;
  const auto text = [&] { return json::value_to<std::string>(head.at(++at)); };
  const auto number = [&] { return json::value_to<std::int64_t>(head.at(++at)); };
  TraceRow& row = trace.row;
  row.id = text();
  row.time = from_millis(number());
  row.outcome = text();
  row.client_ip = text();
  row.mail_from = text();
  row.rcpt = text();
  row.webhook_id = optional_text(head.at(++at));
  row.account_id = optional_text(head.at(++at));
  row.code = static_cast<int>(number());
  row.enhanced = text();
  row.reply = text();
  row.layer = text();
  row.rule = text();
  row.origin = text();
  row.reason = text();
  row.shadow = head.at(++at).as_bool();
  trace.number = number();
  for (const json::value& name : head.at(++at).as_array()) {
    trace.names.emplace_back(json::value_to<std::string>(name.at(0)),
                             json::value_to<std::uint64_t>(name.at(1)));
  }
  trace.record = record;
  return trace;
}

}  // namespace

std::string told_trace(const ToldTrace& trace) {
  const TraceRow& row = trace.row;
  json::array names;
  for (const auto& [id, version] : trace.names) names.push_back(json::array{id, version});
  return item_of(
      {of_trace, row.id, to_millis(row.time), row.outcome, row.client_ip, row.mail_from, row.rcpt,
       of(row.webhook_id), of(row.account_id), row.code, row.enhanced, row.reply, row.layer,
       row.rule, row.origin, row.reason, row.shadow, trace.number, std::move(names)},
      trace.record);
}

std::string told_definition(const ToldDefinition& definition) {
  return item_of({of_definition, definition.id, definition.version, definition.account},
                 definition.text);
}

std::string told_forgotten(std::string_view account) {
  return item_of({of_forgotten, account}, "");
}

std::optional<ToldItem> read_item(std::string_view item) {
  const std::size_t end = item.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view rest = item.substr(end + 1);
  boost::system::error_code bad;
  json::parse_options lenient;
  lenient.allow_invalid_utf8 = true;  // addresses are as clients wrote them
  const json::value head = json::parse(item.substr(0, end), bad, {}, lenient);
  if (bad || !head.is_array() || head.get_array().empty()) return std::nullopt;
  try {
    const json::array& members = head.get_array();
    const auto kind = json::value_to<std::string>(members.at(0));
    if (kind == of_trace) return read_trace(members, rest);
    if (kind == of_definition) {
      return ToldDefinition{.id = json::value_to<std::string>(members.at(1)),
                            .version = json::value_to<std::uint64_t>(members.at(2)),
                            .account = json::value_to<std::string>(members.at(3)),
                            .text = std::string(rest)};
    }
    if (kind == of_forgotten) return json::value_to<std::string>(members.at(1));
  } catch (const std::exception&) {
    return std::nullopt;  // a member is missing, or has another type
  }
  return std::nullopt;
}

}  // namespace postern::store
