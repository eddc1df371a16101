#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <ostream>
#include <thread>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "config/diagnostic.h"
#include "telemetry/log_record.h"

namespace postern::app {

namespace {

constexpr std::uint64_t shown_messages = 20;
constexpr std::chrono::milliseconds poll_interval{300};

/// A message in an answer; its payload is requested separately.
struct Shown {
  std::uint64_t number = 0;  ///< increases over all inboxes
  std::string id;
  std::string webhook_id;
  std::string address;
  store::Time received_at;
  std::string sender;
  std::string subject;
  std::uint64_t payload_size = 0;
};

std::vector<Shown> shown_of(const boost::json::object& answer) {
  std::vector<Shown> out;
  for (const boost::json::value& one : answer.at("messages").as_array()) {
    const auto text = [&](std::string_view name) { return std::string(one.at(name).as_string()); };
    out.push_back(
        {.number = one.at("number").to_number<std::uint64_t>(),
         .id = text("id"),
         .webhook_id = text("webhook_id"),
         .address = text("address"),
         .received_at = store::from_millis(one.at("received_at").to_number<std::int64_t>()),
         .sender = text("sender"),
         .subject = text("subject"),
         .payload_size = one.at("payload_size").to_number<std::uint64_t>()});
  }
  return out;
}

std::string text_line(const Shown& shown) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(shown.received_at);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char when[32];
  std::strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
  return fmt::format("{}  {} \xe2\x86\x92 {}  {}  ({} octets, {})\n", when,
                     shown.sender.empty() ? "<>" : telemetry::clean(shown.sender),
                     telemetry::clean(shown.address),
                     shown.subject.empty() ? "(no subject)" : telemetry::clean(shown.subject),
                     shown.payload_size, shown.id);
}

/// Reads and writes the payload in pieces, as it may not fit into memory.
Result<void> json_line(LiveData& data, const Shown& shown, std::ostream& out) {
  boost::json::object object{
      {"id", shown.id},           {"webhook_id", shown.webhook_id},
      {"address", shown.address}, {"received_at", to_rfc3339(shown.received_at, 6)},
      {"sender", shown.sender},   {"subject", shown.subject},
  };
  std::string head = json_text(object);
  head.back() = ',';
  head += "\"payload\":";
  Sha256 sum;
  for (std::uint64_t at = 0; at < shown.payload_size;) {
    const auto answer = data.ask(
        "inbox-payload", {{"webhook_id", shown.webhook_id}, {"id", shown.id}, {"offset", at}});
    if (!answer) return tl::unexpected(answer.error());
    const auto octets = base64_decode(std::string(answer->at("octets").as_string()));
    if (!octets || octets->empty()) {
      if (at == 0) return {};  // deleted in the meantime
      return fail(Fault::temporary, "the message was deleted while it was read");
    }
    if (at == 0) out << head;
    sum.add(*octets);
    at += octets->size();
    // The last piece is printed only if the checksum of the whole is right.
    if (at == shown.payload_size &&
        base64_encode(sum.finish()) != std::string(answer->at("digest").as_string())) {
      return fail(Fault::permanent, "a payload is not what was stored: its checksum differs");
    }
    out << *octets;
  }
  out << "}\n";
  return {};
}

/// Tells the owner what otherwise only senders see.
void warn_of_full(const boost::json::object& answer, std::ostream& err) {
  for (const boost::json::value& box : answer.at("full").as_array()) {
    const auto text = [&](std::string_view name) { return std::string(box.at(name).as_string()); };
    const auto number = [&](std::string_view name) {
      return box.at(name).to_number<std::uint64_t>();
    };
    err << fmt::format(
        "the inbox of {} is full: {} of {} messages, {} of {} octets, {} refused with 452; delete "
        "messages (DELETE /api/v1/webhooks/{}/inbox) or raise its limits\n",
        telemetry::clean(text("address")), number("messages"), number("max_messages"),
        number("octets"), number("max_octets"), number("refused"), text("webhook_id"));
  }
}

Result<void> print_messages(LiveData& data, const std::vector<Shown>& messages, bool json,
                            std::ostream& out) {
  for (const Shown& shown : messages) {
    if (!json) {
      out << text_line(shown);
      continue;
    }
    if (const Result<void> line = json_line(data, shown, out); !line) return line;
  }
  out << std::flush;
  return {};
}

}  // namespace

int run_inbox(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  const auto failed = [&](const Error& error, std::string_view hint) {
    report(error.message, hint, json, streams);
    return to_int(exit_code_of(error.fault));
  };
  const auto limit =
      parse_number(arguments.value("--limit").value_or(std::to_string(shown_messages)));
  if (!limit || *limit == 0 || *limit > 10'000) {
    return report_usage({"--limit takes a number from 1 to 10000", "`postern inbox --help`"}, json,
                        streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  LiveData data(config->server.data_dir);
  boost::json::object question{{"box", arguments.words.empty() ? "" : arguments.words.front()},
                               {"after", 0},
                               {"limit", *limit}};
  // Without a gateway no mail arrives: the databases are opened only once.
  std::optional<Result<boost::json::object>> answer = data.ask("inbox", question);
  for (bool first = true;; first = false) {
    if (answer && !*answer) {
      const bool elsewhere = answer->error().message.starts_with("there is no ");
      return failed(answer->error(),
                    elsewhere
                        ? "name the gateway's data directory with --data-dir DIR or --config FILE"
                    : answer->error().fault == Fault::not_found && !arguments.words.empty()
                        ? "`postern inbox` without an address shows all inboxes"
                    : answer->error().fault == Fault::not_found
                        ? "make a webhook whose target_url is \"inbox\" (Webhooks in the pages, or "
                          "POST /api/v1/webhooks); mail to its address is then shown here"
                    : answer->error().fault == Fault::temporary ? "try again"
                                                                : "`postern inbox --help`");
    }
    if (first && !arguments.has("--quiet")) warn_of_full(**answer, streams.err);
    const std::vector<Shown> messages = answer ? shown_of(**answer) : std::vector<Shown>();
    if (!messages.empty()) question["after"] = messages.back().number;
    if (const auto printed = print_messages(data, messages, json, streams.out); !printed) {
      return failed(printed.error(), "try again");
    }
    if (!arguments.has("--follow")) {
      if (first && messages.empty() && !json && !arguments.has("--quiet")) {
        streams.err << "the inbox is empty\n";
      }
      return to_int(ExitCode::ok);
    }
    if (!streams.out) return to_int(ExitCode::ok);  // the reader has closed its end
    std::this_thread::sleep_for(poll_interval);
    answer = data.ask_gateway("inbox", question);
  }
}

}  // namespace postern::app
