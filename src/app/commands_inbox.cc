#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <ostream>
#include <thread>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/commands.h"
#include "app/commands_store.h"
#include "app/diagnostic.h"
#include "base/text.h"
#include "store/delivery_log.h"
#include "store/sqlite_store.h"
#include "telemetry/log_record.h"

namespace postern::app {

namespace {

constexpr std::uint64_t default_limit = 20;
constexpr std::chrono::milliseconds poll_interval{300};

/// A webhook whose target is the inbox.
struct Box {
  std::string id;
  std::string address;
  std::uint64_t seen = 0;  ///< greatest sequence shown
};

struct Databases {
  std::unique_ptr<store::SqliteStore> control;
  std::unique_ptr<store::DeliveryLog> delivery;
};

Result<Databases> open_databases(const std::filesystem::path& data_dir) {
  // Opening would make the files; who looks for messages in the wrong place should hear so.
  for (const char* name : {"postern.db", "delivery.db"}) {
    std::error_code error;
    if (!std::filesystem::exists(data_dir / name, error)) {
      return fail(Fault::not_found, fmt::format("there is no {} in {}", name, data_dir.string()));
    }
  }
  auto control = store::SqliteStore::open((data_dir / "postern.db").string());
  if (!control) return tl::unexpected(control.error());
  auto delivery = store::DeliveryLog::open((data_dir / "delivery.db").string());
  if (!delivery) return tl::unexpected(delivery.error());
  return Databases{std::move(*control), std::move(*delivery)};
}

/// The boxes that `wanted` names by address or webhook id; all when it is empty.
Result<std::vector<Box>> find_boxes(store::Store& control, const std::string& wanted) {
  std::vector<Box> boxes;
  bool is_webhook = false;
  const Result<void> read = control.each_webhook([&](const store::WebhookRow& row) {
    const bool named = row.id == wanted || iequals(row.address, wanted);
    is_webhook = is_webhook || named;
    if (row.target_url == "inbox" && (wanted.empty() || named)) {
      boxes.push_back({row.id, row.address, 0});
    }
  });
  if (!read) return tl::unexpected(read.error());
  if (!boxes.empty()) return boxes;
  if (wanted.empty()) return fail(Fault::not_found, "no webhook has the target \"inbox\"");
  return fail(Fault::not_found,
              is_webhook
                  ? fmt::format("webhook `{}` does not deliver to the inbox", wanted)
                  : fmt::format("no webhook has the address or id `{}`", printable(wanted, 64)));
}

struct Shown {
  store::InboxMessage message;
  std::string address;
};

/// Messages newer than what was seen of each box, oldest first, the last `limit` of them.
Result<std::vector<Shown>> collect(store::DeliveryLog& delivery, std::vector<Box>& boxes,
                                   std::uint64_t limit) {
  std::vector<Shown> out;
  for (Box& box : boxes) {
    const auto listed = delivery.inbox(box.id, box.seen, {.offset = 0, .limit = limit});
    if (!listed) return tl::unexpected(listed.error());
    for (const store::InboxMessage& message : listed->rows) {
      box.seen = std::max(box.seen, message.sequence);
      out.push_back({message, box.address});
    }
  }
  std::sort(out.begin(), out.end(),
            [](const Shown& a, const Shown& b) { return a.message.sequence < b.message.sequence; });
  if (out.size() > limit) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(limit));
  return out;
}

std::string text_line(const Shown& shown) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(shown.message.received_at);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char when[32];
  std::strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
  const std::string sender =
      shown.message.sender.empty() ? "<>" : telemetry::clean(shown.message.sender);
  return fmt::format(
      "{}  {} \xe2\x86\x92 {}  {}  ({} octets, {})\n", when, sender,
      telemetry::clean(shown.address),
      shown.message.subject.empty() ? "(no subject)" : telemetry::clean(shown.message.subject),
      shown.message.payload_size, shown.message.id);
}

Result<std::string> json_line(store::DeliveryLog& delivery, const Shown& shown) {
  const auto whole = delivery.inbox_message(shown.message.webhook_id, shown.message.id);
  if (!whole) return tl::unexpected(whole.error());
  boost::json::object object{
      {"id", shown.message.id},
      {"webhook_id", shown.message.webhook_id},
      {"address", shown.address},
      {"received_at", telemetry::rfc3339(shown.message.received_at)},
      {"sender", shown.message.sender},
      {"subject", shown.message.subject},
  };
  boost::system::error_code error;
  const std::string payload = *whole ? (*whole)->payload : std::string();
  boost::json::value parsed = boost::json::parse(payload, error);
  // A payload template of the user's own need not be JSON.
  object["payload"] = error ? boost::json::value(payload) : std::move(parsed);
  return boost::json::serialize(object) + "\n";
}

Result<std::size_t> print_new(Databases& databases, std::vector<Box>& boxes, std::uint64_t limit,
                              bool json, std::ostream& out) {
  const auto messages = collect(*databases.delivery, boxes, limit);
  if (!messages) return tl::unexpected(messages.error());
  for (const Shown& shown : *messages) {
    if (!json) {
      out << text_line(shown);
      continue;
    }
    const Result<std::string> line = json_line(*databases.delivery, shown);
    if (!line) return tl::unexpected(line.error());
    out << *line;
  }
  out << std::flush;
  return messages->size();
}

}  // namespace

int run_inbox(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  const auto failed = [&](const Error& error, std::string_view hint) {
    report(error.message, hint, json, streams);
    return to_int(exit_code_of(error.fault));
  };
  const auto limit =
      parse_number(arguments.value("--limit").value_or(std::to_string(default_limit)));
  if (!limit || *limit == 0 || *limit > 10'000) {
    return report_usage({"--limit takes a number from 1 to 10000", "`postern inbox --help`"}, json,
                        streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  auto databases = open_databases(config->server.data_dir);
  if (!databases) {
    return failed(databases.error(),
                  "name the gateway's data directory with --data-dir DIR or --config FILE");
  }
  auto boxes =
      find_boxes(*databases->control, arguments.words.empty() ? "" : arguments.words.front());
  if (!boxes) {
    return failed(boxes.error(),
                  "make a webhook whose target_url is \"inbox\", then send it a message");
  }
  for (bool first = true;; first = false) {
    const auto printed = print_new(*databases, *boxes, *limit, json, streams.out);
    if (!printed) return failed(printed.error(), "try again");
    if (!arguments.has("--follow")) {
      if (first && *printed == 0 && !json && !arguments.has("--quiet")) {
        streams.err << "the inbox is empty\n";
      }
      return to_int(ExitCode::ok);
    }
    if (!streams.out) return to_int(ExitCode::ok);  // the reader is gone
    std::this_thread::sleep_for(poll_interval);
  }
}

}  // namespace postern::app
