#include "cli/commands_explain.h"

#include <unistd.h>

#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>

#include "admin/publisher.h"
#include "base/text.h"
#include "base/time_text.h"
#include "base/ulid.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "cli/queue_access.h"
#include "cli/running_policies.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "config/script_runtime.h"
#include "explain/live.h"
#include "explain/report.h"
#include "policy/record.h"
#include "ptest/run.h"
#include "ptest/test_of_trace.h"
#include "store/operators.h"
#include "store/sqlite_store.h"

namespace postern::app {

namespace {

/// The gateway commits a trace some time after the reply.
constexpr std::chrono::milliseconds record_patience{1000};
constexpr std::chrono::milliseconds record_pause{50};

int fail_with(ExitCode code, std::string_view message, std::string_view hint, bool json) {
  std::cerr << error_text(message, hint, json);
  return to_int(code);
}

Result<std::string> wait_for_record(LiveData& data, const std::string& id) {
  const auto until = std::chrono::steady_clock::now() + record_patience;
  while (true) {
    const auto answer = data.ask("trace", {{"id", id}});
    if (!answer) return tl::unexpected(answer.error());
    if (const auto* record = answer->at("record").if_string()) return std::string(*record);
    if (std::chrono::steady_clock::now() >= until) return fail(Fault::not_found, "no trace " + id);
    std::this_thread::sleep_for(record_pause);
  }
}

/// Of ids with another prefix than those of messages and deliveries: what they name.
constexpr std::pair<std::string_view, std::string_view> other_prefixes[] = {
    {"wh_", "a webhook"},   {"pol_", "a policy"},
    {"acc_", "an account"}, {"dom_", "a domain"},
    {"key_", "a key"},      {"tok_", "an API token"},
    {"ses_", "a sign-in"},  {"al_", "a record of the audit log"},
};

/// The id as it is stored; nullopt: it cannot lead to a decision.
std::optional<std::string> stored_id(std::string_view text) {
  const std::size_t prefix = text.find('_') + 1;
  std::string id = lower(text.substr(0, prefix)) + upper(text.substr(prefix));
  const bool known = prefix == 0 || id.starts_with("msg_") || id.starts_with("log_");
  return known && is_ulid(std::string_view(id).substr(prefix)) ? std::optional(std::move(id))
                                                               : std::nullopt;
}

std::string hint_about(std::string_view text) {
  for (const auto& [prefix, what] : other_prefixes) {
    if (!text.starts_with(prefix)) continue;
    return fmt::format(
        "it is the id of {}; the decisions that name it are found by a search: the page Traces, or "
        "GET /api/v1/traces?q=...",
        what);
  }
  if (text.find('@') != std::string_view::npos) {
    return "the sender made this id: the log has the session of its message, with the field "
           "`trace`; a search for the addresses finds it too (the page Traces, or GET "
           "/api/v1/traces?q=...)";
  }
  return "an id has 26 letters and digits, as in 01JD9X3V5W6Y7Z8A9B0C1D2E3F: that of a decision "
         "(`trace` in the log), a session or a message; that of a webhook's delivery has `msg_` or "
         "`log_` before it";
}

/// A decision that was found by an id.
struct Sought {
  std::string trace;   ///< its own id
  std::string record;  ///< what is stored of it
  std::string note;    ///< what the id names, if not the decision
};

/// Why no decision, or no single one, is shown.
struct NotFound {
  Error error;
  std::string hint = {};
};

tl::unexpected<NotFound> not_found(Error error) {
  return tl::unexpected<NotFound>(NotFound{.error = std::move(error)});
}

/// "01JD…  2026-11-20T14:00:00Z  rejected 550  <a@example.org> to <b@example.net>"
std::string trace_line(const boost::json::object& row) {
  const auto code = row.at("code").to_number<int>();
  const std::string rcpt = text_of(row, "rcpt");
  return fmt::format("{}  {}  {}{}  <{}>{}", text_of(row, "id"),
                     to_rfc3339(store::from_millis(row.at("time").to_number<std::int64_t>()), 0),
                     text_of(row, "outcome"), code == 0 ? "" : fmt::format(" {}", code),
                     printable(text_of(row, "mail_from"), 255),
                     rcpt.empty() ? "" : fmt::format(" to <{}>", printable(rcpt, 255)));
}

/// The decision on what the id names, if it is not the id of a decision. Of a message that waits,
/// the queue knows it.
tl::expected<Sought, NotFound> by_another_id(LiveData& data, const Config& config,
                                             const std::string& id) {
  const auto found = data.ask("decisions", {{"id", id}});
  if (!found) return not_found(found.error());
  const boost::json::array& rows = found->at("rows").as_array();
  const std::string what = text_of(*found, "what");
  if (rows.size() > 1) {
    std::string lines = "explain one of them, by its own id:";
    for (const auto& row : rows) lines += "\n    " + trace_line(row.as_object());
    return tl::unexpected<NotFound>(NotFound{
        .error = {Fault::not_found,
                  fmt::format("{} is the id of {} with {} decisions", id, what, rows.size())},
        .hint = std::move(lines)});
  }
  std::string trace = rows.empty() ? "" : text_of(rows.front().as_object(), "id");
  std::string note = fmt::format("{} is the id of {}, and this is the decision on it", id, what);
  if (trace.empty()) {
    const auto queue = is_ulid(id) ? open_queue(config.server.data_dir.string())
                                   : tl::unexpected<QueueError>(QueueError{});
    const auto message = queue ? (*queue)->show(id) : tl::unexpected<QueueError>(QueueError{});
    if (message) trace = text_of(*message, "trace_id");
    if (message && trace.empty()) {
      return tl::unexpected<NotFound>(
          NotFound{.error = {Fault::not_found,
                             id + " is a message that no client sent: no decision let it in"},
                   .hint = fmt::format("`postern queue show {}` shows it; if it is a report, the "
                                       "log line report.queued names the message it is about as "
                                       "`original`",
                                       id)});
    }
    note = id + " is the queue's id of a message, and this is the decision on it";
  }
  if (trace.empty()) return not_found({Fault::not_found, "no trace " + id});
  const auto answer = data.ask("trace", {{"id", trace}});
  if (!answer) return not_found(answer.error());
  const auto* record = answer->at("record").if_string();
  if (record == nullptr) return not_found({Fault::not_found, "no trace " + trace});
  return Sought{std::move(trace), std::string(*record), std::move(note)};
}

tl::expected<Sought, NotFound> sought(LiveData& data, const Config& config, const std::string& id) {
  if (!is_ulid(id)) return by_another_id(data, config, id);
  Result<std::string> record = wait_for_record(data, id);
  if (record) return Sought{id, std::move(*record), {}};
  if (!record.error().message.starts_with("no trace")) return not_found(record.error());
  return by_another_id(data, config, id);
}

tl::expected<Explanation, NotFound> recorded(const Config& config, const std::string& id,
                                             const std::optional<Secret>& password) {
  LiveData data(config.server.data_dir);
  const auto found = sought(data, config, id);
  if (!found) return tl::unexpected(found.error());
  const auto definitions = [&](const std::string& name,
                               std::uint64_t version) -> Result<std::string> {
    const auto answer = data.ask("trace-definition", {{"id", name}, {"version", version}});
    if (!answer) return tl::unexpected(answer.error());
    return std::string(answer->at("text").as_string());
  };
  auto explanation = explanation_of(found->record, definitions, password ? &*password : nullptr);
  if (!explanation) return not_found(explanation.error());
  explanation->note = found->note;
  return std::move(*explanation);
}

/// Loads the store's policies if there is a store, and closes it before deciding. Whether lists
/// that were set through the API stay in force over those of the configuration.
Result<bool> load_policies(bool there, Config& running, policy::Directory& directory) {
  LiveData::Control control;
  if (there || !running.cluster.database.empty()) {
    auto opened = open_control(running);
    if (!opened) return tl::unexpected(opened.error());
    control = std::move(*opened);
  } else {
    auto empty = store::SqliteStore::open(":memory:");
    if (!empty) return tl::unexpected(empty.error());
    control.store = std::move(*empty);
  }
  const Result<bool> over = take_running_lists(running, *control.store);
  if (!over) return over;
  auto operators = store::Operators(*control.store, running.api.operators).accounts();
  if (!operators) return tl::unexpected(operators.error());
  running.api.operators = std::move(*operators);
  admin::Publisher publisher(*control.store, directory, running.webhooks.public_domain);
  if (Result<void> loaded = publisher.load(); !loaded) return tl::unexpected(loaded.error());
  return over;
}

/// Whether no account has this name; known only if policies are the only source of accounts.
bool nobody_has(const std::string& name, const Config& config, const policy::Directory& directory) {
  const auto asks = [](const gateway::AuthSource& source) {
    return source.kind != gateway::AuthSource::Kind::none;
  };
  const bool scripts = (config.lua.loaded && config.lua.mode == LuaMode::enforce) ||
                       (config.vsl.loaded && config.vsl.mode == LuaMode::enforce);
  return !scripts && std::ranges::none_of(config.auth.sources, asks) &&
         (!config.auth.policies || directory.credentials(name, 1).empty());
}

/// What the gateway of the data directory remembers of an address, or its file does.
std::optional<relay::VerifiedEntry> remembered(LiveData& data, const std::string& address) {
  using Kind = relay::Verified::Kind;
  const auto answer = data.ask("verified", {{"address", address}});
  const auto* const result = answer ? answer->if_contains("result") : nullptr;
  if (result == nullptr || !result->is_object()) return std::nullopt;
  const boost::json::object& row = result->get_object();
  const auto kind = row.at("kind").to_number<std::int64_t>();
  if (kind < 0 || kind > static_cast<std::int64_t>(Kind::deferred)) return std::nullopt;
  return relay::VerifiedEntry{{static_cast<Kind>(kind), text_of(row, "why")},
                              store::from_millis(row.at("found_at").to_number<std::int64_t>())};
}

/// Decides with the store's policies, then treats the record like a trace of the gateway.
Result<Explanation> live(const Config& config, const ExplainOptions& options) {
  const std::filesystem::path path = config.server.data_dir / "postern.db";
  std::error_code unreadable;
  const bool there = std::filesystem::exists(path, unreadable);
  // Restriction lists are part of the configuration: they decide even without webhooks.
  const bool in_cluster = !config.cluster.database.empty();
  if (!there && !in_cluster && !config.restrictions.present && !config.lua.loaded &&
      !config.vsl.loaded) {
    return fail(Fault::not_found, "there is no " + path.string());
  }
  Config running = config;
  policy::Directory directory;
  const Result<bool> over = load_policies(there, running, directory);
  if (!over) return tl::unexpected(over.error());
  for (const auto& runtime : {running.lua.runtime, running.vsl.runtime}) {
    if (runtime) runtime->simulate();
  }
  LiveData data(config.server.data_dir);
  const Result<policy::Trace> trace =
      decide_live(running, options, directory,
                  [&data](const std::string& address) { return remembered(data, address); });
  if (!trace) return tl::unexpected(trace.error());
  const auto kept = policy::definitions_of(*trace);
  Result<Explanation> explanation =
      explanation_of(policy::write_record(*trace),
                     [&kept](const std::string& id, std::uint64_t version) -> Result<std::string> {
                       for (const policy::Definition& one : kept) {
                         if (one.id == id && one.version == version) return one.text;
                       }
                       return fail(Fault::bug, id + " is not kept");
                     });
  if (!explanation) return explanation;
  explanation->live = true;
  if (*over) {
    explanation->note =
        "the lists are those that were set through the API: they stay in force over the file's";
  }
  if (options.auth && nobody_has(*options.auth, running, directory)) {
    explanation->note = fmt::format(
        "no account has the user name {}: the gateway would answer AUTH with 535", *options.auth);
  }
  return explanation;
}

int explain_error(const NotFound& failed, const Config& config, const ExplainOptions& options) {
  const Error& error = failed.error;
  const std::string data_dir = config.server.data_dir.string();
  if (error.fault == Fault::not_found) {
    std::string hint = failed.hint;
    if (hint.empty()) {
      hint = options.id
                 ? fmt::format(
                       "search the log for it: `trace` in its lines is the id of a decision. There "
                       "is none for a line session.refused, where the session itself refused, nor "
                       "for a report (report.queued), which names its message as `original`. {} "
                       "keeps traces for as long as `traces.keep` says; --data-dir names another "
                       "directory",
                       data_dir)
                 : std::string(
                       "name a file that exists, or the gateway's data directory with --data-dir "
                       "DIR or --config FILE");
    }
    const std::string where = options.id ? fmt::format(" in {}/traces.db", data_dir) : "";
    const bool unknown = error.message.starts_with("no trace");
    return fail_with(ExitCode::no_input, error.message + (unknown ? where : ""), hint,
                     options.json);
  }
  if (error.fault == Fault::malformed) {
    return fail_with(ExitCode::bad_data, error.message, "", options.json);
  }
  return fail_with(exit_code_of(error.fault), error.message, "", options.json);
}

/// "refused at rcpt by reject_rbl_client (01JD9X…)", "… (192.0.2.7, a@example.org to
/// b@example.com)". A file has no name twice.
std::string test_name(const policy::Trace& trace, const ExplainOptions& options) {
  const policy::Evidence& evidence = trace.evidence;
  std::string said = evidence.session.client_ip.to_string();
  if (evidence.reverse_path) said += ", " + evidence.reverse_path->text();
  for (const policy::Decision& one : trace.decisions) {
    if (one.recipient.empty()) continue;
    said += " to " + one.recipient;
    break;
  }
  const std::string id = options.id       ? " (" + trace.id + ")"
                         : options.redact ? std::string()
                                          : " (" + said + ")";
  const ptest::Got got = ptest::got_of(trace);
  const auto rule = got.find("rule");
  return rule == got.end() ? got.at("verdict") + id
                           : fmt::format("{} at {} by {}{}", got.at("verdict"), got.at("stage"),
                                         rule->second, id);
}

}  // namespace

int explain(const Config& config, const ExplainOptions& options) {
  const auto id = stored_id(options.id.value_or(""));
  if (options.id && !id) {
    return fail_with(ExitCode::usage,
                     fmt::format("`{}` is not the id of a decision", printable(*options.id, 64)),
                     hint_about(*options.id), options.json);
  }
  const tl::expected<Explanation, NotFound> explanation =
      options.id ? recorded(config, *id, options.password)
                 : live(config, options).map_error([](Error error) {
                     return NotFound{.error = std::move(error)};
                   });
  if (!explanation) return explain_error(explanation.error(), config, options);
  if (options.as_test) {
    ptest::AsTest how{.name = test_name(explanation->trace, options), .redact = options.redact};
    if (options.with_message) {
      Result<std::string> text = read_input(*options.message, std::cin);
      if (!text) return explain_error({.error = text.error()}, config, options);
      how.message = std::move(*text);
    }
    std::cout << ptest::as_test(explanation->trace, how);
  } else if (options.json) {
    std::cout << json_text(explanation_json(*explanation)) << '\n';
  } else {
    std::cout << explanation_text(*explanation, !options.no_color && ::isatty(STDOUT_FILENO) == 1);
  }
  std::cout.flush();
  if (options.exit_code && was_refused(explanation->trace)) return to_int(ExitCode::no);
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
