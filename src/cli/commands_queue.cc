#include "cli/commands_queue.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/queue_filter.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/ulid.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "cli/queue_access.h"
#include "cli/queue_text.h"
#include "spool/words.h"
#include "store/database.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using Access = std::unique_ptr<QueueAccess>;

constexpr std::uint64_t listed_messages = 50;
constexpr std::uint64_t most_listed = 1'000'000;
constexpr std::uint64_t listed_at_once = 200;

std::string_view hint_of(const QueueError& error) {
  if (!error.hint.empty() || error.code != ExitCode::no_input) return error.hint;
  return "`postern queue list` shows ids; what is delivered or dropped is no longer in the queue";
}

int report_queue_error(const QueueError& error, const Arguments& arguments, Streams& streams) {
  report(error.message, hint_of(error), arguments.has("--json"), streams);
  return to_int(error.code);
}

int report_queue_usage(UsageError error, const Arguments& arguments, Streams& streams) {
  return report_usage(error, arguments.has("--json"), streams);
}

/// The filters of the command line, already checked.
tl::expected<QueueFilter, UsageError> filter_of(const Arguments& arguments) {
  QueueFilter filter;
  spool::ListFilter ignored;
  for (const std::string_view name : admin::queue_filters) {
    std::string option = "--" + std::string(name);
    std::replace(option.begin(), option.end(), '_', '-');
    const auto value = arguments.value(option);
    if (!value) continue;
    const Result<void> set = admin::set_filter(ignored, name, *value, store::now());
    if (!set) {
      return tl::unexpected(UsageError{
          fmt::format("{} {}, and `{}` is not", option, set.error().message, printable(*value, 64)),
          help_of(arguments)});
    }
    filter.emplace_back(name, *value);
  }
  return filter;
}

/// Opens the queue that the options name; prints errors.
tl::expected<Access, int> open_for(const Arguments& arguments, Streams& streams) {
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return tl::unexpected(to_int(ExitCode::config));
  auto queue = open_queue(config->server.data_dir.string());
  if (!queue) return tl::unexpected(report_queue_error(queue.error(), arguments, streams));
  return std::move(*queue);
}

std::string next_of(const json::object& answer) {
  const json::value* next = answer.if_contains("next");
  return next && next->is_string() ? std::string(next->get_string()) : std::string();
}

int act_on_all(QueueAccess& queue, spool::Action action, const QueueFilter& filter,
               admin::Notify notify, const Arguments& arguments, Streams& streams) {
  std::uint64_t changed = 0;
  std::uint64_t skipped = 0;
  std::string before;
  do {
    const auto answer = queue.act_on_all(action, filter, before, notify);
    if (!answer) return report_queue_error(answer.error(), arguments, streams);
    changed += answer->at("changed").to_number<std::uint64_t>();
    skipped += answer->at("skipped").to_number<std::uint64_t>();
    before = next_of(*answer);
  } while (!before.empty());
  if (arguments.has("--json")) {
    streams.out << json_text(json::object{{"changed", changed}, {"skipped", skipped}}) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << fmt::format("{} messages", changed)
                << (skipped > 0
                        ? fmt::format(", {} skipped: gone meanwhile, damaged or busy", skipped)
                        : "")
                << '\n';
  }
  return to_int(ExitCode::ok);
}

/// Acts on each id separately; the exit code is that of the first failure.
int act_on_each(QueueAccess& queue, spool::Action action, admin::Notify notify,
                const Arguments& arguments, Streams& streams) {
  ExitCode code = ExitCode::ok;
  for (const std::string& id : arguments.words) {
    const auto done = queue.act(action, id, notify);
    if (done) {
      if (arguments.has("--json")) {
        streams.out << json_text(json::object{{"id", id}, {"done", true}}) << '\n';
      }
      continue;
    }
    if (code == ExitCode::ok) code = done.error().code;
    report(fmt::format("{}: {}", id, done.error().message), hint_of(done.error()),
           arguments.has("--json"), streams);
  }
  return to_int(code);
}

int act(const Arguments& arguments, Streams& streams, spool::Action action) {
  const bool all = arguments.has("--all");
  const auto filter = filter_of(arguments);
  if (!filter) return report_queue_usage(filter.error(), arguments, streams);
  const std::string word(spool::to_string(action));
  if (all && !arguments.words.empty()) {
    return report_queue_usage({"--all and ids exclude each other", help_of(arguments)}, arguments,
                              streams);
  }
  if (all && filter->empty()) {
    return report_queue_usage(
        {"--all needs a filter", fmt::format("`postern queue {} --all --state {}`", word,
                                             action == spool::Action::hold ? "queued" : "held")},
        arguments, streams);
  }
  if (!all && !filter->empty()) {
    return report_queue_usage({"filters need --all", help_of(arguments)}, arguments, streams);
  }
  if (!all && arguments.words.empty()) {
    return report_queue_usage(
        {"which message?", fmt::format("`postern queue {} ID`, or --all and a filter; "
                                       "`postern queue list` shows ids",
                                       word)},
        arguments, streams);
  }
  for (const std::string& id : arguments.words) {
    if (is_ulid(id)) continue;
    return report_queue_usage({fmt::format("`{}` is not the id of a message", printable(id, 64)),
                               "`postern queue list` shows ids"},
                              arguments, streams);
  }
  if (action == spool::Action::drop && (all || arguments.words.size() > 1) &&
      !arguments.has("--yes")) {
    return report_queue_usage(
        {"dropping more than one message needs --yes",
         "`postern queue list` with the same filters shows which; they cannot be restored"},
        arguments, streams);
  }
  const auto queue = open_for(arguments, streams);
  if (!queue) return queue.error();
  const auto notify = arguments.has("--notify") ? admin::Notify::yes : admin::Notify::no;
  return all ? act_on_all(**queue, action, *filter, notify, arguments, streams)
             : act_on_each(**queue, action, notify, arguments, streams);
}

}  // namespace

