#include "cli/queue_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/time_text.h"
#include "cli/mail_text.h"
#include "telemetry/log_record.h"

namespace postern::app {
namespace {

namespace json = boost::json;

/// A member as safe terminal text; empty if it is null or missing.
std::string text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? telemetry::clean(std::string_view(value->get_string()))
                                     : std::string();
}

std::uint64_t number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

const json::array& array(const json::object& object, std::string_view name) {
  static const json::array none;
  const json::value* value = object.if_contains(name);
  return value && value->is_array() ? value->get_array() : none;
}

std::string octets(std::uint64_t count) {
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (count < 1024) return fmt::format("{} octets", count);
  double size = static_cast<double>(count) / 1024;
  std::size_t unit = 0;
  while (size >= 1024 && unit < 3) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

/// The two largest units: "2h 5m".
std::string span(std::chrono::seconds seconds) {
  constexpr std::pair<std::int64_t, const char*> units[] = {
      {86'400, "d"}, {3'600, "h"}, {60, "m"}, {1, "s"}};
  std::int64_t left = std::max<std::int64_t>(seconds.count(), 0);
  std::string out;
  int shown = 0;
  for (const auto& [length, unit] : units) {
    if (left < length || shown == 2) continue;
    out += fmt::format("{}{}{}", out.empty() ? "" : " ", left / length, unit);
    left %= length;
    ++shown;
  }
  return out.empty() ? "0s" : out;
}

std::chrono::seconds between(store::Time from, store::Time to) {
  return std::chrono::duration_cast<std::chrono::seconds>(to - from);
}

/// "2h ago"; empty without a time.
std::string ago(const std::string& time, store::Time now) {
  const auto at = from_rfc3339(time);
  return at ? span(between(*at, now)) + " ago" : std::string();
}

std::string ahead(const std::string& time, store::Time now) {
  const auto at = from_rfc3339(time);
  if (!at) return {};
  return *at <= now ? "now" : "in " + span(between(now, *at));
}

std::string counted_member(const json::object& object, std::string_view name,
                           std::string_view thing) {
  const std::uint64_t count = number(object, name);
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

/// The commands that fit a message in its state.
std::string next_steps(const json::object& message) {
  const std::string id = text(message, "id");
  const bool is_damaged = !text(message, "damage").empty();
  bool can_try = false;
  bool can_hold = false;
  bool can_release = false;
  for (const json::value& value : array(message, "recipients")) {
    const std::string state = text(value.as_object(), "state");
    can_try = can_try || state == "queued" || state == "dead";
    can_hold = can_hold || state == "queued";
    can_release = can_release || state == "held" || state == "quarantined";
  }
  std::string out = "\nWhat you can do:\n";
  const auto add = [&](std::string_view word, std::string_view what) {
    out += fmt::format("  postern queue {} {}  {}\n", word, id, what);
  };
  if (can_try && !is_damaged) add("retry", "tries the delivery now");
  if (can_hold && !is_damaged) add("hold", "stops deliveries until it is released");
  if (can_release && !is_damaged) add("release", "delivers what is held or quarantined");
  add("drop", "deletes the message for good");
  if (const std::string trace = text(message, "trace_id"); !trace.empty()) {
    out += fmt::format("  postern explain {}  says why it was accepted\n", trace);
  }
  return out;
}

}  // namespace

std::string listed_text(const json::object& message, store::Time now) {
  const std::string damage = text(message, "damage");
  std::string out =
      fmt::format("{}  <{}>  {}  {}{}\n", text(message, "id"), text(message, "sender"),
                  octets(number(message, "size")), ago(text(message, "received_at"), now),
                  damage.empty() ? "" : "  DAMAGED: " + damage);
  const json::array& recipients = array(message, "recipients");
  for (const json::value& value : recipients) {
    const json::object& recipient = value.as_object();
    const std::string next =
        flag(recipient, "under_way") ? "under way" : ahead(text(recipient, "next_attempt_at"), now);
    std::string reply = text(recipient, "last_reply");
    if (const std::string aside = text(recipient, "quarantine"); !aside.empty()) reply = aside;
    out += fmt::format("  {:<11}  {}  {}  {}{}{}\n", text(recipient, "state"),
                       text(recipient, "address"), text(recipient, "destination"),
                       counted_member(recipient, "attempts", "attempt"),
                       next.empty() ? "" : ", next " + next, reply.empty() ? "" : ": " + reply);
  }
  const std::uint64_t count = number(message, "recipient_count");
  if (count > recipients.size()) {
    out += fmt::format("  and {} more recipients\n", count - recipients.size());
  }
  return out;
}

std::string message_text(const json::object& message, store::Time now) {
  const std::string received = text(message, "received_at");
  std::string out = fact("id", text(message, "id")) +
                    fact("received", fmt::format("{} ({})", received, ago(received, now))) +
                    fact("sender", "<" + text(message, "sender") + ">") +
                    fact("size", octets(number(message, "size")));
  for (const auto& [name, member] : {std::pair{"damage", "damage"},
                                     {"account", "account"},
                                     {"signed in", "authn_id"},
                                     {"decision", "trace_id"},
                                     {"RET", "ret"},
                                     {"ENVID", "envid"}}) {
    if (const std::string value = text(message, member); !value.empty()) out += fact(name, value);
  }
  std::string needs;
  for (const auto& [word, member] : {std::pair{"8BITMIME", "eight_bit"},
                                     {"SMTPUTF8", "smtputf8"},
                                     {"REQUIRETLS", "require_tls"}}) {
    if (flag(message, member)) needs += (needs.empty() ? "" : ", ") + std::string(word);
  }
  if (!needs.empty()) out += fact("needs", needs);
  for (const json::value& value : array(message, "recipients")) {
    const json::object& recipient = value.as_object();
    out += "\n" + text(recipient, "address") + "\n" + fact("state", text(recipient, "state")) +
           fact("goes to", text(recipient, "destination")) +
           fact("attempts", fmt::format("{}{}", number(recipient, "attempts"),
                                        flag(recipient, "under_way") ? ", one under way" : ""));
    if (const std::string next = text(recipient, "next_attempt_at"); !next.empty()) {
      out += fact("next", fmt::format("{} ({})", next, ahead(next, now)));
    }
    for (const auto& [name, member] : {std::pair{"kept for", "quarantine"},
                                       {"last reply", "last_reply"},
                                       {"NOTIFY", "notify"},
                                       {"ORCPT", "orcpt"}}) {
      if (const std::string one = text(recipient, member); !one.empty()) out += fact(name, one);
    }
  }
  return out + next_steps(message);
}

std::string destinations_text(const json::object& answer, store::Time now) {
  const json::array& rows = array(answer, "data");
  if (rows.empty()) return {};
  std::size_t wide = 11;
  for (const json::value& value : rows) {
    wide = std::max(wide, text(value.as_object(), "destination").size());
  }
  std::string out = "recipients, by their state:\n";
  out += fmt::format("{:<{}}  {:>8}  {:>8}  {:>8}  {:>11}  {:>10}  {}\n", "destination", wide,
                     "queued", "held", "dead", "quarantined", "oldest", "next");
  for (const json::value& value : rows) {
    const json::object& row = value.as_object();
    const std::string sleeping = text(row, "sleeping_until");
    const auto oldest = from_rfc3339(text(row, "oldest_at"));
    out += fmt::format(
        "{:<{}}  {:>8}  {:>8}  {:>8}  {:>11}  {:>10}  {}{}\n", text(row, "destination"), wide,
        number(row, "queued"), number(row, "held"), number(row, "dead"), number(row, "quarantined"),
        oldest ? span(between(*oldest, now)) : "", ahead(text(row, "next_attempt_at"), now),
        sleeping.empty() ? "" : ", sleeps " + ahead(sleeping, now));
    while (out.ends_with(" \n")) out.erase(out.size() - 2, 1);
  }
  return out;
}

std::string verification_text(const json::object& found) {
  std::string out;
  for (const json::value& value : array(found, "findings")) {
    const json::object& one = value.as_object();
    const std::string message = text(one, "message");
    out += fmt::format("{}: {}\n", message.empty() ? "the database" : message, text(one, "what"));
  }
  const std::uint64_t wrong = number(found, "wrong");
  return out + fmt::format("{}, {}, {}: {}\n", counted_member(found, "messages", "message"),
                           counted_member(found, "recipients", "recipient"),
                           octets(number(found, "octets")),
                           wrong == 0 ? "nothing is wrong" : fmt::format("{} wrong", wrong));
}

}  // namespace postern::app