int run_queue_retry(const Arguments& arguments, Streams& streams) {
  return act(arguments, streams, spool::Action::retry);
}
int run_queue_hold(const Arguments& arguments, Streams& streams) {
  return act(arguments, streams, spool::Action::hold);
}
int run_queue_release(const Arguments& arguments, Streams& streams) {
  return act(arguments, streams, spool::Action::release);
}
int run_queue_drop(const Arguments& arguments, Streams& streams) {
  return act(arguments, streams, spool::Action::drop);
}

int run_queue_list(const Arguments& arguments, Streams& streams) {
  const auto filter = filter_of(arguments);
  if (!filter) return report_queue_usage(filter.error(), arguments, streams);
  const auto limit =
      parse_number(arguments.value("--limit").value_or(std::to_string(listed_messages)));
  if (!limit || *limit == 0 || *limit > most_listed) {
    return report_queue_usage(
        {fmt::format("--limit takes a number from 1 to {}", most_listed), help_of(arguments)},
        arguments, streams);
  }
  const auto queue = open_for(arguments, streams);
  if (!queue) return queue.error();
  std::uint64_t shown = 0;
  std::string before;
  do {
    const auto answer = (*queue)->list(*filter, before, std::min(listed_at_once, *limit - shown));
    if (!answer) return report_queue_error(answer.error(), arguments, streams);
    for (const json::value& message : answer->at("data").as_array()) {
      streams.out << (arguments.has("--json") ? json_text(message) + "\n"
                                              : listed_text(message.as_object(), store::now()));
      ++shown;
    }
    before = next_of(*answer);
  } while (!before.empty() && shown < *limit && streams.out);
  if (!arguments.has("--json") && !arguments.has("--quiet")) {
    if (shown == 0) {
      streams.err << (filter->empty() ? "the queue is empty\n"
                                      : "no message matches the filters\n");
    } else if (!before.empty()) {
      streams.err << fmt::format("the newest {}; more with --limit N\n", shown);
    }
  }
  return to_int(ExitCode::ok);
}

int run_queue_show(const Arguments& arguments, Streams& streams) {
  if (arguments.words.empty()) {
    return report_queue_usage(
        {"which message?", "`postern queue show ID`; `postern queue list` shows ids"}, arguments,
        streams);
  }
  if (!is_ulid(arguments.words.front())) {
    return report_queue_usage(
        {fmt::format("`{}` is not the id of a message", printable(arguments.words.front(), 64)),
         "`postern queue list` shows ids"},
        arguments, streams);
  }
  const auto queue = open_for(arguments, streams);
  if (!queue) return queue.error();
  const std::string& id = arguments.words.front();
  if (arguments.has("--message")) {
    const auto done = (*queue)->text(
        id, [&](std::string_view piece) { return write_octets(streams.out, piece); });
    if (!done) return report_queue_error(done.error(), arguments, streams);
    streams.out.flush();
    return to_int(streams.out ? ExitCode::ok : ExitCode::io);
  }
  const auto message = (*queue)->show(id);
  if (!message) return report_queue_error(message.error(), arguments, streams);
  streams.out << (arguments.has("--json") ? json_text(*message) + "\n"
                                          : message_text(*message, store::now()));
  return to_int(ExitCode::ok);
}

int run_queue_verify(const Arguments& arguments, Streams& streams) {
  const auto queue = open_for(arguments, streams);
  if (!queue) return queue.error();
  const auto found = (*queue)->verify();
  if (!found) return report_queue_error(found.error(), arguments, streams);
  const bool wrong = found->at("wrong").to_number<std::uint64_t>() != 0;
  if (arguments.has("--json")) {
    streams.out << json_text(*found) << '\n';
  } else if (wrong || !arguments.has("--quiet")) {
    streams.out << verification_text(*found);
  }
  return to_int(wrong ? ExitCode::no : ExitCode::ok);
}

int run_queue_destinations(const Arguments& arguments, Streams& streams) {
  const auto queue = open_for(arguments, streams);
  if (!queue) return queue.error();
  const auto answer = (*queue)->destinations();
  if (!answer) return report_queue_error(answer.error(), arguments, streams);
  if (arguments.has("--json")) {
    for (const json::value& row : answer->at("data").as_array()) {
      streams.out << json_text(row) << '\n';
    }
    return to_int(ExitCode::ok);
  }
  const std::string text = destinations_text(*answer, store::now());
  streams.out << text;
  if (text.empty() && !arguments.has("--quiet")) streams.err << "the queue is empty\n";
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
